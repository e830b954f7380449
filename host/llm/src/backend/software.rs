//! The machine's arithmetic in fast software: weights decoded once and kept as integers.

use super::integer::{IntegerMachine, MachineError};
use rayon::prelude::*;
use seedlm_codec::{Activations, CodecError, WeightMatrix, check_product};

/// Weights whose products with 16-bit activations are added up in 32 bits before they go into the 64-bit sum: 7-bit weights
/// give 23 bits, and 2^8 of them 31.
const NARROW_CHUNK: usize = 256;
/// Magnitude up to which weights are narrow.
const LARGEST_NARROW: i64 = 1 << 7;

/// Decoded integer weights and exact products with them: the same integers as [`super::GoldenMachine`], which decodes anew each
/// time.
pub struct SoftwareMachine {
    matrices: Vec<Decoded>,
}

struct Decoded {
    /// Kept for the check of widths only.
    coded: WeightMatrix,
    weights: Integers,
}

/// Row by row.
enum Integers {
    Narrow(Vec<i16>),
    Wide(Vec<i64>),
}

impl SoftwareMachine {
    /// Decodes the matrices, which are numbered in their order. A weight takes 2 bytes in the chained codes, else 8.
    pub fn new(matrices: Vec<WeightMatrix>) -> Self {
        let decode = |coded: WeightMatrix| {
            let rows = (0..coded.rows()).into_par_iter();
            let rows: Vec<Vec<i64>> = rows.map(|row| coded.row_integers(row)).collect();
            let weights = rows.concat();
            let is_narrow = coded.format().largest_weight() <= LARGEST_NARROW;
            Decoded {
                weights: match is_narrow {
                    true => Integers::Narrow(weights.iter().map(|&weight| weight as i16).collect()),
                    false => Integers::Wide(weights),
                },
                coded,
            }
        };
        SoftwareMachine {
            matrices: matrices.into_iter().map(decode).collect(),
        }
    }
}

impl Decoded {
    fn product(&self, activations: &Activations) -> Result<Vec<i64>, CodecError> {
        check_product(&self.coded, activations)?;
        let columns = self.coded.columns();
        if columns == 0 {
            return Ok(vec![0; self.coded.rows()]);
        }
        Ok(match &self.weights {
            Integers::Narrow(weights) => {
                let narrow: Vec<i16> = activations.values().iter().map(|&value| value as i16).collect();
                let rows = weights.par_chunks(columns).with_min_len(16);
                rows.map(|row| narrow_dot(row, &narrow)).collect()
            }
            Integers::Wide(weights) => {
                let wide: Vec<i64> = activations.values().iter().map(|&value| value.into()).collect();
                let rows = weights.par_chunks(columns).with_min_len(16);
                rows.map(|row| row.iter().zip(&wide).map(|(w, x)| w * x).sum())
                    .collect()
            }
        })
    }
}

fn narrow_dot(weights: &[i16], activations: &[i16]) -> i64 {
    let chunks = weights.chunks(NARROW_CHUNK).zip(activations.chunks(NARROW_CHUNK));
    let sums = chunks.map(|(weights, activations)| {
        let pairs = weights.iter().zip(activations);
        let sum: i32 = pairs.map(|(&w, &x)| i32::from(w) * i32::from(x)).sum();
        i64::from(sum)
    });
    sums.sum()
}

impl IntegerMachine for SoftwareMachine {
    fn products(&mut self, matrices: &[usize], activations: &Activations) -> Result<Vec<Vec<i64>>, MachineError> {
        let products = matrices
            .iter()
            .map(|&number| self.matrices[number].product(activations));
        Ok(products.collect::<Result<_, _>>()?)
    }
}
