//! The naive search of a block code: for every seed the cached pseudo-inverse times the block, rounded at one exponent, decoded,
//! and the error taken, all in `f32`. Here with vectors and 16 blocks for each walk through the seeds: brute force done well.

mod one_by_one;

use crate::bench::compiled::{Work, dispatch, multiply_add};
use one_by_one::OneByOne;
use seedlm_codec::{BlockCode, BlockDecoder};
use seedlm_encoder::Instructions;

/// Blocks that make a measurement.
const ENOUGH_BLOCKS: usize = 64;
/// Blocks that share a walk through the matrices of all seeds, which are larger than the second cache.
const TOGETHER: usize = 16;
/// Coefficients with padding: a vector of the smallest kind.
const LANES: usize = 4;
/// In 1.5 * 2^23 and its neighbours the last bit is worth 1: the addition rounds, ties to even, and calls no library.
const ROUNDER: f32 = 12_582_912.0;

/// Matrices of all seeds of a code of one of the presets' sizes.
pub enum NaiveBlocks {
    /// `C` = 8, `P` = 3.
    Eight(Vec<Seed<8>>),
    /// `C` = 12, `P` = 4.
    Twelve(Vec<Seed<12>>),
}

/// The matrix of a seed, `C x P`, and its pseudo-inverse, each laid out as its product wants it; zeros beyond `P`.
#[derive(Clone, Copy)]
pub struct Seed<const C: usize> {
    inverse: [[f32; LANES]; C],
    matrix: [[f32; C]; LANES],
}

impl NaiveBlocks {
    /// The matrices of a code.
    pub fn new(code: &BlockCode) -> Option<Self> {
        match (code.block_size(), code.latent_dimension()) {
            (8, 3) => Some(NaiveBlocks::Eight(seeds(code))),
            (12, 4) => Some(NaiveBlocks::Twelve(seeds(code))),
            _ => None,
        }
    }

    /// `C`.
    pub fn block_size(&self) -> usize {
        match self {
            NaiveBlocks::Eight(_) => 8,
            NaiveBlocks::Twelve(_) => 12,
        }
    }

    /// Weights that make a measurement.
    pub fn enough(&self) -> usize {
        ENOUGH_BLOCKS * self.block_size()
    }

    /// Searches block after block, as anybody would write it; the sum of their squared errors.
    pub fn squared_error_one_by_one(&self, instructions: Instructions, values: &[f32]) -> f64 {
        match self {
            NaiveBlocks::Eight(seeds) => dispatch(instructions, OneByOne::<8, 3> { seeds, values }),
            NaiveBlocks::Twelve(seeds) => dispatch(instructions, OneByOne::<12, 4> { seeds, values }),
        }
    }

    /// Searches 16 blocks at once; the sum of their squared errors.
    pub fn squared_error(&self, instructions: Instructions, values: &[f32]) -> f64 {
        match self {
            NaiveBlocks::Eight(seeds) => dispatch(instructions, Search { seeds, values }),
            NaiveBlocks::Twelve(seeds) => dispatch(instructions, Search { seeds, values }),
        }
    }
}

fn seeds<const C: usize>(code: &BlockCode) -> Vec<Seed<C>> {
    let decoder = BlockDecoder::new(code);
    let columns = code.latent_dimension();
    let divisor = f64::from(code.entry_divisor());
    let seed = |seed: u32| {
        let entries: Vec<f64> = decoder
            .entries(seed)
            .iter()
            .map(|&entry| f64::from(entry) / divisor)
            .collect();
        let inverse = pseudo_inverse(&entries, columns);
        let mut both = Seed {
            inverse: [[0.0; LANES]; C],
            matrix: [[0.0; C]; LANES],
        };
        for row in 0..C {
            for column in 0..columns {
                both.matrix[column][row] = entries[row * columns + column] as f32;
                both.inverse[row][column] = inverse[row * columns + column] as f32;
            }
        }
        both
    };
    (1..=code.lfsr().period()).map(seed).collect()
}

