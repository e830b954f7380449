//! The matrix of one seed as `Q R`, and a target in that basis.

use crate::candidate::{Candidate, MOST_COEFFICIENTS};
use crate::target::Target;

/// A column whose part outside the span of the columns before it is below this fraction of the matrix's norm counts as
/// dependent on them.
const DEPENDENT: f64 = 1e-12;

/// How far, relative to the numbers involved, distances in the basis may be off: rounding (some 1e-14) and the columns
/// that were called dependent (1e-12), with room to spare.
pub(crate) const SLACK: f64 = 1e-10;

/// One seed's matrix `A` (integers, `C x P`) as `Q R`, and `y = Q^T t`; `A x` then has the squared distance
/// `residual + |y - R x|^2` from `t`.
pub(crate) struct SeedBasis<'a> {
    /// The seed.
    pub seed: u32,
    /// `A`, row by row.
    pub matrix: &'a [i32],
    /// The target.
    pub target: &'a Target,
    /// Number of columns `P`.
    pub columns: usize,
    /// Frobenius norm of `A`.
    pub norm: f64,
    /// `R`, upper triangle; a dependent column has an exact 0 on the diagonal.
    pub r: [[f64; MOST_COEFFICIENTS]; MOST_COEFFICIENTS],
    /// `y`.
    pub y: [f64; MOST_COEFFICIENTS],
    /// Squared distance of `t` from the span of `A`.
    pub residual: f64,
}

impl<'a> SeedBasis<'a> {
    /// Orthogonalises the columns and then the target, each twice over ("twice is enough"): the distances are accurate
    /// however ill-conditioned `A` is. `columns` is `P`; `workspace` is overwritten.
    pub fn new(seed: u32, matrix: &'a [i32], columns: usize, target: &'a Target, workspace: &mut Vec<f64>) -> Self {
        let rows = target.values().len();
        workspace.clear();
        for column in 0..columns {
            workspace.extend(
                matrix
                    .iter()
                    .skip(column)
                    .step_by(columns)
                    .map(|&entry| f64::from(entry)),
            );
        }
        workspace.extend_from_slice(target.values());
        let norm = dot(&workspace[..columns * rows], &workspace[..columns * rows]).sqrt();
        let mut r = [[0.0; MOST_COEFFICIENTS]; MOST_COEFFICIENTS];
        let mut y = [0.0; MOST_COEFFICIENTS];
        #[expect(
            clippy::needless_range_loop,
            reason = "`column` counts vectors; it indexes `r` both ways"
        )]
        for column in 0..=columns {
            let (done, rest) = workspace.split_at_mut(column * rows);
            let vector = &mut rest[..rows];
            for _ in 0..2 {
                for (index, direction) in done.chunks_exact(rows).enumerate() {
                    let part = dot(direction, vector);
                    for (value, direction) in vector.iter_mut().zip(direction) {
                        *value -= part * direction;
                    }
                    if column < columns {
                        r[index][column] += part;
                    } else {
                        y[index] += part;
                    }
                }
            }
            if column < columns {
                let length = dot(vector, vector).sqrt();
                let independent = length > DEPENDENT * norm;
                r[column][column] = if independent { length } else { 0.0 };
                let factor = if independent { 1.0 / length } else { 0.0 };
                vector.iter_mut().for_each(|value| *value *= factor);
            }
        }
        let left = &workspace[columns * rows..];
        SeedBasis {
            seed,
            matrix,
            target,
            columns,
            norm,
            r,
            y,
            residual: dot(left, left),
        }
    }

    /// The least-squares coefficients; those of dependent columns are 0.
    pub fn least_squares(&self) -> [f64; MOST_COEFFICIENTS] {
        let mut solution = [0.0; MOST_COEFFICIENTS];
        for row in (0..self.columns).rev() {
            if self.r[row][row] > 0.0 {
                let known: f64 = (row + 1..self.columns).map(|k| self.r[row][k] * solution[k]).sum();
                solution[row] = (self.y[row] - known) / self.r[row][row];
            }
        }
        solution
    }

    /// The word of this seed with the given exponent and coefficients, with its canonical error.
    pub fn candidate(&self, exponent: u32, coefficients: [i32; MOST_COEFFICIENTS]) -> Candidate {
        let integers = self.matrix.chunks_exact(self.columns).map(|row| {
            let products = row.iter().zip(&coefficients);
            let mantissa: i64 = products.map(|(&entry, &q)| i64::from(entry) * i64::from(q)).sum();
            mantissa << exponent
        });
        Candidate {
            error: self.target.canonical_error(integers),
            seed: self.seed,
            exponent,
            coefficients,
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
