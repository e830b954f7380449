//! How much the errors of the weights of a block count, together.
//!
//! Without a metric an error `d` (a vector of `C` differences) counts `|d|^2`. With one it counts `d M d^T`, with a matrix `M` that
//! is symmetric and not negative: the second moments of the inputs, say, that the weights are multiplied with. With `M = F^T F` that
//! is `|F d|^2`; so a seed's matrix `A` and a block `t` are searched like any others, as `F A` and `F t`. `M` is the same for all rows of
//! a matrix, and a seed's part of the work, its Gram matrix `A^T M A`, is done once for all of them.
//!
//! The search compares errors only, so `M` may be divided by any number. It is divided so that its largest eigenvalue is 1 at
//! most: then `F` makes no vector longer, and every bound on what rounding does to a block holds for what `F` makes of it.
//! [`ErrorMetric::SMALLEST`] is added to the diagonal: no error is free, and rounding stays far below what the search allows for it.

use crate::error::EncodeError;
use crate::scan::Doubles;

/// Squarings of a matrix whose trace bounds its largest eigenvalue: to within a factor of `64^(1/256)`, 1.7 %.
const SQUARINGS: u32 = 8;

/// `F`, upper triangular, of a metric.
#[derive(Clone, Debug)]
pub(crate) struct ErrorMetric {
    size: usize,
    /// Row by row, `size * size` of them.
    factor: Vec<f64>,
}

impl ErrorMetric {
    /// What is added to the diagonal of `M`, and so a lower bound on its eigenvalues.
    pub const SMALLEST: f64 = 1e-6;

    /// The metric of `M`, row by row, for the first columns of a block of `size` weights; `M` is symmetric. The other columns, which a
    /// partial block fills up with zeros, count as much as the mean of the first ones.
    ///
    /// # Errors
    /// [`EncodeError::ErrorWeights`] when there are not as many numbers as a square has, or more columns than weights; when one is
    /// not finite; when `M` is negative somewhere.
    pub fn new(moments: &[f64], columns: usize, size: usize) -> Result<Self, EncodeError> {
        let refuse = |reason: String| EncodeError::ErrorWeights { columns, reason };
        if columns == 0 || columns > size || moments.len() != columns * columns {
            let numbers = moments.len();
            return Err(refuse(format!(
                "{numbers} numbers are not a square for the {size} columns of a block"
            )));
        }
        if let Some(index) = moments.iter().position(|value| !value.is_finite()) {
            let (row, column) = (index / columns, index % columns);
            return Err(refuse(format!(
                "the one at row {row}, column {column} is {}",
                moments[index]
            )));
        }
        let largest = moments.iter().fold(0_f64, |largest, value| largest.max(value.abs()));
        let mut matrix = vec![0.0; size * size];
        for row in 0..size {
            for column in 0..size {
                matrix[row * size + column] = match (row < columns && column < columns, row == column) {
                    // Nothing is known: all count alike.
                    _ if largest == 0.0 => f64::from(u8::from(row == column)),
                    (true, _) => moments[row * columns + column] / largest,
                    (false, true) => {
                        (0..columns).map(|n| moments[n * (columns + 1)] / largest).sum::<f64>() / columns as f64
                    }
                    (false, false) => 0.0,
                };
            }
        }
        let bound = largest_eigenvalue(&matrix, size) * (1.0 + 2.0 * ErrorMetric::SMALLEST);
        for (index, value) in matrix.iter_mut().enumerate() {
            *value /= bound;
            if index % (size + 1) == 0 {
                *value += ErrorMetric::SMALLEST;
            }
        }
        let factor = cholesky(matrix, size)
            .ok_or_else(|| refuse("they are no second moments: some error would count less than nothing".into()))?;
        Ok(ErrorMetric { size, factor })
    }

    /// Turns a vector of `C` differences into `F d`.
    #[inline(always)]
    pub fn apply(&self, vector: &mut [f64]) {
        // Each needs itself and those behind it only.
        for (index, row) in self.factor.chunks_exact(self.size).enumerate() {
            vector[index] = dot(&row[index..], &vector[index..]);
        }
    }

    /// The same with four vectors of `C` side by side, but for rounding.
    #[inline(always)]
    pub fn apply_to_four<D: Doubles>(&self, vectors: &mut [D]) {
        for (index, row) in self.factor.chunks_exact(self.size).enumerate() {
            let mut sum = D::spread(0.0);
            for (&factor, &vector) in row[index..].iter().zip(&vectors[index..]) {
                sum = D::spread(factor).multiply_add(vector, sum);
            }
            vectors[index] = sum;
        }
    }

    /// Turns a vector `v` into `F^T v`.
    pub fn apply_transposed(&self, vector: &mut [f64]) {
        for index in (0..self.size).rev() {
            vector[index] = (0..=index)
                .map(|row| self.factor[row * self.size + index] * vector[row])
                .sum();
        }
    }

    /// `|F d|^2` of the differences, which are `C`.
    #[inline(always)]
    pub fn squared_length(&self, differences: impl Iterator<Item = f64>) -> f64 {
        let mut vector = [0.0; 64];
        let vector = &mut vector[..self.size];
        vector
            .iter_mut()
            .zip(differences)
            .for_each(|(place, difference)| *place = difference);
        self.apply(vector);
        vector.iter().fold(0.0, |sum, value| sum + value * value)
    }
}

#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b)
}

