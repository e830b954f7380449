//! The best words of one seed: all exponents, all coefficients, by sphere decoding.
//!
//! The points `A x`, `x = 2^e q`, within a given distance of the target are enumerated column by column on the triangle
//! `R`, nearest coefficient first (Schnorr and Euchner 1994). The distance is that of the best word so far, widened by
//! more than all rounding, and every point that is reached is judged by its canonical error only. So nothing that could
//! win is left out, and rounding in the triangle decides nothing.

use crate::basis::{SLACK, SeedBasis};
use crate::candidate::{Candidate, MOST_COEFFICIENTS};
use crate::rule::CoefficientRange;
use std::hint::select_unpredictable;

/// The canonical error is off by `(C + 3) * 2^-53` at most, relatively; this is more.
const CANONICAL_ROUNDING: f64 = 1e-9;

/// The words that a seed can have.
pub(crate) struct SeedWords {
    range: CoefficientRange,
    largest_exponent: u32,
    /// The length of the largest coefficients, together.
    longest: f64,
    /// One over the largest and the smallest coefficient.
    in_box: (f64, f64),
    /// One over the smallest positive and the largest negative one that cannot be doubled.
    not_doubled: (f64, f64),
}

impl SeedWords {
    /// With so many columns, coefficients in a range and exponents up to the largest.
    #[inline(always)]
    pub fn new(columns: usize, range: CoefficientRange, largest_exponent: u32) -> Self {
        let quotient = |q: i32| 1.0 / f64::from(q);
        let CoefficientRange { smallest, largest } = range;
        SeedWords {
            range,
            largest_exponent,
            longest: f64::from(-smallest) * (columns as f64).sqrt(),
            in_box: (quotient(largest), quotient(smallest)),
            not_doubled: (quotient(largest / 2 + 1), quotient(smallest / 2 - 1)),
        }
    }
}

/// Replaces `best` by the best word of the seed where that is preferred.
#[inline(always)]
pub(crate) fn keep_best_word<const N: usize>(basis: &SeedBasis<'_, N>, words: &SeedWords, best: &mut Candidate) {
    SphereSearch {
        basis,
        // The presets' numbers of columns need no loops.
        columns: if N < MOST_COEFFICIENTS { N } else { basis.columns },
        words,
        exponent: 0,
        step: 1.0,
        inverse_step: 1.0,
        reach: 0.0,
        limit: 0.0,
        coefficients: [0; MOST_COEFFICIENTS],
        best,
    }
    .run();
}

/// `N`: room for so many columns; all are used unless it is [`MOST_COEFFICIENTS`].
struct SphereSearch<'a, const N: usize> {
    basis: &'a SeedBasis<'a, N>,
    columns: usize,
    words: &'a SeedWords,
    exponent: u32,
    /// `2^exponent`, and one over it.
    step: f64,
    inverse_step: f64,
    /// How far a point may be from the target, but for what the step adds: the distance of the best word, widened.
    reach: f64,
    /// What `|y - R x|^2` may be.
    limit: f64,
    coefficients: [i32; MOST_COEFFICIENTS],
    best: &'a mut Candidate,
}

/// A column whose coefficient is being chosen.
#[derive(Clone, Copy)]
struct Level {
    /// What those chosen before it cost.
    distance: f64,
    /// What the column's part of `R x` should be.
    wanted: f64,
    /// `R[p][p]` times the step.
    diagonal: f64,
    /// The next coefficients outwards from the nearest.
    below: i32,
    above: i32,
}

