//! Where directions are along the axis in which they vary most.

use super::{Direction, MOST_WEIGHTS};
use crate::scan::{Floats, Lanes, Work};

/// Directions that tell where to split many.
const SAMPLE: usize = 256;
/// Steps of the power iteration.
const ITERATIONS: usize = 6;

/// Sets the keys of directions.
pub(super) struct SetKeys<'a>(pub &'a mut [Direction]);

impl Work for SetKeys<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let axis = principal_axis::<V::Floats>(self.0);
        let (fours, rest) = self.0.as_chunks_mut();
        for four in fours {
            let [a, b, c, d] = &*four;
            let sums = V::Floats::sums([along(a, axis), along(b, axis), along(c, axis), along(d, axis)]);
            for (direction, sum) in four.iter_mut().zip(sums) {
                direction.key = ordered(sum);
            }
        }
        for direction in rest {
            let [sum, ..] = V::Floats::sums([along(direction, axis); 4]);
            direction.key = ordered(sum);
        }
    }
}

/// What the direction's inner product with the axis is the sum of.
#[inline(always)]
fn along<F: Floats>(direction: &Direction, axis: F) -> F {
    F::load(&direction.values).multiply(axis)
}

/// About the direction in which a sample of the directions varies most, of any length.
#[inline(always)]
fn principal_axis<F: Floats>(directions: &[Direction]) -> F {
    let step = directions.len().div_ceil(SAMPLE);
    let mut sum = F::spread(0.0);
    for direction in directions.iter().step_by(step) {
        sum = sum.add(F::load(&direction.values));
    }
    let mean = sum.multiply(F::spread(1.0 / directions.len().div_ceil(step) as f32));
    let mut covariance = [F::spread(0.0); MOST_WEIGHTS];
    for direction in directions.iter().step_by(step) {
        let centred = F::load(&direction.values).sub(mean);
        for (row, value) in covariance.iter_mut().zip(centred.store()) {
            *row = F::spread(value).multiply_add(centred, *row);
        }
    }
    // From the coordinate that varies most. In units of all variance the largest eigenvalue is an eighth at least: steps do not underflow.
    let (mut most, mut all) = ((0.0, 0), 0.0);
    for (c, row) in covariance.iter().enumerate() {
        let variance = row.store()[c];
        all += variance;
        if variance > most.0 {
            most = (variance, c);
        }
    }
    let unit = F::spread(1.0 / all.max(f32::MIN_POSITIVE));
    let mut axis = covariance[most.1].multiply(unit);
    for _ in 0..ITERATIONS {
        let mut next = F::spread(0.0);
        for (&row, value) in covariance.iter().zip(axis.multiply(unit).store()) {
            next = F::spread(value).multiply_add(row, next);
        }
        axis = next;
    }
    axis
}

/// An integer for each number, in the same order.
#[inline(always)]
fn ordered(number: f32) -> i32 {
    let bits = number.to_bits().cast_signed();
    bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed()
}
