//! The naive search of a block code as anybody would write it: one block after the other, for each of them one seed after the other.

use super::Seed;
use crate::bench::compiled::Work;

/// Searches with `C` weights in a block and `P` columns.
pub struct OneByOne<'a, const C: usize, const P: usize> {
    /// Matrices of all seeds.
    pub seeds: &'a [Seed<C>],
    /// Blocks, one after the other; a last one that is not full is filled up with zeros.
    pub values: &'a [f32],
}

impl<const C: usize, const P: usize> Work for OneByOne<'_, C, P> {
    type Output = f64;

    #[inline(always)]
    fn run<const FUSED: bool>(self) -> f64 {
        let mut total = 0.0;
        for values in self.values.chunks(C) {
            let mut block = [0.0; C];
            block[..values.len()].copy_from_slice(values);
            let mut best = (f32::INFINITY, 0);
            for (index, seed) in self.seeds.iter().enumerate() {
                let error = squared_error::<C, P>(seed, &block);
                if error < best.0 {
                    best = (error, index);
                }
            }
            total += f64::from(std::hint::black_box(best).0);
        }
        total
    }
}

/// The error of a block with a seed.
#[inline(always)]
fn squared_error<const C: usize, const P: usize>(seed: &Seed<C>, block: &[f32; C]) -> f32 {
    let mut solution = [0.0_f32; P];
    for (p, sum) in solution.iter_mut().enumerate() {
        for (row, weight) in seed.inverse.iter().zip(block) {
            *sum += row[p] * weight;
        }
    }
    let mut largest = 1e-9_f32;
    for value in solution {
        largest = largest.max(value.abs());
    }
    // The largest power of two within the largest coefficient becomes 4 of the coefficients -8..=7.
    let step = f32::from_bits(((largest.to_bits() >> 23) - 2) << 23);
    for value in &mut solution {
        *value = (*value / step).round_ties_even().clamp(-8.0, 7.0) * step;
    }
    let mut error = 0.0;
    for (c, weight) in block.iter().enumerate() {
        let mut decoded = 0.0;
        for (column, coefficient) in seed.matrix.iter().zip(&solution) {
            decoded += column[c] * coefficient;
        }
        error += (weight - decoded) * (weight - decoded);
    }
    error
}