impl<const N: usize> SphereSearch<'_, N> {
    /// Goes through the exponents that can have a word within the limit that no smaller exponent has.
    #[inline(always)]
    fn run(&mut self) {
        self.update_reach();
        // The largest step's limit is the largest.
        self.step = f64::from(1_u32 << self.words.largest_exponent);
        self.update_limit();
        if self.limit < 0.0 {
            return;
        }
        let (smallest, largest) = self.needed_steps();
        for exponent in exponent_from(smallest)..=self.words.largest_exponent {
            self.exponent = exponent;
            self.step = f64::from(1_u32 << exponent);
            self.inverse_step = 1.0 / self.step;
            if exponent > 0 && self.step > largest {
                break;
            }
            self.update_limit();
            if self.limit >= 0.0 {
                self.enumerate();
            }
        }
    }

    #[inline(always)]
    fn update_reach(&mut self) {
        self.reach = self.best.error.sqrt() * (1.0 + CANONICAL_ROUNDING) + SLACK * self.basis.target.norm();
    }

    #[inline(always)]
    fn update_limit(&mut self) {
        let radius = self.reach + SLACK * self.basis.norm * (self.words.longest * self.step);
        self.limit = radius * radius - self.basis.residual;
    }

    /// Bounds on the steps that are needed, but for the smallest of all.
    ///
    /// All coefficients have to lie in the box, within the ellipsoid's reach: the step is large enough for that. Coefficients that
    /// can all be doubled are the same point, and a preferred word, one exponent below. So some coefficient has to be
    /// one that cannot be doubled: the step is small enough for that.
    #[inline(always)]
    fn needed_steps(&self) -> (f64, f64) {
        let (in_box, negative_in_box) = self.words.in_box;
        let (not_doubled, negative_not_doubled) = self.words.not_doubled;
        // The length of each row of `R^-1` is how far coefficient `p` may move per unit of distance.
        let SeedBasis { solution, squares, .. } = self.basis;
        let (mut least, mut most) = (0_f64, 0_f64);
        for p in 0..self.columns {
            let reach = (squares[p] * self.limit).sqrt() * (1.0 + SLACK) + SLACK * (solution[p].abs() + self.step);
            // Dependent columns leave infinities and NaN behind.
            if !reach.is_finite() || !solution[p].is_finite() {
                return (0.0, f64::INFINITY);
            }
            let (low, high) = (solution[p] - reach, solution[p] + reach);
            least = least.max(low * in_box).max(high * negative_in_box);
            most = most.max(high * not_doubled).max(low * negative_not_doubled);
        }
        // With room for the rounding of the quotients.
        (least * (1.0 - SLACK), most * (1.0 + SLACK))
    }

    /// Looks at all points within the limit, at one exponent.
    #[inline(always)]
    fn enumerate(&mut self) {
        let mut column = self.columns - 1;
        let mut levels = [self.level(column, 0.0); N];
        let CoefficientRange { smallest, largest } = self.words.range;
        loop {
            let level = &mut levels[column];
            let cost = |q: i32| {
                let difference = level.wanted - level.diagonal * f64::from(q);
                level.distance + difference * difference
            };
            // Outwards from the nearest: the cost grows on both sides, so the cheaper neighbour is the next.
            let down = if level.below >= smallest {
                cost(level.below)
            } else {
                f64::INFINITY
            };
            let up = if level.above <= largest {
                cost(level.above)
            } else {
                f64::INFINITY
            };
            let next = down.min(up);
            // The limit shrinks whenever a better word is found.
            if next > self.limit {
                column += 1;
                if column == self.columns {
                    return;
                }
                continue;
            }
            // Without a branch: it would be guessed wrong often.
            let is_up = up <= down;
            self.coefficients[column] = select_unpredictable(is_up, level.above, level.below);
            level.above += i32::from(is_up);
            level.below -= i32::from(!is_up);
            if column == 0 {
                self.judge();
            } else {
                column -= 1;
                levels[column] = self.level(column, next);
            }
        }
    }

    /// A column, after the coefficients of all columns behind it have been chosen for the cost `distance`.
    #[inline(always)]
    fn level(&self, column: usize, distance: f64) -> Level {
        let row = &self.basis.r[column];
        let mut chosen = 0.0;
        for (r, &q) in row[column + 1..self.columns]
            .iter()
            .zip(&self.coefficients[column + 1..])
        {
            chosen += r * f64::from(q);
        }
        let wanted = self.basis.y[column] - self.step * chosen;
        let diagonal = self.step * row[column];
        let nearest = if diagonal > 0.0 {
            // It may be off by rounding where two are as near.
            self.words
                .range
                .nearest(wanted * (self.basis.inverse[column] * self.inverse_step))
        } else {
            0
        };
        Level {
            distance,
            wanted,
            diagonal,
            below: nearest - 1,
            above: nearest,
        }
    }

    #[inline(always)]
    fn judge(&mut self) {
        let candidate = self.basis.candidate(self.exponent, self.coefficients);
        if candidate.error <= self.best.error {
            self.best.keep_better(candidate);
            self.update_reach();
            self.update_limit();
        }
    }
}