/// A number that is no smaller than the largest eigenvalue of a symmetric matrix without negative ones, and little larger: the root of
/// the trace of a high power.
fn largest_eigenvalue(matrix: &[f64], size: usize) -> f64 {
    let mut power = matrix.to_vec();
    // The eigenvalue is that of the power, to the power of `1 / 2^squarings`, times the numbers that have been taken out.
    let mut taken_out = 1.0;
    for squaring in 0..SQUARINGS {
        let largest = power.iter().fold(0_f64, |largest, value| largest.max(value.abs()));
        taken_out *= root(largest, squaring);
        power.iter_mut().for_each(|value| *value /= largest);
        let row = |index: usize| &power[index * size..][..size];
        let squared: Vec<f64> = (0..size)
            .flat_map(|a| (0..size).map(move |b| (a, b)))
            .map(|(a, b)| dot(row(a), row(b)))
            .collect();
        power = squared;
    }
    let trace: f64 = (0..size).map(|index| power[index * (size + 1)]).sum();
    taken_out * root(trace, SQUARINGS)
}

/// The square root, so many times over.
fn root(value: f64, times: u32) -> f64 {
    (0..times).fold(value, |value, _| value.sqrt())
}

/// The upper triangular `F` of a positive definite `M = F^T F`, row by row; `None` where `M` is not.
fn cholesky(mut matrix: Vec<f64>, size: usize) -> Option<Vec<f64>> {
    for row in 0..size {
        let (above, from) = matrix.split_at_mut(row * size);
        for column in row..size {
            let known: f64 = above.chunks_exact(size).map(|above| above[row] * above[column]).sum();
            from[column] -= known;
        }
        let pivot = from[row];
        // Half of what was added to the diagonal is left even when rounding takes from it.
        if pivot < ErrorMetric::SMALLEST / 2.0 {
            return None;
        }
        let diagonal = pivot.sqrt();
        from[row..size].iter_mut().for_each(|value| *value /= diagonal);
        from[..row].fill(0.0);
    }
    Some(matrix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn moments(inputs: &[f64], columns: usize) -> Vec<f64> {
        let mut sums = vec![0.0; columns * columns];
        for input in inputs.chunks_exact(columns) {
            for row in 0..columns {
                for column in 0..columns {
                    sums[row * columns + column] += input[row] * input[column];
                }
            }
        }
        sums
    }

    fn product(moments: &[f64], d: &[f64]) -> f64 {
        let rows = moments.chunks_exact(d.len()).zip(d);
        rows.map(|(row, d_row)| d_row * dot(row, d)).sum()
    }

    proptest! {
        /// But for one factor, and what is added to the diagonal.
        #[test]
        fn errors_count_as_the_moments_say(
            inputs in prop::collection::vec(-3.0_f64..3.0, 6 * 9),
            d in prop::collection::vec(prop::collection::vec(-1.0_f64..1.0, 6), 3),
            magnitude in -30_i32..30,
        ) {
            let moments: Vec<f64> = moments(&inputs, 6).iter().map(|sum| sum * 2_f64.powi(magnitude)).collect();
            let metric = ErrorMetric::new(&moments, 6, 6).unwrap();
            let squares = |d: &[f64]| d.iter().map(|d| d * d).sum::<f64>();
            // Both numbers of the metric follow from the errors of unit vectors.
            let unit: Vec<f64> = (0..6).map(|n| f64::from(u8::from(n == 0))).collect();
            let factor = (metric.squared_length(unit.iter().copied()) - ErrorMetric::SMALLEST) / product(&moments, &unit);
            for d in &d {
                let expected = factor * product(&moments, d) + ErrorMetric::SMALLEST * squares(d);
                let found = metric.squared_length(d.iter().copied());
                prop_assert!((found - expected).abs() <= 1e-9 * squares(d), "{} {}", found, expected);
                // No vector becomes longer, and none by much shorter than it is allowed to.
                prop_assert!(found <= squares(d));
                prop_assert!(found >= 0.99 * ErrorMetric::SMALLEST * squares(d));
                let mut there_and_back = d.clone();
                metric.apply(&mut there_and_back);
                metric.apply_transposed(&mut there_and_back);
                prop_assert!((dot(&there_and_back, d) - found).abs() <= 1e-12 * squares(d));
            }
            let largest = (0..400).fold(vec![1.0; 6], |mut vector: Vec<f64>, _| {
                metric.apply(&mut vector);
                metric.apply_transposed(&mut vector);
                let length = squares(&vector).sqrt();
                vector.iter().map(|value| value / length).collect()
            });
            prop_assert!(metric.squared_length(largest.iter().copied()) > 0.95);
        }
    }

    #[test]
    fn columns_without_moments_count_like_the_mean() {
        let metric = ErrorMetric::new(&[4.0, 0.0, 0.0, 2.0], 2, 4).unwrap();
        let count = |place: usize| metric.squared_length((0..4).map(|n| f64::from(u8::from(n == place))));
        for (place, share) in [(0, 1.0), (1, 0.5), (2, 0.75), (3, 0.75)] {
            assert!((count(place) / count(0) - share).abs() < 1e-5, "{place}");
        }
        let blind = ErrorMetric::new(&[0.0; 4], 2, 3).unwrap();
        assert_eq!(
            blind.squared_length([1.0, 0.0, 0.0].into_iter()),
            blind.squared_length([0.0, 0.0, 1.0].into_iter())
        );
    }

    #[test]
    fn what_is_no_metric_is_refused() {
        let error = |moments: &[f64], columns, size| ErrorMetric::new(moments, columns, size).unwrap_err().to_string();
        assert!(error(&[1.0; 3], 2, 4).contains("3 numbers are not a square"));
        assert!(error(&[], 0, 4).contains("0 numbers"));
        assert!(error(&[1.0; 9], 3, 2).contains("9 numbers are not a square for the 2 columns"));
        assert!(error(&[1.0, f64::NAN, 0.0, 1.0], 2, 4).contains("row 0, column 1 is NaN"));
        assert!(error(&[1.0, 2.0, 2.0, 1.0], 2, 4).contains("less than nothing"));
    }
}
