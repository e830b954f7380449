//! To bfloat16.
#![allow(unsafe_code)]

use super::Eights;
use super::places::Places;
use half::bf16;
use std::arch::x86_64::*;

/// An output that is written through the caches: two bytes for a weight are few enough.
pub(crate) struct Bfloats<'a>(Places<'a, bf16>);

impl<'a> Eights for Bfloats<'a> {
    type Output = &'a mut [bf16];

    #[inline]
    unsafe fn begin(output: &'a mut [bf16]) -> Self {
        Bfloats(Places::new(output))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn push(&mut self, weights: __m256) {
        let numbers = _mm256_castps_si256(weights);
        let upper = _mm256_srli_epi32::<16>(numbers);
        // Up from more than a half of the last place, and from a half if what is above is odd. No weight is so large that it would overflow.
        let odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
        let carried = _mm256_add_epi32(_mm256_add_epi32(numbers, _mm256_set1_epi32(0x7fff)), odd);
        let rounded = _mm256_srli_epi32::<16>(carried);
        let eight = _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256::<1>(rounded));
        // SAFETY: the 8 places are there.
        unsafe {
            _mm_storeu_si128(self.0.next().cast(), eight);
            self.0.pass(8);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn push_two(&mut self, first: __m256, second: __m256) {
        let [first, second] = [first, second].map(|weights| _mm256_castps_si256(weights));
        // Neighbouring lanes of 16 bits are of the same place in both.
        let upper = _mm256_blend_epi16::<0b1010_1010>(_mm256_srli_epi32::<16>(first), second);
        let lower = _mm256_blend_epi16::<0b1010_1010>(first, _mm256_slli_epi32::<16>(second));
        let even = _mm256_andnot_si256(upper, _mm256_set1_epi16(1));
        // Negative from a half on, or above it where the upper part is even.
        let up = _mm256_srai_epi16::<15>(_mm256_subs_epu16(lower, even));
        let rounded = _mm256_sub_epi16(upper, up);
        let order = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
        let sixteen = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_shuffle_epi8(rounded, order));
        // SAFETY: the 16 places are there.
        unsafe {
            _mm256_storeu_si256(self.0.next().cast(), sixteen);
            self.0.pass(16);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn end(self, last: &[f32]) {
        let places = self.0.rest();
        assert_eq!(places.len(), last.len(), "all weights have been decoded");
        for (place, &weight) in places.iter_mut().zip(last) {
            *place = bf16::from_f32(weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::destination::Destination;
    use crate::eights::test_rows::{Numbers, has_vectors};
    use half::bf16;

    #[test]
    fn all_numbers_are_rounded_as_by_the_library() {
        if !has_vectors() {
            return;
        }
        // All upper halves with what is on, below and above a half of the last place.
        let lower = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff];
        let numbers: Vec<f32> = (0..=u32::from(u16::MAX))
            .flat_map(|upper| lower.map(|lower| f32::from_bits(upper << 16 | lower)))
            .filter(|number| number.abs() <= f32::MAX / 2.0)
            .collect();
        let expected: Vec<bf16> = numbers.iter().copied().map(bf16::from_f32).collect();
        // Each once in every lane's company: beginning with another one changes what goes by one and what by two.
        for first in 0..48 {
            let mut out = vec![bf16::NAN; numbers.len() - first];
            Destination::Bfloats { out: &mut out }.receive(Numbers(&numbers[first..]));
            let bits = |numbers: &[bf16]| -> Vec<u16> { numbers.iter().map(|number| number.to_bits()).collect() };
            assert!(bits(&out) == bits(&expected[first..]));
        }
    }

    #[test]
    fn weights_arrive_wherever_they_begin_and_end() {
        if !has_vectors() {
            return;
        }
        let numbers: Vec<f32> = (1_u16..=60).map(f32::from).collect();
        let expected: Vec<bf16> = numbers.iter().copied().map(bf16::from_f32).collect();
        let mut room = [bf16::ZERO; 90];
        for start in 0..17 {
            for count in 0..=numbers.len() {
                room.fill(bf16::NEG_ONE);
                let out = &mut room[start..start + count];
                Destination::Bfloats { out }.receive(Numbers(&numbers));
                assert_eq!(room[start..start + count], expected[..count]);
                assert!(room[..start].iter().all(|&number| number == bf16::NEG_ONE));
                assert!(room[start + count..].iter().all(|&number| number == bf16::NEG_ONE));
            }
        }
    }
}
