//! A port, found once by name and then used without looking for it.

/// A port of a model, from [`crate::Model::port`].
///
/// It is good for every instance of the same build. With a model of another design, every use panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortHandle {
    pub(crate) index: u32,
    pub(crate) width_bits: u32,
    /// Tells builds apart.
    pub(crate) build: u64,
}

impl PortHandle {
    /// Width in bits.
    pub fn width_bits(self) -> usize {
        self.width_bits as usize
    }

    /// How many bytes a value has.
    pub fn byte_count(self) -> usize {
        self.width_bits().div_ceil(8)
    }

    /// How many 32-bit words a value has.
    pub fn word_count(self) -> usize {
        self.width_bits().div_ceil(32)
    }

    /// The bits that the word at `index` may have set.
    pub(crate) fn word_mask(self, index: usize) -> u32 {
        match self.width_bits().saturating_sub(32 * index) {
            0 => 0,
            width @ 1..32 => (1 << width) - 1,
            _ => u32::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bits_of_the_port_are_in_the_masks() {
        for width_bits in 1..=130 {
            let handle = PortHandle {
                index: 0,
                width_bits,
                build: 0,
            };
            let bits = |index| handle.word_mask(index).count_ones();
            assert_eq!((0..handle.word_count()).map(bits).sum::<u32>(), width_bits);
            assert_eq!(bits(handle.word_count()), 0);
        }
    }
}
