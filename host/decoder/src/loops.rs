//! Plain loops over whole rows or pieces of them, compiled once for each instruction set: the compiler makes vectors of them.
#![allow(unsafe_code)]

use half::bf16;
use seedlm_codec::PARTIAL_SUMS;

seedlm_instructions::for_each_set! {
    /// Finite numbers in bfloat16, to nearest, ties to even.
    pub(crate) fn round_to_bf16(values: &[f32], rounded: &mut [bf16]) {
        for (rounded, value) in rounded.iter_mut().zip(values) {
            let bits = value.to_bits();
            *rounded = bf16::from_bits(((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16);
        }
    }

    /// The largest magnitude, 0 of none.
    pub(crate) fn largest_magnitude(values: &[f32]) -> f32 {
        // Of numbers that are not negative the bits have the order of the numbers.
        f32::from_bits(values.iter().fold(0, |largest, value| largest.max(value.to_bits() & 0x7fff_ffff)))
    }

    /// `round(value * factor)`, ties to even, where the magnitude of the result is at most 127 and the product is exact.
    pub(crate) fn round_to_i8(values: &[f32], factor: f32, rounded: &mut [i8]) {
        // In 1.5 * 2^23 and its neighbours the last bit is worth 1: the addition rounds.
        const ROUNDER: f32 = 12_582_912.0;
        for (rounded, value) in rounded.iter_mut().zip(values) {
            *rounded = (value * factor + ROUNDER).to_bits() as i8;
        }
    }

    /// Adds `weight * activation` to the sums in turn, the first one to the first sum.
    pub(crate) fn add_products(weights: &[f32], activations: &[f32], sums: &mut [f32; PARTIAL_SUMS]) {
        let mut local = *sums;
        let (weights, last_weights) = weights.as_chunks::<PARTIAL_SUMS>();
        let (activations, last_activations) = activations.as_chunks::<PARTIAL_SUMS>();
        for (weights, activations) in weights.iter().zip(activations) {
            for index in 0..PARTIAL_SUMS {
                local[index] += weights[index] * activations[index];
            }
        }
        for (sum, (weight, activation)) in local.iter_mut().zip(last_weights.iter().zip(last_activations)) {
            *sum += weight * activation;
        }
        *sums = local;
    }
}

/// The sum of the partial sums: the upper half is added to the lower half until one is left.
pub(crate) fn total(mut sums: [f32; PARTIAL_SUMS]) -> f32 {
    let mut half = PARTIAL_SUMS / 2;
    while half > 0 {
        for index in 0..half {
            sums[index] += sums[index + half];
        }
        half /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use seedlm_instructions::Instructions;

    proptest! {
        #[test]
        fn roundings_are_those_of_the_libraries(bits in prop::collection::vec(any::<u32>(), 40), steps in prop::collection::vec(-254_i32..=254, 40)) {
            let values: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|value| value.is_finite()).collect();
            let halves: Vec<f32> = steps.iter().map(|&step| step as f32 * 4.0).collect();
            for instructions in Instructions::available() {
                let mut rounded = vec![bf16::ZERO; values.len()];
                round_to_bf16(instructions, &values, &mut rounded);
                prop_assert!(rounded.iter().zip(&values).all(|(rounded, &value)| *rounded == bf16::from_f32(value)));
                let mut rounded = vec![0; halves.len()];
                round_to_i8(instructions, &halves, 0.125, &mut rounded);
                prop_assert!(rounded.iter().zip(&halves).all(|(&rounded, value)| f32::from(rounded) == (value / 8.0).round_ties_even()));
                let largest = values.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
                prop_assert_eq!(largest_magnitude(instructions, &values), largest);
            }
        }
    }
}
