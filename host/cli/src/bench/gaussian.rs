//! Normally distributed weights: what theory speaks of.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use seedlm_model::Matrix;

/// The same weights in every run.
const SEED: u64 = 1;
/// Largest number of weights that can be asked for.
const MOST_WEIGHTS: usize = 1 << 30;

/// A matrix of normally distributed weights, mean 0, variance 1: the same for the same shape.
pub fn gaussian(rows: usize, columns: usize) -> Matrix {
    let random = ChaCha8Rng::seed_from_u64(SEED);
    let values = random.sample_iter(StandardNormal).take(rows * columns).collect();
    Matrix { rows, columns, values }
}

/// Reads `ROWSxCOLUMNS`.
pub fn parse_shape(text: &str) -> Result<[usize; 2], String> {
    let number = |part: &str| part.parse::<usize>().ok().filter(|&number| number > 0);
    let shape = text
        .split_once('x')
        .and_then(|(rows, columns)| Some([number(rows)?, number(columns)?]));
    let [rows, columns] = shape.ok_or("expected ROWSxCOLUMNS, for example 64x4096")?;
    match rows.checked_mul(columns) {
        Some(weights) if weights <= MOST_WEIGHTS => Ok([rows, columns]),
        _ => Err(format!("at most {MOST_WEIGHTS} weights can be made")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_the_same_each_time_and_normal() {
        let matrix = gaussian(100, 300);
        assert_eq!(matrix, gaussian(100, 300));
        let count = matrix.values.len() as f64;
        let moment = |power: i32| {
            matrix
                .values
                .iter()
                .map(|&value| f64::from(value).powi(power))
                .sum::<f64>()
                / count
        };
        assert!(moment(1).abs() < 0.02 && (moment(2) - 1.0).abs() < 0.03 && (moment(4) - 3.0).abs() < 0.2);
    }

    #[test]
    fn shapes_are_read_and_nonsense_is_refused() {
        assert_eq!(parse_shape("3x14"), Ok([3, 14]));
        for text in ["", "3", "0x4", "3x", "3x4x5", "-1x4", "99999999999x99999999999"] {
            assert!(parse_shape(text).is_err(), "{text}");
        }
    }
}
