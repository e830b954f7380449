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
    inverse: [[f64; 4]; P],
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
            inverse: [[0.0; 4]; P],
            solution: [[0.0; 4]; P],
            squares: [[0.0; 4]; P],
        };
        for p in 0..P {
            for (numbers, known) in bases.r[p][p..].iter_mut().zip(&r[p][p..]) {
                *numbers = known.store();
            }
            bases.y[p] = y[p].store();
            bases.inverse[p] = inverse[p].store();
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
            return in_full(seed, matrix, target);
        }
        let mut basis = SeedBasis::empty(seed, matrix, P, target);
        basis.norm = self.norm[number];
        basis.residual = self.residual[number];
        for p in 0..P {
            for (known, numbers) in basis.r[p][p..].iter_mut().zip(&self.r[p][p..]) {
                *known = numbers[number];
            }
            basis.y[p] = self.y[p][number];
            basis.inverse[p] = self.inverse[p][number];
            basis.solution[p] = self.solution[p][number];
            basis.squares[p] = self.squares[p][number];
        }
        basis
    }
}

/// A basis whose columns are nearly dependent: seldom needed, so a function by itself.
#[cold]
#[inline(never)]
fn in_full<'a, const P: usize>(seed: u32, matrix: &'a [i32], target: &'a Target) -> SeedBasis<'a, P> {
    let mut basis = SeedBasis::new(seed, matrix, P, target);
    basis.invert();
    basis
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
    if let Some(metric) = target.metric() {
        for column in &mut columns {
            metric.apply_to_four(column);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::ErrorMetric;
    use crate::orbit::Orbit;
    use crate::scan::{Lanes, Work, dispatch};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use seedlm_codec::BlockCode;
    use seedlm_instructions::Instructions;
    use std::sync::Arc;

    /// The bases of four positions.
    struct Bases<'a, const C: usize, const P: usize>(&'a Orbit, [usize; 4], &'a Target);

    impl<'a, const C: usize, const P: usize> Work for Bases<'a, C, P> {
        type Output = FourBases<'a, P>;

        #[inline(always)]
        fn run<V: Lanes>(self) -> FourBases<'a, P> {
            let Bases(orbit, positions, target) = self;
            let seeds = positions.map(|position| orbit.seed(position));
            FourBases::new::<V::Doubles, C>(seeds, positions.map(|position| orbit.matrix(position)), target)
        }
    }

    fn check<const C: usize, const P: usize>(name: &str) {
        let orbit = Orbit::new(&BlockCode::preset(name).unwrap(), 0);
        let mut random = ChaCha8Rng::seed_from_u64(6);
        let weights: [f32; C] = std::array::from_fn(|_| random.random::<f32>() - 0.5);
        let vectors: Vec<f64> = (0..C * C).map(|_| random.random::<f64>() - 0.5).collect();
        let moments: Vec<f64> = (0..C * C)
            .map(|index| {
                (0..C)
                    .map(|k| vectors[index / C * C + k] * vectors[index % C * C + k])
                    .sum()
            })
            .collect();
        let plain = Target::new(&weights, C, 1e-5);
        let metric = Arc::new(ErrorMetric::new(&moments, C, C).unwrap());
        let mut side_by_side = 0;
        for target in [plain.clone(), plain.with_metric(&metric)] {
            for _ in 0..50 {
                let positions = std::array::from_fn(|_| random.random_range(0..orbit.seeds));
                for instructions in Instructions::available() {
                    let four = dispatch(instructions, Bases::<C, P>(&orbit, positions, &target));
                    side_by_side += four.independent.count_ones();
                    for (number, position) in positions.into_iter().enumerate() {
                        let mut expected =
                            SeedBasis::<P>::new(orbit.seed(position), orbit.matrix(position), P, &target);
                        expected.invert();
                        let found = four.basis(number);
                        assert_eq!((found.seed, found.matrix), (expected.seed, expected.matrix));
                        let numbers = |basis: &SeedBasis<'_, P>| {
                            let SeedBasis {
                                r,
                                y,
                                inverse,
                                solution,
                                squares,
                                ..
                            } = basis;
                            [
                                r.as_flattened(),
                                y,
                                inverse,
                                solution,
                                squares,
                                &[basis.norm, basis.residual],
                            ]
                            .concat()
                        };
                        for (found, expected) in numbers(&found).into_iter().zip(numbers(&expected)) {
                            assert!(
                                (found - expected).abs() <= 1e-9 * expected.abs() + 1e-11 * target.norm(),
                                "{name}, {instructions}: {found}, {expected}"
                            );
                        }
                    }
                }
            }
        }
        // Nearly all seeds have columns that are far enough from dependent.
        assert!(side_by_side as usize >= 300 * Instructions::available().len());
    }

    #[test]
    fn four_bases_are_those_of_the_seeds_one_by_one() {
        check::<8, 3>("paper-4b");
        check::<12, 4>("paper-3b");
    }
}
