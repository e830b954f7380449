//! A small ball that holds some directions.

use super::{Direction, MOST_WEIGHTS};
use crate::scan::Floats;

/// Steps to find a small ball.
const STEPS: usize = 24;

/// The squared norm of a sum of directions below which they cancel each other: what is left may be all rounding.
const CANCELLED: f32 = 1e-8;

/// A ball of directions.
pub(crate) struct Ball {
    /// The centre, of norm 1 unless it is zero.
    pub centre: [f32; MOST_WEIGHTS],
    /// No direction is farther than this from the centre; 2, which is everywhere, around a centre of zero.
    pub radius: f32,
}

/// Directions coordinate by coordinate, eight side by side.
type Coordinates<const EIGHTS: usize> = [[[f32; 8]; MOST_WEIGHTS]; EIGHTS];

/// A ball of at most `8 * EIGHTS` directions.
#[inline(always)]
pub(super) fn ball<F: Floats, const EIGHTS: usize>(directions: &[Direction]) -> Ball {
    // The last is repeated where there are few.
    let mut coordinates = [[[0.0; 8]; MOST_WEIGHTS]; EIGHTS];
    let mut sum = F::spread(0.0);
    for number in 0..8 * EIGHTS {
        let values = &directions[number.min(directions.len() - 1)].values;
        sum = sum.add(F::load(values));
        for (row, &value) in coordinates[number / 8].iter_mut().zip(values) {
            row[number % 8] = value;
        }
    }
    if square(sum) < CANCELLED {
        // All directions are within 2: a centre of zero is near nothing.
        return Ball {
            centre: [0.0; MOST_WEIGHTS],
            radius: 2.0,
        };
    }
    let mut centre = unit(sum);
    // A small ball around them: again and again a step towards the farthest, shorter every time (Badoiu and Clarkson 2003).
    let (mut best, mut nearest) = (centre, f32::NEG_INFINITY);
    for step in 0..STEPS {
        let (number, product) = farthest(&coordinates, centre);
        if product > nearest {
            (best, nearest) = (centre, product);
        }
        let farthest = F::load(&directions[number.min(directions.len() - 1)].values);
        let part = F::spread(1.0 / (step + 4) as f32);
        // Of norm 1/2 at least: the step is a quarter of the way at most.
        centre = unit(farthest.sub(centre).multiply_add(part, centre));
    }
    Ball {
        centre: best.store(),
        // Far more than rounding takes.
        radius: largest_distance(&coordinates, best) + 1e-5,
    }
}

/// The squared norm of a vector.
#[inline(always)]
fn square<F: Floats>(vector: F) -> f32 {
    let [square, ..] = F::sums([vector.multiply(vector); 4]);
    square
}

/// A vector over its norm.
#[inline(always)]
fn unit<F: Floats>(vector: F) -> F {
    vector.multiply(F::spread(1.0 / square(vector).sqrt()))
}

/// The number of the direction of norm 1 that is farthest from a point of norm 1, and their inner product, the smallest of all.
#[inline(always)]
fn farthest<F: Floats, const EIGHTS: usize>(coordinates: &Coordinates<EIGHTS>, point: F) -> (usize, f32) {
    let point = point.store();
    let mut products = [F::spread(0.0); EIGHTS];
    let mut least = F::spread(f32::INFINITY);
    for (product, rows) in products.iter_mut().zip(coordinates) {
        // Two sums, which do not wait for each other.
        let mut sums = [F::spread(0.0); 2];
        for c in 0..MOST_WEIGHTS {
            sums[c % 2] = F::load(&rows[c]).multiply_add(F::spread(point[c]), sums[c % 2]);
        }
        *product = sums[0].add(sums[1]);
        least = least.min(*product);
    }
    let least = smallest(least);
    let bound = F::spread(least);
    for (eight, &product) in products.iter().enumerate() {
        let found = bound.at_least(product);
        if found != 0 {
            return (8 * eight + found.trailing_zeros() as usize, least);
        }
    }
    unreachable!("the smallest of some numbers is one of them")
}

/// How far the farthest direction is from a point.
#[inline(always)]
fn largest_distance<F: Floats, const EIGHTS: usize>(coordinates: &Coordinates<EIGHTS>, point: F) -> f32 {
    let point = point.store();
    // The smallest negative square.
    let mut least = F::spread(0.0);
    for rows in coordinates {
        let mut square = F::spread(0.0);
        for (row, coordinate) in rows.iter().zip(point) {
            let difference = F::load(row).sub(F::spread(coordinate));
            square = difference.multiply_add(difference, square);
        }
        least = least.min(F::spread(0.0).sub(square));
    }
    (-smallest(least)).sqrt()
}

/// The smallest of eight numbers.
#[inline(always)]
fn smallest<F: Floats>(numbers: F) -> f32 {
    let mut smallest = f32::INFINITY;
    for number in numbers.store() {
        smallest = if number < smallest { number } else { smallest };
    }
    smallest
}
