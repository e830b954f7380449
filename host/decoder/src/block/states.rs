//! The states of a block, ready to be multiplied.

use seedlm_codec::{BlockCode, BlockDecoder};
use std::ops::BitXor;

/// States of a block with K = 16 and at most four for each weight, less 2^15, which is what inverting the highest bit does.
///
/// Two coefficients meet two neighbours in one instruction, which multiplies 16-bit numbers in pairs and adds the two products. [`place`]
/// says where states are; where a weight has no state 3 there is a zero.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(crate) struct States<const N: usize>(pub(crate) [i16; N]);

/// The states of all seeds. They are linear in the seed over GF(2): those of a seed are those of its low byte XOR those of its high byte.
#[repr(align(64))]
pub(crate) struct StateTables<const N: usize> {
    /// By the low byte of the seed, less 2^15.
    pub(crate) low: [States<N>; 256],
    /// By the high byte, as they are.
    pub(crate) high: [States<N>; 256],
}

/// Where state `p` of a weight is: eight weights have their states 0 and 1, then 2 and 3, and the four weights after them likewise.
#[inline(always)]
pub(crate) const fn place(weight: usize, p: usize) -> usize {
    let (weights, weight) = if weight < 8 { (8, weight) } else { (4, weight - 8) };
    32 * (weights == 4) as usize + 2 * weights * (p / 2) + 2 * weight + p % 2
}

impl<const N: usize> StateTables<N> {
    /// Tables for K = 16 and `N = 4 C`.
    pub(crate) fn new(code: &BlockCode) -> Self {
        let decoder = BlockDecoder::new(code);
        // State 0 is no seed, and what is linear maps it to 0: entries, which are centred, are -2^15.
        let centred = |seed: u32| {
            let mut states = States([0; N]);
            let latent = code.latent_dimension();
            for (index, entry) in decoder.entries(seed).into_iter().enumerate() {
                states.0[place(index / latent, index % latent)] = entry as i16;
            }
            states
        };
        let zero = centred(0);
        StateTables {
            low: std::array::from_fn(|byte| centred(byte as u32)),
            high: std::array::from_fn(|byte| centred((byte as u32) << 8) ^ zero),
        }
    }

    /// The states of the seed in the low bits of a word.
    #[inline(always)]
    pub(crate) fn states(&self, word: u64) -> States<N> {
        self.low[word as usize & 255] ^ self.high[word as usize >> 8 & 255]
    }
}

impl<const N: usize> BitXor for States<N> {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        States(std::array::from_fn(|place| self.0[place] ^ other.0[place]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_the_states_of_every_seed() {
        fn check<const N: usize>(name: &str) {
            let code = BlockCode::preset(name).unwrap();
            let tables = StateTables::<N>::new(&code);
            let latent = code.latent_dimension();
            for seed in 1..1 << 16 {
                let states = tables.states(seed.into()).0;
                let entries = BlockDecoder::new(&code).entries(seed);
                assert_eq!(entries.len(), N / 4 * latent);
                for (index, entry) in entries.into_iter().enumerate() {
                    assert_eq!(i32::from(states[place(index / latent, index % latent)]), entry);
                }
                if latent == 3 {
                    assert!((0..N / 4).all(|weight| states[place(weight, 3)] == 0));
                }
            }
        }
        check::<32>("paper-4b");
        check::<48>("paper-3b");
    }
}
