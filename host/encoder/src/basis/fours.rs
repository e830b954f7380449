//! The bases of four seeds side by side, which wait for roots and quotients together.

use super::SeedBasis;
use crate::scan::Doubles;
use crate::target::Target;

/// Squared, the part of a column outside the span of the columns before it, relative to the column, from which on normal equations
/// are accurate enough: the condition of the columns, each of norm 1, is below some thousands then, and rounding (of squares, so with
/// the square of the condition) leaves `R`, `y` and the point nearest to the target some 1e-12 off, relatively.
const INDEPENDENT: f64 = 1e-2;

/// As [`SeedBasis`], for four seeds, of codes with blocks of `C` weights and `P` columns, but for rounding: where the columns are far
/// from dependent it is no less accurate than [`super::SLACK`] allows. Not for rules to which rounding matters.
pub(crate) struct FourBases<'a, const P: usize> {
    seeds: [u32; 4],
    matrices: [&'a [i32]; 4],
    target: &'a Target,
    /// One bit for each seed whose columns are far enough from dependent.
    independent: u32,
    norm: [f64; 4],
    r: [[[f64; 4]; P]; P],
    y: [[f64; 4]; P],
    residual: [f64; 4],
    solution: [[f64; 4]; P],
    squares: [[f64; 4]; P],
}

impl<'a, const P: usize> FourBases<'a, P> {
    /// `A^T A = R^T R`, `R^T y = A^T t`; and the residual is that of the solution of `R x = y`, as a vector, so that it is accurate
    /// even where it is small.
    #[inline(always)]
    pub fn new<D: Doubles, const C: usize>(seeds: [u32; 4], matrices: [&'a [i32]; 4], target: &'a Target) -> Self {
        let columns = columns::<D, C, P>(matrices, target);
        let mut rest = [D::spread(0.0); C];
        for (rest, &weight) in rest.iter_mut().zip(target.counted()) {
            *rest = D::spread(weight);
        }
        let zero = D::spread(0.0);
        let one = D::spread(1.0);
        let (mut r, mut y, mut inverse) = ([[zero; P]; P], [zero; P], [zero; P]);
        let mut square = zero;
        let mut independent = 0b1111;
        for column in 0..P {
            let length = dot(&columns[column], &columns[column]);
            square = square.add(length);
            let mut left = length;
            for i in 0..column {
                let mut part = dot(&columns[i], &columns[column]);
                for row in &r[..i] {
                    part = row[i].subtract_product(row[column], part);
                }
                r[i][column] = part.multiply(inverse[i]);
                left = r[i][column].subtract_product(r[i][column], left);
            }
            independent &= left.is_greater(length.multiply(D::spread(INDEPENDENT)));
            r[column][column] = left.square_root();
            inverse[column] = one.divide(r[column][column]);
            let mut part = dot(&columns[column], &rest);
            for k in 0..column {
                part = r[k][column].subtract_product(y[k], part);
            }
            y[column] = part.multiply(inverse[column]);
        }
        let mut solution = [zero; P];
        for p in (0..P).rev() {
            let mut part = y[p];
            for k in p + 1..P {
                part = r[p][k].subtract_product(solution[k], part);
            }
            solution[p] = part.multiply(inverse[p]);
        }
        for p in 0..P {
            for c in 0..C {
                rest[c] = solution[p].subtract_product(columns[p][c], rest[c]);
            }
        }
        let mut squares = [zero; P];
        for column in 0..P {
            let mut of_column = [zero; P];
            for row in (0..=column).rev() {
                let mut part = if row == column { one } else { zero };
                for k in row + 1..=column {
                    part = r[row][k].subtract_product(of_column[k], part);
                }
                of_column[row] = part.multiply(inverse[row]);
                squares[row] = of_column[row].multiply_add(of_column[row], squares[row]);
            }
        }
        let mut bases = FourBases {
            seeds,
            matrices,
            target,
            independent,
            norm: square.square_root().store(),
            r: [[[0.0; 4]; P]; P],
            y: [[0.0; 4]; P],
            residual: dot(&rest, &rest).store(),
            solution: [[0.0; 4]; P],
            squares: [[0.0; 4]; P],
        };
        for p in 0..P {
            for (numbers, known) in bases.r[p][p..].iter_mut().zip(&r[p][p..]) {
                *numbers = known.store();
            }
            bases.y[p] = y[p].store();
            bases.solution[p] = solution[p].store();
            bases.squares[p] = squares[p].store();
        }
        bases
    }

    /// The basis of one of the seeds.
    #[inline(always)]
    pub fn basis(&self, number: usize) -> SeedBasis<'a, P> {
        let (seed, matrix, target) = (self.seeds[number], self.matrices[number], self.target);
        if self.independent >> number & 1 == 0 {
            return SeedBasis::new(seed, matrix, P, target);
        }
        let mut basis = SeedBasis {
            seed,
            matrix,
            target,
            columns: P,
            norm: self.norm[number],
            r: [[0.0; P]; P],
            y: [0.0; P],
            residual: self.residual[number],
            solution: [0.0; P],
            squares: [0.0; P],
        };
        for p in 0..P {
            for (known, numbers) in basis.r[p][p..].iter_mut().zip(&self.r[p][p..]) {
                *known = numbers[number];
            }
            basis.y[p] = self.y[p][number];
            basis.solution[p] = self.solution[p][number];
            basis.squares[p] = self.squares[p][number];
        }
        basis
    }
}

/// The columns of the matrices, as errors are counted.
#[inline(always)]
fn columns<D: Doubles, const C: usize, const P: usize>(matrices: [&[i32]; 4], target: &Target) -> [[D; C]; P] {
    let [a, b, c, d] = matrices.map(|matrix| &matrix.as_chunks::<P>().0[..C]);
    let mut columns = [[D::spread(0.0); C]; P];
    for row in 0..C {
        for p in 0..P {
            columns[p][row] = D::from_integers([a[row][p], b[row][p], c[row][p], d[row][p]]);
        }
    }
    let Some(metric) = target.metric() else {
        return columns;
    };
    for column in &mut columns {
        let mut of_each = [[0.0; C]; 4];
        for (row, numbers) in column.iter().enumerate() {
            for (of_one, number) in of_each.iter_mut().zip(numbers.store()) {
                of_one[row] = number;
            }
        }
        of_each.iter_mut().for_each(|of_one| metric.apply(of_one));
        let [a, b, c, d] = &of_each;
        for (row, numbers) in column.iter_mut().enumerate() {
            *numbers = D::load(&[a[row], b[row], c[row], d[row]]);
        }
    }
    columns
}

/// Summed in two interleaved parts, which do not wait for each other.
#[inline(always)]
fn dot<D: Doubles, const C: usize>(a: &[D; C], b: &[D; C]) -> D {
    let mut sums = [D::spread(0.0); 2];
    for row in 0..C {
        sums[row % 2] = a[row].multiply_add(b[row], sums[row % 2]);
    }
    sums[0].add(sums[1])
}
