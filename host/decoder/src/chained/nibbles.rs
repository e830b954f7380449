//! Chained codes whose windows have at most 16 bits and whose maps have at most three fields of at most 4 bits, many windows at once.
//!
//! A shorter window is one of 16 bits whose oldest bits no mask names, so there is only one length. The fields of a window are the XOR of
//! what its four *nibbles* (4 bits each) give, and a byte shuffle looks up 16 to 64 nibbles in one instruction.

#[cfg(target_arch = "x86_64")]
use super::vector::{avx2, avx2::Avx2Row, avx512, avx512::Avx512Row};
use crate::destination::Destination;
use crate::row_bits::RowBits;
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
    /// For even windows and for odd ones: which two bytes hold the lower byte of each window, [`Nibbles::offsets`] bits higher.
    pub(crate) low: [[u8; 16]; 2],
    /// Likewise the upper byte.
    pub(crate) high: [[u8; 16]; 2],
    /// By how many bits (1..=8) each window is shifted in its bytes.
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
        // The bit before a window, which is not the first one of all. Bytes are counted from there, so that no window begins with a byte: AVX2 shifts
        // right by multiplying by 2^(16 - offset), which must fit 16 bits.
        let before = |odd: usize, index: usize| stored as usize * (2 * index + odd + 1) - 1;
        let bytes = |more: usize| {
            std::array::from_fn(|odd| {
                std::array::from_fn(|place| (before(odd, place / 2) / 8 + place % 2 + more) as u8)
            })
        };
        Some(Nibbles {
            stored: stored as usize,
            pair: table(&|window| field(0, window) | field(1, window) << 4),
            third: table(&|window| field(2, window)),
            low: bytes(0),
            high: bytes(1),
            offsets: std::array::from_fn(|odd| std::array::from_fn(|index| (before(odd, index) % 8 + 1) as u16)),
            // At most 3 fields of at most 15.
            largest: map.largest_weight() as i8,
        })
    }

    /// The integer weights of a row.
    ///
    /// # Panics
    /// Where these are no vector instructions, or the bits end too early.
    pub(crate) fn integers(&self, instructions: Instructions, bits: &RowBits, out: &mut [i8]) {
        let (groups, rest) = out.as_chunks_mut();
        self.groups(instructions, bits.bytes(), groups);
        if rest.is_empty() {
            return;
        }
        // What the last group has beyond the row comes of the bits after it and is not looked at.
        let mut last = [0; GROUP];
        let bytes = &bits.bytes()[groups.len() * GROUP / 8 * self.stored..];
        self.groups(instructions, bytes, std::slice::from_mut(&mut last));
        rest.copy_from_slice(&last[..rest.len()]);
    }

    /// Whole groups, the bits of which begin as those of a row do in [`RowBits::bytes`].
    fn groups(&self, instructions: Instructions, bytes: &[u8], groups: &mut [[i8; GROUP]]) {
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

    /// Gives the weights of a row to where they go: the integers times `factor`.
    ///
    /// # Panics
    /// As [`Nibbles::integers`].
    pub(crate) fn row(&self, instructions: Instructions, bits: &RowBits, factor: f32, destination: Destination) {
        let bytes = bits.bytes();
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (bytes, factor, destination);
        match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => destination.receive(Avx2Row {
                nibbles: self,
                bytes,
                factor,
            }),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => destination.receive(Avx512Row {
                nibbles: self,
                bytes,
                factor,
            }),
            _ => unreachable!("{instructions} has no byte shuffle"),
        }
    }
}