/// The transpose of the pseudo-inverse of a matrix of independent columns, row by row: `U (U^T U)^-1`, by elimination. Zeros
/// where the columns are dependent.
fn pseudo_inverse(entries: &[f64], columns: usize) -> Vec<f64> {
    let rows = entries.chunks_exact(columns);
    // `U^T U`, and beside it what becomes its inverse.
    let mut left = [[0.0; 2 * LANES]; LANES];
    for (i, line) in left.iter_mut().enumerate().take(columns) {
        for (k, sum) in line.iter_mut().enumerate().take(columns) {
            *sum = rows.clone().map(|row| row[i] * row[k]).sum();
        }
        line[LANES + i] = 1.0;
    }
    for pivot in 0..columns {
        // The matrix is positive definite: no exchange of rows is needed.
        let divisor = left[pivot][pivot];
        if divisor < 1e-6 {
            return vec![0.0; entries.len()];
        }
        left[pivot].iter_mut().for_each(|value| *value /= divisor);
        let line = left[pivot];
        for (_, other) in left.iter_mut().enumerate().filter(|(index, _)| *index != pivot) {
            let factor = other[pivot];
            other
                .iter_mut()
                .zip(line)
                .for_each(|(value, of_pivot)| *value -= factor * of_pivot);
        }
    }
    let product = |row: &[f64], column: usize| -> f64 { (0..columns).map(|k| row[k] * left[k][LANES + column]).sum() };
    rows.flat_map(|row| (0..columns).map(move |column| (row, column)))
        .map(|(row, column)| product(row, column))
        .collect()
}

struct Search<'a, const C: usize> {
    seeds: &'a [Seed<C>],
    values: &'a [f32],
}

impl<const C: usize> Work for Search<'_, C> {
    type Output = f64;

    #[inline(always)]
    fn run<const FUSED: bool>(self) -> f64 {
        let mut total = 0.0;
        for values in self.values.chunks(C * TOGETHER) {
            // Beyond the end are zeros.
            let mut blocks = [[0.0; C]; TOGETHER];
            blocks.as_flattened_mut()[..values.len()].copy_from_slice(values);
            let count = values.len().div_ceil(C);
            let mut best = [(f32::INFINITY, 0); TOGETHER];
            for (index, seed) in self.seeds.iter().enumerate() {
                for (best, block) in best.iter_mut().zip(&blocks[..count]) {
                    let error = squared_error::<FUSED, C>(seed, block);
                    if error < best.0 {
                        *best = (error, index);
                    }
                }
            }
            total += best[..count].iter().map(|best| f64::from(best.0)).sum::<f64>();
            std::hint::black_box(best);
        }
        total
    }
}

/// The error of a block with a seed.
#[inline(always)]
fn squared_error<const FUSED: bool, const C: usize>(seed: &Seed<C>, block: &[f32; C]) -> f32 {
    let mut solution = [0.0; LANES];
    for (&weight, row) in block.iter().zip(&seed.inverse) {
        for (sum, &entry) in solution.iter_mut().zip(row) {
            *sum = multiply_add::<FUSED>(weight, entry, *sum);
        }
    }
    let largest_of = |a: f32, b: f32| if a > b { a } else { b };
    let magnitudes = solution.map(f32::abs);
    let largest = largest_of(
        largest_of(magnitudes[0], magnitudes[2]),
        largest_of(magnitudes[1], magnitudes[3]),
    );
    // The largest power of two within the largest coefficient becomes 4 of the coefficients -8..=7; its inverse is exact too.
    let power = largest_of(largest, 1e-9).to_bits() >> 23;
    let (step, inverse_step) = (f32::from_bits((power - 2) << 23), f32::from_bits((256 - power) << 23));
    for value in &mut solution {
        let rounded = (*value * inverse_step + ROUNDER) - ROUNDER;
        let rounded = if rounded > 7.0 { 7.0 } else { rounded };
        *value = rounded * step;
    }
    let mut decoded = [0.0; C];
    for (&coefficient, column) in solution.iter().zip(&seed.matrix) {
        for (sum, &entry) in decoded.iter_mut().zip(column) {
            *sum = multiply_add::<FUSED>(coefficient, entry, *sum);
        }
    }
    let mut sums = [0.0; LANES];
    for row in 0..C {
        let difference = block[row] - decoded[row];
        sums[row % LANES] = multiply_add::<FUSED>(difference, difference, sums[row % LANES]);
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}
