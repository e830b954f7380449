//! What decoding is held against: the same result from weights that are in memory as they are.

use crate::bench::compiled::{Work, dispatch, multiply_add};
use rayon::prelude::*;
use seedlm_encoder::Instructions;

/// Sums of a product that do not wait for each other.
const SUMS: usize = 64;

/// A copy, as each of the current threads makes its part of it.
pub fn copy<T: Copy + Send + Sync>(from: &[T], to: &mut [T]) {
    let part = to.len().div_ceil(rayon::current_num_threads()).max(1);
    let parts = to.par_chunks_mut(part).zip(from.par_chunks(part));
    parts.for_each(|(to, from)| to.copy_from_slice(from));
}

/// The product of a matrix with activations: a result for every row of as many weights.
pub fn product(instructions: Instructions, weights: &[f32], activations: &[f32], results: &mut [f32]) {
    let columns = activations.len();
    let rows = results.len().div_ceil(rayon::current_num_threads()).max(1);
    let parts = results.par_chunks_mut(rows).zip(weights.par_chunks(rows * columns));
    parts.for_each(|(results, weights)| {
        dispatch(
            instructions,
            Rows {
                weights,
                activations,
                results,
            },
        );
    });
}

struct Rows<'a> {
    weights: &'a [f32],
    activations: &'a [f32],
    results: &'a mut [f32],
}

impl Work for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let rows = self.weights.chunks_exact(self.activations.len());
        for (result, row) in self.results.iter_mut().zip(rows) {
            let mut sums = [0.0_f32; SUMS];
            let (weights, last_weights) = row.as_chunks::<SUMS>();
            let (activations, last_activations) = self.activations.as_chunks::<SUMS>();
            for (weights, activations) in weights.iter().zip(activations) {
                for index in 0..SUMS {
                    sums[index] = multiply_add::<FUSED>(weights[index], activations[index], sums[index]);
                }
            }
            let mut sum: f32 = sums.iter().sum();
            for (weight, activation) in last_weights.iter().zip(last_activations) {
                sum += weight * activation;
            }
            *result = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_gives_the_same_result_with_any_number_of_threads() {
        let weights: Vec<f32> = (0_u16..3 * 130).map(|number| f32::from(number % 7)).collect();
        let activations: Vec<f32> = (0_u16..130).map(|number| f32::from(number % 5)).collect();
        let rows = weights.chunks(130);
        let expected: Vec<f32> = rows
            .map(|row| {
                row.iter()
                    .zip(&activations)
                    .map(|(weight, activation)| weight * activation)
                    .sum()
            })
            .collect();
        for threads in [1, 2, 5] {
            crate::threads::pool(threads).unwrap().install(|| {
                let mut copied = vec![0.0; weights.len()];
                copy(&weights, &mut copied);
                assert_eq!(copied, weights);
                for instructions in Instructions::available() {
                    let mut results = [0.0; 3];
                    product(instructions, &weights, &activations, &mut results);
                    assert_eq!(results[..], expected);
                }
            });
        }
    }
}
