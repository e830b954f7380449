//! Block codes of the presets' sizes: C = 8, P = 3 or C = 12, P = 4; K = 16, with any taps; 4 bits each of exponent and coefficient.

#[cfg(target_arch = "x86_64")]
use super::vector::{avx2, avx512};
use crate::row_bits::RowBits;
use seedlm_codec::{BlockCode, BlockDecoder};
use seedlm_instructions::Instructions;

/// States that follow each other share all bits but one: together they are a window of the register's sequence, `C * P + 15` bits wide, of
/// which state `i` is bits `i .. i + 16`. It is linear in the seed over GF(2), so the window of a seed is that of its low byte XOR that of
/// its high byte.
pub(crate) struct Tables {
    /// By the low byte of the seed.
    pub(crate) low: [u64; 256],
    /// By the high byte.
    pub(crate) high: [u64; 256],
}

/// Tables for the block size.
pub(crate) enum Presets {
    /// C = 8, P = 3: words of 32 bits.
    Four(Box<Tables>),
    /// C = 12, P = 4: words of 36 bits.
    Three(Box<Tables>),
}

impl Tables {
    fn new(code: &BlockCode) -> Self {
        let decoder = BlockDecoder::new(code);
        // State 0 is no seed, and what is linear maps it to 0: states are 0 and entries, which are centred, -2^15.
        let window = |seed: u32| {
            let states = decoder
                .entries(seed)
                .into_iter()
                .map(|entry| (entry + (1 << 15)) as u64);
            states
                .enumerate()
                .fold(0, |window, (index, state)| window | state << index)
        };
        Tables {
            low: std::array::from_fn(|byte| window(byte as u32)),
            high: std::array::from_fn(|byte| window((byte as u32) << 8)),
        }
    }

    /// The window of the seed in the low bits of a word.
    #[inline(always)]
    pub(crate) fn window(&self, word: u64) -> u64 {
        self.low[word as usize & 255] ^ self.high[word as usize >> 8 & 255]
    }
}

impl Presets {
    /// Tables, if the code is of such a size.
    pub(crate) fn new(code: &BlockCode) -> Option<Self> {
        if (code.lfsr().length(), code.exponent_bits(), code.coefficient_bits()) != (16, 4, 4) {
            return None;
        }
        match (code.block_size(), code.latent_dimension()) {
            (8, 3) => Some(Presets::Four(Box::new(Tables::new(code)))),
            (12, 4) => Some(Presets::Three(Box::new(Tables::new(code)))),
            _ => None,
        }
    }

    /// The weights from a block on. A mantissa has at most 21 bits and `factor * 2^e` is exact and finite, since no weight of a matrix
    /// reaches the largest finite number: one multiplication in `f32` rounds as the exact product does.
    pub(crate) fn values(
        &self,
        instructions: Instructions,
        bits: &RowBits,
        first: usize,
        factor: f32,
        out: &mut [f32],
    ) {
        match (self, instructions) {
            #[cfg(target_arch = "x86_64")]
            (Presets::Four(tables), Instructions::Avx2) => avx2::four(tables, bits, first, factor, out),
            #[cfg(target_arch = "x86_64")]
            (Presets::Four(tables), Instructions::Avx512) => avx512::four(tables, bits, first, factor, out),
            #[cfg(target_arch = "x86_64")]
            (Presets::Three(tables), Instructions::Avx2 | Instructions::Avx512) => {
                avx2::three(tables, bits, first, factor, out)
            }
            (Presets::Four(tables), _) => portable::<8, 3>(tables, bits, first, factor, out),
            (Presets::Three(tables), _) => portable::<12, 4>(tables, bits, first, factor, out),
        }
    }
}

/// The word of a block, `C * 4 - 12` bits wide; bits above it may be anything.
#[inline(always)]
pub(crate) fn word<const C: usize>(bits: &RowBits, block: usize) -> u64 {
    match C {
        8 => bits.from(32 * block) & 0xffff_ffff,
        _ => bits.from(36 * block),
    }
}

fn portable<const C: usize, const P: usize>(
    tables: &Tables,
    bits: &RowBits,
    first: usize,
    factor: f32,
    out: &mut [f32],
) {
    for (index, block) in out.chunks_mut(C).enumerate() {
        let word = word::<C>(bits, first + index);
        let mut window = tables.window(word);
        let coefficient = |p: usize| i32::from((word >> (20 + 4 * p) << 4 & 0xf0) as i8 >> 4);
        let coefficients: [i32; P] = std::array::from_fn(coefficient);
        let factor = factor * (1 << (word >> 16 & 15)) as f32;
        for value in block {
            let mut mantissa = 0;
            for (p, coefficient) in coefficients.iter().enumerate() {
                // A state less 2^15.
                mantissa += i32::from((window >> p) as i16 ^ i16::MIN) * coefficient;
            }
            *value = mantissa as f32 * factor;
            window >>= P;
        }
    }
}
