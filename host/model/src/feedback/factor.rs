//! The triangular factor of the moments of a matrix's inputs, and what it says of a piece of columns.

use crate::moments::InputMoments;
use rayon::prelude::*;
use std::ops::Range;

/// Added to the diagonal, as a share of its mean: inputs that were never seen are not free.
const DAMPING: f64 = 0.01;
/// The least that an error of a column counts, in the unit of the largest of its piece.
const LEAST_COLUMN_WEIGHT: f64 = 1.0 / 4096.0;

/// The upper triangular `R` of the damped moments, row by row, with zeros in front of the diagonal.
pub(super) struct Factor {
    columns: usize,
    values: Vec<f64>,
}

impl Factor {
    pub fn new(moments: &InputMoments) -> Self {
        let columns = moments.columns();
        let diagonal = (0..columns).map(|column| f64::from(moments.sums()[column * (columns + 1)]));
        let mean = diagonal.sum::<f64>() / columns.max(1) as f64;
        // Inputs that are all zero leave the weights to themselves.
        let damping = if mean > 0.0 { DAMPING * mean } else { 1.0 };
        let mut values: Vec<f64> = moments.sums().iter().copied().map(f64::from).collect();
        // Column by column from the last: each needs those behind it only.
        for column in (0..columns).rev() {
            let (above, from) = values.split_at_mut(column * columns);
            let row = &mut from[..columns];
            let behind = dot(&row[column + 1..], &row[column + 1..]);
            let pivot = row[column] + damping - behind;
            // Rounding may leave nothing of a direction that others contain: then nothing is expected of it.
            row[column] = pivot.max(damping * 1e-6).sqrt();
            let (pivot, behind) = (row[column], &row[column + 1..]);
            above.par_chunks_mut(columns.max(1)).with_min_len(32).for_each(|other| {
                let sum = dot(&other[column + 1..], behind);
                other[column] = (other[column] - sum) / pivot;
            });
        }
        for (row, values) in values.chunks_exact_mut(columns.max(1)).enumerate() {
            values[..row].fill(0.0);
        }
        Factor { columns, values }
    }

    /// `R_pp R_pp^T` of a piece, row by row: how the errors of its columns count, together, where the columns behind it make up for them.
    pub fn error_weights(&self, piece: &Range<usize>) -> Vec<f64> {
        let row = |row: usize| &self.values[row * self.columns..][piece.clone()];
        let entries = piece.clone().flat_map(|a| piece.clone().map(move |b| (a, b)));
        entries.map(|(a, b)| dot(row(a), row(b))).collect()
    }

    /// The diagonal of that, relative to the largest: how the error of each column counts by itself. No error is free: the encoder
    /// rounds weights to integers.
    pub fn column_weights(&self, piece: &Range<usize>) -> Vec<f32> {
        let row = |row: usize| &self.values[row * self.columns..][piece.clone()];
        let diagonal: Vec<f64> = piece.clone().map(|column| dot(row(column), row(column))).collect();
        let largest = diagonal.iter().copied().fold(0.0, f64::max);
        let weights = diagonal
            .iter()
            .map(|weight| (weight / largest).max(LEAST_COLUMN_WEIGHT) as f32);
        weights.collect()
    }

    /// `C_p` of a piece: row by row for the columns before it, how much of the error of each goes to each of the piece's.
    pub fn feedback(&self, piece: &Range<usize>) -> Vec<f64> {
        let rows = self.values[..piece.start * self.columns].par_chunks(self.columns);
        let rows = rows.flat_map_iter(|row| {
            let mut solved: Vec<f64> = Vec::with_capacity(piece.len());
            for column in piece.clone() {
                let mut left = row[column];
                for (known, before) in solved.iter().zip(piece.clone()) {
                    left -= known * self.values[before * self.columns + column];
                }
                solved.push(left / self.values[column * (self.columns + 1)]);
            }
            solved
        });
        rows.collect()
    }
}

/// A dot product in a fixed order: eight sums side by side.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for index in 0..8 {
            sums[index] += a[index] * b[index];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The moments of inputs, one behind the other.
    pub fn moments(columns: usize, inputs: &[f32]) -> InputMoments {
        let mut sums = vec![0.0; columns * columns];
        for input in inputs.chunks_exact(columns) {
            for row in 0..columns {
                for column in 0..columns {
                    sums[row * columns + column] += input[row] * input[column];
                }
            }
        }
        InputMoments::new(columns, sums).unwrap()
    }

    proptest! {
        #[test]
        fn the_factor_gives_the_moments_back(inputs in prop::collection::vec(-2.0_f32..2.0, 9 * 14)) {
            let moments = moments(9, &inputs);
            let factor = Factor::new(&moments);
            let mean = (0..9).map(|index| f64::from(moments.sums()[index * 10])).sum::<f64>() / 9.0;
            prop_assume!(mean > 0.0);
            for row in 0..9 {
                for column in 0..9 {
                    let from = row.max(column);
                    let product: f64 = (from..9).map(|k| factor.values[row * 9 + k] * factor.values[column * 9 + k]).sum();
                    let damping = if row == column { DAMPING * mean } else { 0.0 };
                    let expected = f64::from(moments.sums()[row * 9 + column]) + damping;
                    prop_assert!((product - expected).abs() < 1e-9 * (1.0 + mean), "{} {}", row, column);
                }
            }
        }

        /// The feedback of a wide piece begins with that of a narrow one: looking ahead changes nothing of what is kept.
        #[test]
        fn wider_pieces_begin_alike(inputs in prop::collection::vec(-2.0_f32..2.0, 9 * 14)) {
            let factor = Factor::new(&moments(9, &inputs));
            let (narrow, wide) = (factor.feedback(&(3..5)), factor.feedback(&(3..8)));
            for (narrow, wide) in narrow.chunks(2).zip(wide.chunks(5)) {
                prop_assert_eq!(narrow, &wide[..2]);
            }
        }
    }

    /// One input outweighs all others by far: what the others' weights cost is little, not nothing.
    #[test]
    fn no_error_is_free() {
        let columns = 64;
        let mut sums = vec![0.0; columns * columns];
        for column in 0..columns {
            sums[column * (columns + 1)] = if column == 3 { 1e9 } else { 1e-3 };
        }
        let mut factor = Factor::new(&InputMoments::new(columns, sums).unwrap());
        // As if there were so many columns that what damping adds to each is next to nothing.
        (0..columns)
            .filter(|&column| column != 3)
            .for_each(|column| factor.values[column * (columns + 1)] = 1e-3);
        let weights = factor.column_weights(&(0..20));
        assert_eq!(weights[3], 1.0);
        assert!(weights.iter().all(|&weight| weight >= 1.0 / 4096.0), "{weights:?}");
    }
}