/// The least exponent whose power of two is at least a number that is not negative.
#[inline(always)]
fn exponent_from(number: f64) -> u32 {
    let bits = number.max(1.0).to_bits();
    let (exponent, fraction) = (bits >> 52, bits << 12);
    (exponent - 1023) as u32 + u32::from(fraction != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::basis::FourBases;
    use crate::orbit::Orbit;
    use crate::target::Target;
    use seedlm_codec::BlockCode;

    /// All exponents and coefficients, one by one.
    fn exhaustive<const N: usize>(
        basis: &SeedBasis<'_, N>,
        range: CoefficientRange,
        largest_exponent: u32,
        best: &mut Candidate,
    ) {
        let width = (range.largest - range.smallest + 1) as usize;
        for exponent in 0..=largest_exponent {
            for number in 0..width.pow(basis.columns as u32) {
                let mut coefficients = [0; MOST_COEFFICIENTS];
                let mut rest = number;
                for q in &mut coefficients[..basis.columns] {
                    *q = range.smallest + (rest % width) as i32;
                    rest /= width;
                }
                best.keep_better(basis.candidate(exponent, coefficients));
            }
        }
    }

    #[test]
    fn exponents_start_at_the_least_power_of_two() {
        for number in [0.0, 0.3, 1.0, 1.0000001, 2.0, 3.0, 4.0, 4.1, 32768.0, 1e30] {
            let expected = (0..).find(|&exponent| 2_f64.powi(exponent) >= number);
            assert_eq!(Some(exponent_from(number) as i32), expected, "{number}");
        }
    }

    #[test]
    fn the_sphere_holds_the_best_word_of_a_seed() {
        let code = BlockCode::preset("paper-4b").unwrap();
        let orbit = Orbit::new(&code, 0);
        let (smallest, largest) = code.coefficient_range();
        let range = CoefficientRange { smallest, largest };
        let weights = [0.3, -1.2, 0.7, 0.1, -0.4, 2.1, -0.9, 0.05];
        let mut near_singular = 0;
        for position in (0..orbit.seeds).step_by(3001) {
            // One seed anywhere, and the next one whose matrix is all but singular.
            let singular = (position..position + orbit.seeds).map(|n| n % orbit.seeds).find(|&n| {
                let target = Target::new(&weights, 8, 1.0);
                let basis = SeedBasis::<3>::new(1, orbit.matrix(n), 3, &target);
                basis.r[2][2] < 1e-3 * basis.norm
            });
            for (position, step) in [(position, 1e-5), (singular.unwrap(), 1e-5), (singular.unwrap(), 1e-2)] {
                let target = Target::new(&weights, 8, step);
                let basis = SeedBasis::new(orbit.seed(position), orbit.matrix(position), 3, &target);
                near_singular += usize::from(basis.r[2][2] < 1e-3 * basis.norm);
                let mut expected = Candidate::none_below(f64::INFINITY);
                exhaustive(&basis, range, 11, &mut expected);
                // In the company of any others.
                let positions = [17, position, 18, 19];
                let four = FourBases::<3>::new::<[f64; 4], 8>(
                    positions.map(|position| orbit.seed(position)),
                    positions.map(|position| orbit.matrix(position)),
                    &target,
                );
                let mut basis = basis;
                basis.invert();
                for basis in [basis, four.basis(1)] {
                    let mut found = Candidate::zero(target.norm() * target.norm() * 1.5);
                    keep_best_word(&basis, &SeedWords::new(3, range, 11), &mut found);
                    assert_eq!(found, expected, "position {position}");
                }
            }
        }
        assert!(near_singular >= 40);
    }
}
