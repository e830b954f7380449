//! The matrix of one seed as `Q R`, and a target in that basis.

use crate::candidate::{Candidate, MOST_COEFFICIENTS};
use crate::target::Target;

/// A column whose part outside the span of the columns before it is below this fraction of the matrix's norm counts as
/// dependent on them.
const DEPENDENT: f64 = 1e-12;

/// Squared, the part of a vector that has to be left after a pass for a second one to be of no use: rounding is then 10 000
/// times smaller than what [`SLACK`] allows.
const ONCE_IS_ENOUGH: f64 = 1e-4;

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
    /// Orthogonalises the columns and then the target, twice over where much cancels ("twice is enough"): the distances are accurate
    /// however ill-conditioned `A` is. `columns` is `P`.
    #[inline(always)]
    pub fn new(seed: u32, matrix: &'a [i32], columns: usize, target: &'a Target) -> Self {
        let mut basis = SeedBasis {
            seed,
            matrix,
            target,
            columns,
            norm: 0.0,
            r: [[0.0; MOST_COEFFICIENTS]; MOST_COEFFICIENTS],
            y: [0.0; MOST_COEFFICIENTS],
            residual: 0.0,
        };
        // The presets' shapes fit registers.
        match (target.values().len(), columns) {
            (8, 3) => basis.orthogonalise::<8>(3),
            (12, 4) => basis.orthogonalise::<12>(4),
            _ => basis.orthogonalise::<64>(columns),
        }
        basis
    }

    /// With room for blocks of `C` weights; what is not used of it is zero, and changes nothing.
    #[inline(always)]
    fn orthogonalise<const C: usize>(&mut self, columns: usize) {
        let mut vectors = [[0.0; C]; MOST_COEFFICIENTS + 1];
        for (row, entries) in self.matrix.chunks_exact(columns).enumerate() {
            for column in 0..columns {
                vectors[column][row] = f64::from(entries[column]);
            }
        }
        vectors[columns][..self.target.values().len()].copy_from_slice(self.target.values());
        let square: f64 = vectors[..columns].iter().map(|vector| dot(vector, vector)).sum();
        self.norm = square.sqrt();
        for column in 0..=columns {
            let (done, rest) = vectors.split_at_mut(column);
            let vector = &mut rest[0];
            let before = dot(vector, vector);
            for _ in 0..2 {
                for (index, direction) in done.iter().enumerate() {
                    let part = dot(direction, vector);
                    for lane in 0..C {
                        vector[lane] -= part * direction[lane];
                    }
                    if column < columns {
                        self.r[index][column] += part;
                    } else {
                        self.y[index] += part;
                    }
                }
                // Where much is left, once was enough.
                if dot(vector, vector) > ONCE_IS_ENOUGH * before {
                    break;
                }
            }
            if column < columns {
                let length = dot(vector, vector).sqrt();
                let independent = length > DEPENDENT * self.norm;
                self.r[column][column] = if independent { length } else { 0.0 };
                let factor = if independent { 1.0 / length } else { 0.0 };
                vector.iter_mut().for_each(|value| *value *= factor);
            }
        }
        self.residual = dot(&vectors[columns], &vectors[columns]);
    }

    /// The least-squares coefficients; those of dependent columns are 0.
    #[inline(always)]
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
    #[inline(always)]
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

/// Summed in four interleaved parts, which do not wait for each other.
#[inline(always)]
fn dot<const C: usize>(a: &[f64; C], b: &[f64; C]) -> f64 {
    let mut sums = [0.0; 4];
    for lane in 0..C {
        sums[lane % 4] += a[lane] * b[lane];
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}
