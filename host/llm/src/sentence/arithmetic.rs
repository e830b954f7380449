//! What stands between the products of a BERT: binary32, with functions from `libm`.

/// LayerNorm (arXiv 1607.06450): `(x - mean) / sqrt(variance + epsilon) * weight + bias`, in place.
pub(super) fn layer_norm(values: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let squares = values.iter().map(|&value| (f64::from(value) - mean).powi(2));
    let factor = 1.0 / (squares.sum::<f64>() / count + epsilon).sqrt();
    for ((value, weight), bias) in values.iter_mut().zip(weight).zip(bias) {
        *value = ((f64::from(*value) - mean) * factor) as f32 * weight + bias;
    }
}

/// GELU (arXiv 1606.08415) as it is defined, not its approximation: `x / 2 (1 + erf(x / sqrt 2))`, in place.
pub(super) fn gelu(values: &mut [f32]) {
    for value in values {
        *value *= 0.5 * (1.0 + libm::erff(*value * std::f32::consts::FRAC_1_SQRT_2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_what_they_are_by_hand() {
        // Mean 2, variance 1.
        let mut values = [1.0, 3.0, 1.0, 3.0];
        layer_norm(&mut values, &[1.0, 2.0, 3.0, 4.0], &[0.0, 0.0, 0.5, 0.5], 0.0);
        assert_eq!(values, [-1.0, 2.0, -2.5, 4.5]);
    }

    /// From tables of the normal distribution: GELU is `x` times the share of it below `x`.
    #[test]
    fn gelu_is_the_share_of_a_normal_distribution() {
        let mut values = [0.0, 1.0, -1.0, 1.96];
        gelu(&mut values);
        for (value, expected) in values.iter().zip([0.0, 0.841_345, -0.158_655, 1.96 * 0.975_002]) {
            assert!((value - expected).abs() < 1e-5, "{value} {expected}");
        }
    }
}
