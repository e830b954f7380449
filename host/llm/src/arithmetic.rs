//! The arithmetic between the matrix products: binary32 in a stated order, and functions from `libm`, so that every
//! machine gives the same bits. (The compiler neither reorders floating-point sums nor fuses them.)

/// Sums that a dot product keeps side by side: the compiler puts them into vector registers.
const SUMS: usize = 16;

/// The dot product: value `i` goes into sum `i % 16`, and the sums are added in halves.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let [product] = dots(a, [b]);
    product
}

/// The dot products of one vector with some others of its length, each as [`dot`] has it.
#[inline(always)]
pub(crate) fn dots<const N: usize>(a: &[f32], others: [&[f32]; N]) -> [f32; N] {
    let mut sums = [[0_f32; SUMS]; N];
    let (chunks, rest) = a.as_chunks::<SUMS>();
    let others = others.map(|other| other[..a.len()].as_chunks::<SUMS>());
    for (place, a) in chunks.iter().enumerate() {
        for (sums, (other, _)) in sums.iter_mut().zip(&others) {
            let other = &other[place];
            for index in 0..SUMS {
                sums[index] += a[index] * other[index];
            }
        }
    }
    for (sums, (_, other)) in sums.iter_mut().zip(&others) {
        for (sum, (a, b)) in sums.iter_mut().zip(rest.iter().zip(*other)) {
            *sum += a * b;
        }
    }
    sums.map(|mut sums| {
        let mut width = SUMS / 2;
        while width > 0 {
            for index in 0..width {
                sums[index] += sums[index + width];
            }
            width /= 2;
        }
        sums[0]
    })
}

/// `sums += factor * values`.
pub(crate) fn add_scaled(sums: &mut [f32], factor: f32, values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += factor * value;
    }
}

/// RMSNorm (arXiv 1910.07467): `x / sqrt(mean(x^2) + epsilon) * weight`.
pub(crate) fn rms_norm(values: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let mean = dot(values, values) / values.len() as f32;
    let factor = 1.0 / (mean + epsilon).sqrt();
    let pairs = values.iter().zip(weight);
    pairs.map(|(value, weight)| value * factor * weight).collect()
}

/// Turns numbers into probabilities.
pub(crate) fn softmax(values: &mut [f32]) {
    let largest = values
        .iter()
        .fold(f32::NEG_INFINITY, |largest, &value| largest.max(value));
    let mut sum = 0.0;
    for value in values.iter_mut() {
        *value = libm::expf(*value - largest);
        sum += *value;
    }
    for value in values {
        *value /= sum;
    }
}

/// SwiGLU (arXiv 2002.05202): `gate * sigmoid(gate) * up`.
pub(crate) fn swiglu(gate: &[f32], up: &[f32]) -> Vec<f32> {
    let pairs = gate.iter().zip(up);
    pairs.map(|(gate, up)| gate / (1.0 + libm::expf(-gate)) * up).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dot_products_are_near_those_in_binary64(pairs in prop::collection::vec((-2.0..2.0_f32, -2.0..2.0_f32), 0..100)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let expected: f64 = pairs.iter().map(|&(a, b)| f64::from(a) * f64::from(b)).sum();
            prop_assert!((f64::from(dot(&a, &b)) - expected).abs() < 1e-4);
        }

        #[test]
        fn probabilities_add_up_to_one(mut values in prop::collection::vec(-80.0..80.0_f32, 1..50)) {
            let before = values.clone();
            softmax(&mut values);
            prop_assert!((values.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            for (a, b) in before.iter().zip(&values).zip(before.iter().zip(&values).skip(1)).map(|((a, p), (b, q))| (a - b, p - q)) {
                prop_assert!(a * b >= 0.0);
            }
        }
    }

    #[test]
    fn norms_have_the_weights_size() {
        let normed = rms_norm(&[3.0, -4.0], &[1.0, 2.0], 0.0);
        let root = 12.5_f32.sqrt();
        assert!((normed[0] - 3.0 / root).abs() < 1e-6 && (normed[1] + 8.0 / root).abs() < 1e-6);
        assert_eq!(swiglu(&[0.0, 100.0, -100.0], &[5.0, 2.0, 7.0])[..2], [0.0, 200.0]);
    }
}
