//! To `f32`, and their largest magnitude.
#![allow(unsafe_code)]

use super::Eights;
use super::full::Full;
use std::arch::x86_64::*;

/// An output that stays in a cache, for it is read again at once.
pub(crate) struct Largest<'a> {
    full: Full<'a, 0>,
    /// The largest magnitude in each lane. Of numbers that are not negative the bits have the order of the numbers.
    lanes: __m256i,
    out: &'a mut f32,
}

impl<'a> Eights for Largest<'a> {
    /// Numbers, and the largest magnitude, which is written at the end.
    type Output = (&'a mut [f32], &'a mut f32);

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn begin((numbers, largest): (&'a mut [f32], &'a mut f32)) -> Self {
        Largest {
            // SAFETY: the machine has AVX2.
            full: unsafe { Full::begin(numbers) },
            lanes: _mm256_setzero_si256(),
            out: largest,
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn push(&mut self, weights: __m256) {
        let magnitudes = _mm256_and_si256(_mm256_castps_si256(weights), _mm256_set1_epi32(i32::MAX));
        self.lanes = _mm256_max_epi32(self.lanes, magnitudes);
        // SAFETY: the caller's.
        unsafe { self.full.push(weights) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn end(self, last: &[f32]) {
        let mut lanes = [0.0; 8];
        // SAFETY: the 8 places are there; the rest is the caller's.
        unsafe {
            _mm256_storeu_ps(lanes.as_mut_ptr(), _mm256_castsi256_ps(self.lanes));
            self.full.end(last);
        }
        *self.out = lanes
            .iter()
            .chain(last)
            .fold(0.0, |largest, number| largest.max(number.abs()));
    }
}

#[cfg(test)]
mod tests {
    use crate::destination::Destination;
    use crate::eights::test_rows::{Numbers, has_vectors};

    #[test]
    fn the_largest_magnitude_is_found_wherever_it_is() {
        if !has_vectors() {
            return;
        }
        for count in 0..60 {
            // Before, at and behind the last column, of either sign.
            for place in 0..60 {
                for large in [9.5, -9.5] {
                    let mut numbers: Vec<f32> = (0_u8..60).map(|index| f32::from(index % 13) - 6.0).collect();
                    numbers[place] = large;
                    let (mut out, mut largest) = (vec![f32::NAN; count], f32::NAN);
                    let destination = Destination::Largest {
                        out: &mut out,
                        largest: &mut largest,
                    };
                    destination.receive(Numbers(&numbers));
                    assert_eq!(out, numbers[..count]);
                    let expected = out.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
                    assert_eq!(largest, expected);
                }
            }
        }
    }
}
