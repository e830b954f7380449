//! Chained codes whose windows have at most 16 bits and whose maps have at most three fields of at most 4 bits, many windows at once.
//!
//! A shorter window is one of 16 bits whose oldest bits no mask names, so there is only one length. The fields of a window are the XOR of
//! what its four *nibbles* (4 bits each) give, and a byte shuffle looks up 16 to 64 nibbles in one instruction.

#[cfg(target_arch = "x86_64")]
use super::vector::{avx2, avx512};
use crate::row_bits::RowBits;
use crate::stores::Stores;
use seedlm_codec::ChainedCode;
use seedlm_instructions::Instructions;

/// Weights are decoded by so many.
pub(crate) const GROUP: usize = 64;

/// Bits of a window.
const WINDOW: usize = 16;

/// Most stored bits per weight: the windows of 16 weights then lie within 16 bytes.
const MOST_STORED: u32 = 7;

/// Where windows lie, and what their nibbles give.
///
/// 16 weights are cut from 16 bytes, which begin with the 16 bits before their own: window `j` begins at bit `k (j + 1)`.
pub(crate) struct Nibbles {
    /// Stored bits per weight `k`: 16 weights take `2 k` bytes, 64 take `8 k`.
    pub(crate) stored: usize,
    /// For each nibble, lowest first, and each of its values: fields 0 and 1, in the lower and the upper 4 bits.
    pub(crate) pair: [[u8; 16]; 4],
    /// Likewise field 2.
    pub(crate) third: [[u8; 16]; 4],
    /// For windows 0 to 7 and 8 to 15: which two bytes hold the lower byte of each window, [`Nibbles::offsets`] bits higher.
    pub(crate) low: [[u8; 16]; 2],
    /// Likewise the upper byte.
    pub(crate) high: [[u8; 16]; 2],
    /// By how many bits (0..=7) each window is shifted in its bytes.
    pub(crate) offsets: [[u16; 8]; 2],
    /// The largest integer weight: 2 * (sum of the fields) less this is a weight.
    pub(crate) largest: i8,
}

impl Nibbles {
    /// Tables, if the code is such a code.
    pub(crate) fn new(code: &ChainedCode) -> Option<Self> {
        let (map, stored) = (code.map(), code.bits_per_weight());
        let fits = map.fields().len() <= 3 && map.fields().iter().all(|masks| masks.len() <= 4);
        if !fits || map.length() as usize > WINDOW || stored > MOST_STORED {
            return None;
        }
        let oldest = WINDOW as u32 - map.length();
        let field = |index: usize, window: u32| {
            let masks = map.fields().get(index).map_or(&[][..], |masks| &masks[..]);
            let bits = masks.iter().enumerate();
            bits.fold(0, |field, (bit, mask)| {
                field | ((window & mask << oldest).count_ones() as u8 & 1) << bit
            })
        };
        let table = |make: &dyn Fn(u32) -> u8| {
            std::array::from_fn(|nibble| std::array::from_fn(|value| make((value as u32) << (4 * nibble))))
        };
        let start = |half: usize, index: usize| stored as usize * (8 * half + index + 1);
        // Bytes beyond the 16 are of windows that end before them: any will do.
        let bytes = |more: usize| {
            std::array::from_fn(|half| {
                std::array::from_fn(|place| ((start(half, place / 2) / 8 + place % 2 + more) % 16) as u8)
            })
        };
        Some(Nibbles {
            stored: stored as usize,
            pair: table(&|window| field(0, window) | field(1, window) << 4),
            third: table(&|window| field(2, window)),
            low: bytes(0),
            high: bytes(1),
            offsets: std::array::from_fn(|half| std::array::from_fn(|index| (start(half, index) % 8) as u16)),
            // At most 3 fields of at most 15.
            largest: map.largest_weight() as i8,
        })
    }

    /// The integer weights of a row from column `first` on, which starts a group, in whole groups.
    ///
    /// # Panics
    /// Where these are no vector instructions, or the bits end too early.
    pub(crate) fn integers(&self, instructions: Instructions, bits: &RowBits, first: usize, out: &mut [i8]) {
        let bytes = self.bytes_from(bits, first);
        let (groups, rest) = out.as_chunks_mut::<GROUP>();
        assert!(rest.is_empty(), "weights in whole groups");
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (bytes, groups);
        match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => avx2::integers(self, bytes, groups),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => avx512::integers(self, bytes, groups),
            _ => unreachable!("{instructions} has no byte shuffle"),
        }
    }

    /// The weights of a row from column `first` on, which starts a group: the integers times `factor`.
    ///
    /// # Panics
    /// As [`Nibbles::integers`].
    pub(crate) fn values(
        &self,
        instructions: Instructions,
        bits: &RowBits,
        first: usize,
        factor: f32,
        stores: Stores,
        out: &mut [f32],
    ) {
        let bytes = self.bytes_from(bits, first);
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (bytes, factor, stores, out);
        match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => avx2::values(self, bytes, factor, stores, out),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => avx512::values(self, bytes, factor, stores, out),
            _ => unreachable!("{instructions} has no byte shuffle"),
        }
    }

    /// The bytes of the weights from column `first` on, and those before them.
    fn bytes_from<'a>(&self, bits: &'a RowBits, first: usize) -> &'a [u8] {
        &bits.bytes()[first / 8 * self.stored..]
    }
}
