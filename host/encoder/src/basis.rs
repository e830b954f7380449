//! The matrix of one seed as `Q R`, and a target in that basis.

use crate::candidate::{Candidate, MOST_COEFFICIENTS};
use crate::target::Target;

/// A column whose part outside the span of the columns before it is below this fraction of the matrix's norm counts as
/// dependent on them.
const DEPENDENT: f64 = 1e-12;

/// Squared, the part of a vector that has to be left after a pass for a second one to be of no use: rounding is then 10 000
/// times smaller than what [`SLACK`] allows.
const ONCE_IS_ENOUGH: f64 = 1e-4;

/// Squared, the part of a column outside the span of the columns before it, relative to the column, from which on normal equations
/// are accurate enough: the condition of the columns, each of norm 1, is below some thousands then, and rounding (of squares, so with
/// the square of the condition) leaves `R`, `y` and the point nearest to the target some 1e-12 off, relatively.
const INDEPENDENT: f64 = 1e-2;

/// How far, relative to the numbers involved, distances in the basis may be off: rounding (some 1e-14) and the columns
/// that were called dependent (1e-12), with room to spare.
pub(crate) const SLACK: f64 = 1e-10;

/// One seed's matrix `A` (integers, `C x P`) as `Q R`, and `y = Q^T t`; `A x` then has the squared distance
/// `residual + |y - R x|^2` from `t`. Where the target has a metric `F`, `F A` and `F t` are meant.
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
        let mut basis = SeedBasis::empty(seed, matrix, columns, target);
        // The presets' shapes fit registers.
        match (target.size(), columns) {
            (8, 3) => basis.orthogonalise::<8>(3),
            (12, 4) => basis.orthogonalise::<12>(4),
            _ => basis.orthogonalise::<64>(columns),
        }
        basis
    }

    /// The same, faster where the shape is a preset's and the columns are far from dependent, and no less accurate than [`SLACK`]
    /// allows; but for rounding, that is, so not for rules to which rounding matters.
    #[inline(always)]
    pub fn of_a_preset(seed: u32, matrix: &'a [i32], columns: usize, target: &'a Target) -> Self {
        let mut basis = SeedBasis::empty(seed, matrix, columns, target);
        let is_solved = match (target.size(), columns) {
            (8, 3) => basis.solve_normal_equations::<8, 3>(),
            (12, 4) => basis.solve_normal_equations::<12, 4>(),
            _ => false,
        };
        if !is_solved {
            return SeedBasis::new(seed, matrix, columns, target);
        }
        basis
    }

    #[inline(always)]
    fn empty(seed: u32, matrix: &'a [i32], columns: usize, target: &'a Target) -> Self {
        SeedBasis {
            seed,
            matrix,
            target,
            columns,
            norm: 0.0,
            r: [[0.0; MOST_COEFFICIENTS]; MOST_COEFFICIENTS],
            y: [0.0; MOST_COEFFICIENTS],
            residual: 0.0,
        }
    }

    /// `A^T A = R^T R`, `R^T y = A^T t`; and the residual is that of the solution of `R x = y`, as a vector, so that it is accurate
    /// even where it is small. Says whether the columns are far enough from dependent for that.
    #[inline(always)]
    fn solve_normal_equations<const C: usize, const P: usize>(&mut self) -> bool {
        let (rows, _) = self.matrix.as_chunks::<P>();
        let mut columns = [[0.0; C]; P];
        for c in 0..C {
            for p in 0..P {
                columns[p][c] = f64::from(rows[c][p]);
            }
        }
        if let Some(metric) = self.target.metric() {
            columns.iter_mut().for_each(|column| metric.apply(column));
        }
        let mut rest = [0.0; C];
        rest.copy_from_slice(self.target.counted());
        let mut square = 0.0;
        let mut inverse = [0.0; P];
        for column in 0..P {
            let length = dot(&columns[column], &columns[column]);
            square += length;
            let mut left = length;
            for i in 0..column {
                let mut part = dot(&columns[i], &columns[column]);
                for k in 0..i {
                    part -= self.r[k][i] * self.r[k][column];
                }
                let part = part * inverse[i];
                self.r[i][column] = part;
                left -= part * part;
            }
            if left <= INDEPENDENT * length {
                return false;
            }
            self.r[column][column] = left.sqrt();
            inverse[column] = 1.0 / self.r[column][column];
            let mut part = dot(&columns[column], &rest);
            for k in 0..column {
                part -= self.r[k][column] * self.y[k];
            }
            self.y[column] = part * inverse[column];
        }
        self.norm = square.sqrt();
        let mut solution = [0.0; P];
        for row in (0..P).rev() {
            let mut part = self.y[row];
            for (r, x) in self.r[row][row + 1..P].iter().zip(&solution[row + 1..]) {
                part -= r * x;
            }
            solution[row] = part * inverse[row];
        }
        for p in 0..P {
            for c in 0..C {
                rest[c] -= solution[p] * columns[p][c];
            }
        }
        self.residual = dot(&rest, &rest);
        true
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

impl SeedBasis<'_> {
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
