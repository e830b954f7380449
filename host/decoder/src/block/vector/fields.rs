//! What words say beside their seeds, taken apart eight words at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

/// Words whose fields are kept at once. They are in memory, and so many that the compiler leaves them there: a load spreads a number to all
/// lanes by itself, while a register takes shuffles for it, the very instructions that decoding waits for.
pub(crate) const TOGETHER: usize = 64;

/// Coefficients and factors of some words. Vectors of them lie within lines of the caches.
#[repr(align(64))]
pub(crate) struct Fields {
    /// Coefficients 0 and 1 as 16-bit numbers, the first one in the lower half.
    pub(crate) front: [i32; TOGETHER],
    /// Coefficients 2 and 3. Without coefficient 3, the upper half is anything.
    pub(crate) back: [i32; TOGETHER],
    /// The factor times two to the power of the exponent.
    pub(crate) factor: [f32; TOGETHER],
}

/// Of one word.
pub(crate) struct WordFields {
    /// Coefficients 0 and 1.
    pub(crate) front: i32,
    /// Coefficients 2 and 3.
    pub(crate) back: i32,
    /// The factor.
    pub(crate) factor: f32,
}

impl Fields {
    /// None yet.
    pub(crate) fn new() -> Self {
        Fields {
            front: [0; TOGETHER],
            back: [0; TOGETHER],
            factor: [0.0; TOGETHER],
        }
    }

    /// Takes words `8 * index ..` apart. From bit `START` of a lane on they have the exponent, then the coefficients, 4 bits each. Where
    /// the lane ends after coefficient 2, `START` is 16; with coefficient 3 it is 12.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
    pub(crate) fn take<const START: i32>(&mut self, index: usize, lanes: __m256i, factor: f32) {
        // Each coefficient is first moved to the upper end of its lane.
        let [first, second, third, fourth] = match START {
            12 => [
                _mm256_slli_epi32::<12>(lanes),
                _mm256_slli_epi32::<8>(lanes),
                _mm256_slli_epi32::<4>(lanes),
                lanes,
            ],
            16 => [
                _mm256_slli_epi32::<8>(lanes),
                _mm256_slli_epi32::<4>(lanes),
                lanes,
                lanes,
            ],
            _ => unreachable!("no words with exponents at {START}"),
        };
        let pair = |low: __m256i, high: __m256i| {
            // With their signs, to the lower half and to the upper one.
            _mm256_blend_epi16::<0b1010_1010>(_mm256_srai_epi32::<28>(low), _mm256_srai_epi32::<12>(high))
        };
        let exponent = _mm256_and_si256(_mm256_srli_epi32::<START>(lanes), _mm256_set1_epi32(15));
        // Two to that power, which multiplies exactly.
        let power = _mm256_slli_epi32::<23>(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)));
        let factor = _mm256_mul_ps(_mm256_castsi256_ps(power), _mm256_set1_ps(factor));
        let places = 8 * index..8 * index + 8;
        store(&mut self.front[places.clone()], pair(first, second));
        store(&mut self.back[places.clone()], pair(third, fourth));
        let factors = &mut self.factor[places];
        // SAFETY: the 8 places are there.
        unsafe { _mm256_storeu_ps(factors.as_mut_ptr(), factor) }
    }

    /// Those of one word.
    #[inline(always)]
    pub(crate) fn word(&self, index: usize) -> WordFields {
        WordFields {
            front: self.front[index],
            back: self.back[index],
            factor: self.factor[index],
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn store(out: &mut [i32], numbers: __m256i) {
    assert_eq!(out.len(), 8, "a place for each lane");
    // SAFETY: the 8 places are there.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), numbers) }
}

/// 16 states.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
pub(super) fn load(states: &[i16; 16]) -> __m256i {
    // SAFETY: the 16 numbers are there.
    unsafe { _mm256_loadu_si256(states.as_ptr().cast()) }
}
