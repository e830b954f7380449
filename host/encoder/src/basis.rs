//! The matrix of one seed as `Q R`, and a target in that basis.

use crate::candidate::{Candidate, MOST_COEFFICIENTS};
use crate::target::Target;

mod fours;

pub(crate) use fours::FourBases;

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
/// `residual + |y - R x|^2` from `t`. Where the target has a metric `F`, `F A` and `F t` are meant.
///
/// `N`: room for so many columns.
pub(crate) struct SeedBasis<'a, const N: usize> {
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
    pub r: [[f64; N]; N],
    /// `y`.
    pub y: [f64; N],
    /// Squared distance of `t` from the span of `A`.
    pub residual: f64,
    /// `1 / R[p][p]`, infinite for dependent columns; as what follows, only there after [`Self::invert`].
    pub inverse: [f64; N],
    /// `R^-1 y`. Dependent columns leave infinities and NaN behind, here and in the squares.
    pub solution: [f64; N],
    /// The squared length of each row of `R^-1`.
    pub squares: [f64; N],
}

impl<'a, const N: usize> SeedBasis<'a, N> {
    /// Orthogonalises the columns and then the target, twice over where much cancels ("twice is enough"): the distances are accurate
    /// however ill-conditioned `A` is. `columns` is `P`.
    #[inline(always)]
    pub fn new(seed: u32, matrix: &'a [i32], columns: usize, target: &'a Target) -> Self {
        let mut basis = SeedBasis::empty(seed, matrix, columns, target);
        // The presets' shapes fit registers.
        match (target.size(), columns) {
            (8, 3) => basis.orthogonalise::<8>(3),
            (12, 4) => basis.orthogonalise::<12>(4),
            _ => basis.orthogonalise::<64>(columns),
        }
        basis
    }

    /// Without its numbers.
    #[inline(always)]
    fn empty(seed: u32, matrix: &'a [i32], columns: usize, target: &'a Target) -> Self {
        SeedBasis {
            seed,
            matrix,
            target,
            columns,
            norm: 0.0,
            r: [[0.0; N]; N],
            y: [0.0; N],
            residual: 0.0,
            inverse: [0.0; N],
            solution: [0.0; N],
            squares: [0.0; N],
        }
    }

    /// With room for blocks of `C` weights; what is not used of it is zero, and changes nothing.
    #[inline(always)]
    fn orthogonalise<const C: usize>(&mut self, columns: usize) {
        // One more is for the target.
        let mut vectors = [[0.0; C]; MOST_COEFFICIENTS + 1];
        for (row, entries) in self.matrix.chunks_exact(columns).enumerate() {
            for column in 0..columns {
                vectors[column][row] = f64::from(entries[column]);
            }
        }
        let size = self.target.size();
        if let Some(metric) = self.target.metric() {
            let columns = vectors[..columns].iter_mut();
            columns.for_each(|vector| metric.apply(&mut vector[..size]));
        }
        vectors[columns][..size].copy_from_slice(self.target.counted());
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

    /// Fills in what comes from `R^-1`, which the rounding rules do without.
    #[inline(always)]
    pub fn invert(&mut self) {
        let columns = self.columns;
        for p in 0..columns {
            self.inverse[p] = 1.0 / self.r[p][p];
        }
        for p in (0..columns).rev() {
            let mut part = self.y[p];
            for (r, x) in self.r[p][p + 1..columns].iter().zip(&self.solution[p + 1..]) {
                part -= r * x;
            }
            self.solution[p] = part * self.inverse[p];
        }
        for column in 0..columns {
            let mut inverse = [0.0; N];
            for row in (0..=column).rev() {
                let mut part = if row == column { 1.0 } else { 0.0 };
                for (r, x) in self.r[row][row + 1..=column].iter().zip(&inverse[row + 1..]) {
                    part -= r * x;
                }
                inverse[row] = part * self.inverse[row];
                self.squares[row] += inverse[row] * inverse[row];
            }
        }
    }

    /// The least-squares coefficients; those of dependent columns are 0.
    #[inline(always)]
    pub fn least_squares(&self) -> [f64; N] {
        let mut solution = [0.0; N];
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
        let mut candidate = Candidate {
            error: f64::INFINITY,
            seed: self.seed,
            exponent,
            coefficients,
        };
        // The presets' shapes need no loop.
        candidate.error = match (self.target.size(), self.columns) {
            (8, 3) => self.canonical_error::<3>(exponent, &coefficients),
            (12, 4) => self.canonical_error::<4>(exponent, &coefficients),
            _ => {
                let integers = candidate.integers(self.matrix, self.columns);
                self.target.canonical_error(integers.map(|integer| integer as f64))
            }
        };
        candidate
    }
}

impl<const N: usize> SeedBasis<'_, N> {
    /// [`Target::canonical_error`] of a word, for `P` columns. Without their exponent, the integers are far below 2^53: they are exact
    /// in `f64`.
    #[inline(always)]
    fn canonical_error<const P: usize>(&self, exponent: u32, coefficients: &[i32; MOST_COEFFICIENTS]) -> f64 {
        let mut factors = [0.0; P];
        for p in 0..P {
            factors[p] = f64::from(coefficients[p]) * f64::from(1_u32 << exponent);
        }
        self.target
            .canonical_error(self.matrix.as_chunks::<P>().0.iter().map(|row| {
                let mut integer = 0.0;
                for p in 0..P {
                    integer += f64::from(row[p]) * factors[p];
                }
                integer
            }))
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
