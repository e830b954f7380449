//! To products with activations.
#![allow(unsafe_code)]

use super::Eights;
use seedlm_codec::PARTIAL_SUMS;
use std::arch::x86_64::*;

/// Vectors of the partial sums.
const VECTORS: usize = PARTIAL_SUMS / 8;

/// The partial sums of a row's product.
pub(crate) struct Products<'a> {
    activations: &'a [f32],
    /// The activation of the next weight.
    next: *const f32,
    /// The sums to which the next eight products are added, and those of the eights after them.
    sums: [__m256; VECTORS],
    out: &'a mut [f32; PARTIAL_SUMS],
}

impl<'a> Eights for Products<'a> {
    /// Activations, and sums to which the products are added.
    type Output = (&'a [f32], &'a mut [f32; PARTIAL_SUMS]);

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn begin((activations, sums): (&'a [f32], &'a mut [f32; PARTIAL_SUMS])) -> Self {
        let eights = sums.as_chunks::<8>().0;
        Products {
            activations,
            next: activations.as_ptr(),
            // SAFETY: the 8 numbers are there.
            sums: std::array::from_fn(|vector| unsafe { _mm256_loadu_ps(eights[vector].as_ptr()) }),
            out: sums,
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn push(&mut self, weights: __m256) {
        let [sum, second, third, fourth] = self.sums;
        // SAFETY: the 8 activations are there.
        let activations = unsafe { _mm256_loadu_ps(self.next) };
        // Rounded twice: not fused.
        let sum = _mm256_add_ps(sum, _mm256_mul_ps(weights, activations));
        self.sums = [second, third, fourth, sum];
        // SAFETY: at most behind the last one.
        self.next = unsafe { self.next.add(8) };
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn end(self, last: &[f32]) {
        // SAFETY: the pointer came from there.
        let done = unsafe { self.next.offset_from_unsigned(self.activations.as_ptr()) };
        let eights = self.out.as_chunks_mut::<8>().0;
        for (turn, sum) in self.sums.into_iter().enumerate() {
            let places = &mut eights[(done / 8 + turn) % VECTORS];
            // SAFETY: the 8 places are there.
            unsafe { _mm256_storeu_ps(places.as_mut_ptr(), sum) }
        }
        let activations = &self.activations[done..];
        assert_eq!(activations.len(), last.len(), "all weights have been decoded");
        let sums = &mut eights[done / 8 % VECTORS];
        for ((sum, weight), activation) in sums.iter_mut().zip(last).zip(activations) {
            *sum += weight * activation;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PARTIAL_SUMS;
    use crate::destination::Destination;
    use crate::eights::test_rows::{Numbers, has_vectors};

    #[test]
    fn products_are_added_in_turn_and_rounded_twice() {
        if !has_vectors() {
            return;
        }
        // Of numbers like these, hardly any sum is exact.
        let weights: Vec<f32> = (1_u16..=150).map(|index| 1.0 / f32::from(index)).collect();
        let activations: Vec<f32> = (1_u16..=150).map(|index| f32::from(index).sqrt() - 7.0).collect();
        let before: [f32; PARTIAL_SUMS] = std::array::from_fn(|index| (index as f32).sin());
        for count in 0..=weights.len() {
            let mut expected = before;
            for (index, (weight, activation)) in weights.iter().zip(&activations[..count]).enumerate() {
                expected[index % PARTIAL_SUMS] += weight * activation;
            }
            let mut sums = before;
            let destination = Destination::Products {
                activations: &activations[..count],
                sums: &mut sums,
            };
            destination.receive(Numbers(&weights));
            assert_eq!(sums.map(f32::to_bits), expected.map(f32::to_bits), "{count} columns");
        }
    }
}
