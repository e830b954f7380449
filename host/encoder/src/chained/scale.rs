//! The scale of a row: large enough for its largest weights, small enough for the many small ones.
//!
//! A trellis code with long windows does what random coding does with sums of fields of the same distribution. The smallest
//! mean squared error of random coding at `k` bits per weight, for weights `x` (in steps of the sum) and sums `s` of
//! probability `p(s)`, is the largest over slopes `l > 0` of `(mean of F(l, x) - k ln 2) / l` with
//! `F(l, x) = -ln(sum over s of p(s) exp(-l (x - s)^2))`. So a histogram of the row tells about what error a scale leads to,
//! and the scale with the smallest estimate is taken. Real windows are short, and few of them have the rarest sums: their
//! best scale is a little larger, see [`headroom`].
//!
//! Only additions, multiplications, divisions and square roots of `f64`, in one order: a row has one scale on every machine.

use super::smooth::{exp, ln};
use super::trellis::Trellis;
use std::f64::consts::{LN_2, SQRT_2};

/// Slopes that are tried, a factor of the square root of 2 apart.
const SLOPES: usize = 13;
/// The one that belongs to the error at Gaussian rows.
const EXPECTED_SLOPE: usize = 8;
/// Most entries of a table of `F` per step of the sum, and about the most in all.
const MOST_PER_STEP: f64 = 4.0;
const MOST_ENTRIES: f64 = 512.0;
/// Bins of a histogram per root mean square of the row.
const BINS: usize = 32;
/// Weights above so many times the root mean square are not put into bins.
const LARGEST: usize = 16;
/// Scales that are tried are powers of this, `2^(1/32)`, ..
const RATIO: f64 = 1.0218971486541166;
/// .. with exponents of at most this magnitude.
const FARTHEST_TRIAL: i32 = 256;
/// Differences of exponents, the coarsest first, by which better scales are looked for.
const STRIDES: [i32; 3] = [4, 2, 1];

/// Factor between the scale that is best for windows of so many bits and the one that is best for random coding.
///
/// Measured on Gaussian, Laplacian and uniform rows at 2, 3 and 4 bits: 1.04 to 1.06 at `K = 12`, 1.00 to 1.03 at
/// `K = 16`, where the error changes by less than 0.5 % between the ends.
fn headroom(length: u32) -> f64 {
    1.0 + 0.8 * exp(-LN_2 / 3.0 * f64::from(length))
}

/// What has to be known of a code.
pub(crate) struct ScaleChoice {
    /// Half the largest sum.
    half: f64,
    /// The standard deviation of the sums.
    deviation: f64,
    /// `k ln 2`.
    rate: f64,
    headroom: f64,
    /// Entries of a table per step of the sum.
    per_step: f64,
    /// Every slope, with `F` of equally spaced `x` from 0, the middle of the range, to twice its end.
    tables: Vec<(f64, Vec<f64>)>,
    /// The scales that are tried, relative to the one that makes the row's deviation the code's.
    trials: Vec<f64>,
}

/// Magnitudes of weights, and the share of each.
type Histogram = Vec<(f64, f64)>;

impl ScaleChoice {
    pub fn new(trellis: &Trellis) -> Self {
        let total = trellis.total as usize;
        let half = total as f64 / 2.0;
        let mut probabilities = vec![0.0; total + 1];
        for &sum in &trellis.sums {
            // Both signs of a weight are treated alike.
            probabilities[usize::from(sum)] += 0.5 / trellis.sums.len() as f64;
            probabilities[total - usize::from(sum)] += 0.5 / trellis.sums.len() as f64;
        }
        let sums: Vec<(f64, f64)> = probabilities
            .iter()
            .enumerate()
            .map(|(sum, &probability)| (sum as f64 - half, probability))
            .filter(|(_, probability)| *probability > 0.0)
            .collect();
        let variance: f64 = sums.iter().map(|(s, probability)| probability * s * s).sum();
        let expected_error = variance / (1_u64 << (2 * trellis.stored)) as f64;
        let per_step = (MOST_ENTRIES / (total + 1) as f64).min(MOST_PER_STEP);
        let entries = ((total + 1) as f64 * per_step) as usize;
        let mut slope = 0.5 / expected_error / 16.0;
        let mut tables = Vec::with_capacity(SLOPES);
        for _ in 0..SLOPES {
            let table = (0..=entries).map(|index| coding_cost(&sums, slope, index as f64 / per_step));
            tables.push((slope, table.collect()));
            slope *= SQRT_2;
        }
        // From the middle, so that no error of rounding grows.
        let powers = |ratio: f64| std::iter::successors(Some(1.0), move |power| Some(power * ratio));
        let mut trials: Vec<f64> = powers(1.0 / RATIO).take(FARTHEST_TRIAL as usize + 1).collect();
        trials.reverse();
        trials.extend(powers(RATIO).skip(1).take(FARTHEST_TRIAL as usize));
        ScaleChoice {
            half,
            deviation: variance.sqrt(),
            rate: f64::from(trellis.stored) * LN_2,
            headroom: headroom(trellis.length),
            per_step,
            tables,
            trials,
        }
    }

