//! The best words of one seed: all exponents, all coefficients, by sphere decoding.
//!
//! The points `A x`, `x = 2^e q`, within a given distance of the target are enumerated column by column on the triangle
//! `R`, nearest coefficient first (Schnorr and Euchner 1994). The distance is that of the best word so far, widened by
//! more than all rounding, and every point that is reached is judged by its canonical error only. So nothing that could
//! win is left out, and rounding in the triangle decides nothing.

use crate::basis::{SLACK, SeedBasis};
use crate::candidate::{Candidate, MOST_COEFFICIENTS};
use crate::rule::CoefficientRange;

/// The canonical error is off by `(C + 3) * 2^-53` at most, relatively; this is more.
const CANONICAL_ROUNDING: f64 = 1e-9;

/// Replaces `best` by the best word of the seed where that is preferred.
#[inline(always)]
pub(crate) fn keep_best_word(
    basis: &SeedBasis<'_>,
    range: CoefficientRange,
    largest_exponent: u32,
    best: &mut Candidate,
) {
    let mut search = SphereSearch {
        basis,
        range,
        exponent: 0,
        step: 1.0,
        limit: 0.0,
        coefficients: [0; MOST_COEFFICIENTS],
        best,
    };
    let solution = basis.least_squares();
    let spread = spread(basis);
    for exponent in 0..=largest_exponent {
        search.exponent = exponent;
        search.step = f64::from(1_u32 << exponent);
        search.update_limit();
        if search.limit >= 0.0 && search.is_needed(&solution, &spread) {
            search.descend(basis.columns, 0.0);
        }
    }
}

/// The length of each row of `R^-1`: how far coefficient `p` may move per unit of distance. Infinite where the matrix
/// has dependent columns.
fn spread(basis: &SeedBasis<'_>) -> [f64; MOST_COEFFICIENTS] {
    let columns = basis.columns;
    let mut squares = [0.0; MOST_COEFFICIENTS];
    for column in 0..columns {
        let mut inverse = [0.0; MOST_COEFFICIENTS];
        for row in (0..=column).rev() {
            let unit = if row == column { 1.0 } else { 0.0 };
            let known: f64 = (row + 1..=column).map(|k| basis.r[row][k] * inverse[k]).sum();
            inverse[row] = (unit - known) / basis.r[row][row];
            squares[row] += inverse[row] * inverse[row];
        }
    }
    // A zero on the diagonal leaves infinities and NaN behind.
    squares.map(|square: f64| {
        if square.is_finite() {
            square.sqrt()
        } else {
            f64::INFINITY
        }
    })
}

struct SphereSearch<'a> {
    basis: &'a SeedBasis<'a>,
    range: CoefficientRange,
    exponent: u32,
    /// `2^exponent`.
    step: f64,
    /// What `|y - R x|^2` may be.
    limit: f64,
    coefficients: [i32; MOST_COEFFICIENTS],
    best: &'a mut Candidate,
}

impl SphereSearch<'_> {
    fn update_limit(&mut self) {
        let largest = f64::from(-self.range.smallest) * self.step * (self.basis.columns as f64).sqrt();
        let radius = self.best.error.sqrt() * (1.0 + CANONICAL_ROUNDING)
            + SLACK * (self.basis.target.norm() + self.basis.norm * largest);
        self.limit = radius * radius - self.basis.residual;
    }

    /// Whether this exponent can have a word within the limit that no smaller exponent has.
    ///
    /// Coefficients that can all be doubled are the same point, and a preferred word, one exponent below. So some
    /// coefficient has to be one that cannot be doubled, and all have to lie in the box, within the ellipsoid's reach.
    fn is_needed(&self, solution: &[f64; MOST_COEFFICIENTS], spread: &[f64; MOST_COEFFICIENTS]) -> bool {
        let radius = self.limit.sqrt();
        let inverse = 1.0 / self.step;
        let mut new = self.exponent == 0;
        for p in 0..self.basis.columns {
            let reach = spread[p] * radius * (1.0 + SLACK) + SLACK * (solution[p].abs() + self.step);
            if reach.is_nan() || solution[p].is_nan() {
                return true;
            }
            // A power of two: the product is the quotient.
            let (low, high) = ((solution[p] - reach) * inverse, (solution[p] + reach) * inverse);
            if low > f64::from(self.range.largest) || high < f64::from(self.range.smallest) {
                return false;
            }
            new |= high >= f64::from(self.range.largest / 2 + 1) || low <= f64::from(self.range.smallest / 2 - 1);
        }
        new
    }

    /// Chooses the coefficients of columns `0..columns`; `distance` is what those chosen already cost.
    fn descend(&mut self, columns: usize, distance: f64) {
        let Some(column) = columns.checked_sub(1) else {
            return self.judge();
        };
        let row = &self.basis.r[column];
        let chosen: f64 = (columns..self.basis.columns)
            .map(|k| row[k] * f64::from(self.coefficients[k]))
            .sum();
        let wanted = self.basis.y[column] - self.step * chosen;
        let diagonal = self.step * row[column];
        let CoefficientRange { smallest, largest } = self.range;
        let nearest = if diagonal > 0.0 {
            self.range.nearest(wanted / diagonal)
        } else {
            0
        };
        let (mut below, mut above) = (nearest - 1, nearest);
        let cost = |q: i32| {
            let difference = wanted - diagonal * f64::from(q);
            distance + difference * difference
        };
        // Outwards from the nearest: the cost grows on both sides, so the cheaper neighbour is the next.
        loop {
            let down = if below >= smallest { cost(below) } else { f64::INFINITY };
            let up = if above <= largest { cost(above) } else { f64::INFINITY };
            let next = down.min(up);
            // The limit shrinks whenever a better word is found.
            if next > self.limit {
                return;
            }
            let q = if up <= down { &mut above } else { &mut below };
            self.coefficients[column] = *q;
            *q += if up <= down { 1 } else { -1 };
            self.descend(column, next);
        }
    }

    fn judge(&mut self) {
        let candidate = self.basis.candidate(self.exponent, self.coefficients);
        if candidate.error <= self.best.error {
            self.best.keep_better(candidate);
            self.update_limit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orbit::Orbit;
    use crate::target::Target;
    use seedlm_codec::BlockCode;

    /// All exponents and coefficients, one by one.
    fn exhaustive(basis: &SeedBasis<'_>, range: CoefficientRange, largest_exponent: u32, best: &mut Candidate) {
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
                let basis = SeedBasis::new(1, orbit.matrix(n), 3, &target);
                basis.r[2][2] < 1e-3 * basis.norm
            });
            for (position, step) in [(position, 1e-5), (singular.unwrap(), 1e-5), (singular.unwrap(), 1e-2)] {
                let target = Target::new(&weights, 8, step);
                let basis = SeedBasis::new(orbit.seed(position), orbit.matrix(position), 3, &target);
                near_singular += usize::from(basis.r[2][2] < 1e-3 * basis.norm);
                let zero = Candidate::none_below(f64::INFINITY);
                let (mut found, mut expected) = (Candidate::zero(target.norm() * target.norm() * 1.5), zero);
                keep_best_word(&basis, range, 11, &mut found);
                exhaustive(&basis, range, 11, &mut expected);
                assert_eq!(found, expected, "position {position}");
            }
        }
        assert!(near_singular >= 40);
    }
}
