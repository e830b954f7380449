//! The figures that a compression is judged by, each defined once.

/// Relative error `||W - W'|| / ||W||`, from the sums of squares. A matrix of zeros has none, though the chained code
/// decodes it to numbers of at most some 1e-36.
pub fn relative_error(squared_error: f64, squared_norm: f64) -> f64 {
    if squared_error == 0.0 || squared_norm == 0.0 {
        0.0
    } else {
        (squared_error / squared_norm).sqrt()
    }
}

/// Signal to quantisation noise ratio in decibels, `10 log10(||W||^2 / ||W - W'||^2)`; `None` where there is no noise.
pub fn sqnr_db(squared_error: f64, squared_norm: f64) -> Option<f64> {
    (squared_error > 0.0 && squared_norm > 0.0).then(|| 10.0 * (squared_norm / squared_error).log10())
}

/// Bits per weight: everything stored, divided by the weights it stands for.
pub fn bits_per_weight(stored_bytes: u64, weights: u64) -> f64 {
    if weights == 0 {
        0.0
    } else {
        stored_bytes as f64 * 8.0 / weights as f64
    }
}

/// The median: of an even number of values the mean of the two in the middle. `None` of no values.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_times_smaller_is_twenty_decibels() {
        assert_eq!(relative_error(1.0, 100.0), 0.1);
        assert_eq!(sqnr_db(1.0, 100.0), Some(20.0));
        assert_eq!((relative_error(0.0, 0.0), sqnr_db(0.0, 0.0)), (0.0, None));
        assert_eq!(bits_per_weight(4, 8), 4.0);
        assert_eq!(bits_per_weight(4, 0), 0.0);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }
}
