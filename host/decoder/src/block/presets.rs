//! Block codes of the presets' sizes: C = 8, P = 3 or C = 12, P = 4; K = 16, with any taps; 4 bits each of exponent and coefficient.

use super::states::{StateTables, place};
#[cfg(target_arch = "x86_64")]
use super::vector::{four::Four, three::Three};
use crate::destination::Destination;
use crate::row_bits::RowBits;
use seedlm_codec::BlockCode;
use seedlm_instructions::Instructions;

/// Tables for the block size.
pub(crate) enum Presets {
    /// C = 8, P = 3: words of 32 bits. As large as the nearest cache.
    Four(Box<StateTables<32>>),
    /// C = 12, P = 4: words of 36 bits.
    Three(Box<StateTables<48>>),
}

impl Presets {
    /// Tables, if the code is of such a size.
    pub(crate) fn new(code: &BlockCode) -> Option<Self> {
        if (code.lfsr().length(), code.exponent_bits(), code.coefficient_bits()) != (16, 4, 4) {
            return None;
        }
        match (code.block_size(), code.latent_dimension()) {
            (8, 3) => Some(Presets::Four(Box::new(StateTables::new(code)))),
            (12, 4) => Some(Presets::Three(Box::new(StateTables::new(code)))),
            _ => None,
        }
    }

    /// Gives the weights of a row to where they go, with vectors; without, returns where they should go.
    ///
    /// A mantissa has at most 21 bits and `factor * 2^e` is exact and finite, since no weight of a matrix reaches the largest finite number: one
    /// multiplication in `f32` rounds as the exact product does.
    pub(crate) fn row<'a>(
        &self,
        instructions: Instructions,
        bits: &RowBits,
        factor: f32,
        destination: Destination<'a>,
    ) -> Option<Destination<'a>> {
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (bits, factor);
        match (self, instructions) {
            #[cfg(target_arch = "x86_64")]
            (Presets::Four(tables), Instructions::Avx2 | Instructions::Avx512) => {
                destination.receive(Four { tables, bits, factor });
                None
            }
            #[cfg(target_arch = "x86_64")]
            (Presets::Three(tables), Instructions::Avx2 | Instructions::Avx512) => {
                destination.receive(Three { tables, bits, factor });
                None
            }
            _ => Some(destination),
        }
    }

    /// The weights from block `first` on without vectors, or with those that the compiler finds.
    pub(crate) fn values(&self, bits: &RowBits, first: usize, factor: f32, out: &mut [f32]) {
        match self {
            Presets::Four(tables) => portable::<32, 3>(tables, bits, first, factor, out),
            Presets::Three(tables) => portable::<48, 4>(tables, bits, first, factor, out),
        }
    }
}

/// `N` is `4 C`.
fn portable<const N: usize, const P: usize>(
    tables: &StateTables<N>,
    bits: &RowBits,
    first: usize,
    factor: f32,
    out: &mut [f32],
) {
    let word_bits = 16 + 4 + 4 * P;
    for (index, block) in out.chunks_mut(N / 4).enumerate() {
        let word = bits.from(word_bits * (first + index));
        let states = tables.states(word).0;
        let coefficients: [i32; P] = std::array::from_fn(|p| i32::from((word >> (20 + 4 * p) << 4 & 0xf0) as i8 >> 4));
        let factor = factor * (1 << (word >> 16 & 15)) as f32;
        for (weight, value) in block.iter_mut().enumerate() {
            let mut mantissa = 0;
            for (p, coefficient) in coefficients.iter().enumerate() {
                mantissa += i32::from(states[place(weight, p)]) * coefficient;
            }
            *value = mantissa as f32 * factor;
        }
    }
}
