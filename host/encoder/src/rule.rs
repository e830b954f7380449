//! The words of one seed that the rounding rules choose.

use crate::basis::SeedBasis;
use crate::candidate::{Candidate, MOST_COEFFICIENTS};

/// The coefficients that a code has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CoefficientRange {
    /// `-2^(b-1)`.
    pub smallest: i32,
    /// `2^(b-1) - 1`.
    pub largest: i32,
}

impl CoefficientRange {
    /// The coefficient nearest to a number; halves go away from zero. (Not `f64::round`, which baseline x86-64 has to
    /// call a function for.)
    pub fn nearest(self, number: f64) -> i32 {
        let (smallest, largest) = (f64::from(self.smallest), f64::from(self.largest));
        let number = number.clamp(smallest, largest);
        // The largest double below a half: with a half itself, 0.5.next_down() would round to 1.
        let half = 0.5_f64.next_down().copysign(number);
        (number + half) as i32
    }
}

/// The word of Algorithm 1 as printed: exponent `max_i floor(log2 |x_i|)`, moved into `0..=largest_exponent`.
#[inline(always)]
pub(crate) fn keep_printed_word<const N: usize>(
    basis: &SeedBasis<'_, N>,
    range: CoefficientRange,
    largest_exponent: u32,
    best: &mut Candidate,
) {
    let solution = basis.least_squares();
    let largest = solution.iter().fold(0_f64, |largest, value| largest.max(value.abs()));
    // Bits 52.. of a positive double are its biased binary exponent: floor(log2) without rounding (0 and subnormal
    // numbers come out far below the window, infinity far above).
    let exponent = (largest.to_bits() >> 52) as i64 - 1023;
    let exponent = exponent.clamp(0, i64::from(largest_exponent)) as u32;
    best.keep_better(round_at(basis, range, &solution, exponent));
}

/// The least-squares coefficients, rounded, at the best exponent of all.
#[inline(always)]
pub(crate) fn keep_rounded_word<const N: usize>(
    basis: &SeedBasis<'_, N>,
    range: CoefficientRange,
    largest_exponent: u32,
    best: &mut Candidate,
) {
    let solution = basis.least_squares();
    for exponent in 0..=largest_exponent {
        best.keep_better(round_at(basis, range, &solution, exponent));
    }
}

#[inline(always)]
fn round_at<const N: usize>(
    basis: &SeedBasis<'_, N>,
    range: CoefficientRange,
    solution: &[f64; N],
    exponent: u32,
) -> Candidate {
    let step = f64::from(1_u32 << exponent);
    let mut coefficients = [0; MOST_COEFFICIENTS];
    for p in 0..basis.columns {
        coefficients[p] = range.nearest(solution[p] / step);
    }
    basis.candidate(exponent, coefficients)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nearest_is_rounding_and_clamping(number in -20.0_f64..20.0, quarters in -80_i32..80) {
            let range = CoefficientRange { smallest: -8, largest: 7 };
            for number in [number, f64::from(quarters) / 4.0, 0.5_f64.next_down(), f64::INFINITY] {
                prop_assert_eq!(range.nearest(number), number.round().clamp(-8.0, 7.0) as i32);
            }
        }
    }
}