    /// The scale of a row, not yet rounded. 0 for a row of zeros.
    pub fn scale(&self, row: &[f32], column_weights: Option<&[u32]>) -> f64 {
        let weight = |column: usize| column_weights.map_or(1.0, |weights| f64::from(weights[column]));
        let (mut squares, mut weights) = (0.0, 0.0);
        for (column, &value) in row.iter().enumerate() {
            squares += weight(column) * f64::from(value) * f64::from(value);
            weights += weight(column);
        }
        if squares == 0.0 {
            // Nothing, or nothing that counts.
            return column_weights.map_or(0.0, |_| self.scale(row, None));
        }
        let size = (squares / weights).sqrt();
        let mut bins = vec![0.0; BINS * LARGEST];
        let mut histogram = Histogram::new();
        for (column, &value) in row.iter().enumerate() {
            let magnitude = f64::from(value).abs() / size;
            let bin = (magnitude * BINS as f64) as usize;
            if bin < bins.len() {
                bins[bin] += weight(column) / weights;
            } else {
                histogram.push((magnitude, weight(column) / weights));
            }
        }
        let bins = bins.iter().enumerate().filter(|(_, share)| **share > 0.0);
        histogram.extend(bins.map(|(bin, &share)| ((bin as f64 + 0.5) / BINS as f64, share)));
        // A weight has two scales to a step of the sum.
        size * self.step(&histogram) / 2.0 * self.headroom
    }

    /// The best step of the sum for random coding, for weights of root mean square 1.
    fn step(&self, histogram: &Histogram) -> f64 {
        let step = |trial: i32| self.trials[(trial + FARTHEST_TRIAL) as usize] / self.deviation;
        let error = |trial: i32| self.error(histogram, step(trial));
        let (mut best, mut least) = (0_i32, error(0));
        for stride in STRIDES {
            // The estimate may be a little uneven: at first, only two worse in a row end the search.
            let patience = if stride == STRIDES[0] { 2 } else { 1 };
            for direction in [stride, -stride] {
                let (mut trial, mut worse) = (best, 0);
                while worse < patience && (trial + direction).abs() <= FARTHEST_TRIAL {
                    trial += direction;
                    let found = error(trial);
                    worse += 1;
                    if found < least {
                        (best, least, worse) = (trial, found, 0);
                    }
                }
            }
        }
        step(best)
    }

    /// The estimate of the mean squared error of weights of root mean square 1.
    fn error(&self, histogram: &Histogram, step: f64) -> f64 {
        let error = |index: usize| self.error_at(index, histogram, step);
        let mut largest = error(EXPECTED_SLOPE);
        // The mean is concave in the slope, so the quotient has one maximum.
        for index in EXPECTED_SLOPE + 1..SLOPES {
            let found = error(index);
            if found <= largest {
                break;
            }
            largest = found;
        }
        for index in (0..EXPECTED_SLOPE).rev() {
            let found = error(index);
            if found <= largest {
                break;
            }
            largest = found;
        }
        largest.max(0.0) * step * step
    }

    /// The bound that one slope gives, in squared steps.
    fn error_at(&self, index: usize, histogram: &Histogram, step: f64) -> f64 {
        let (slope, table) = &self.tables[index];
        let last = table.len() - 1;
        let edge = last as f64 / self.per_step;
        let mut mean = 0.0;
        for &(magnitude, share) in histogram {
            let x = magnitude / step;
            let position = x * self.per_step;
            mean += share
                * if position < last as f64 {
                    let index = position as usize;
                    table[index] + (table[index + 1] - table[index]) * (position - index as f64)
                } else {
                    // Far out, the largest sum is all that counts.
                    let squares = (x - self.half) * (x - self.half) - (edge - self.half) * (edge - self.half);
                    table[last] + slope * squares
                };
        }
        (mean - self.rate) / slope
    }
}

/// `F(l, x)` for sums with their probabilities.
fn coding_cost(sums: &[(f64, f64)], slope: f64, x: f64) -> f64 {
    let square = |s: f64| (x - s) * (x - s);
    // The nearest sum's exponent is taken out, so that the logarithm is of a number that is not tiny.
    let nearest = sums.iter().map(|&(s, _)| square(s)).fold(f64::INFINITY, f64::min);
    let terms = sums
        .iter()
        .map(|&(s, probability)| probability * exp(-slope * (square(s) - nearest)));
    slope * nearest - ln(terms.sum())
}
