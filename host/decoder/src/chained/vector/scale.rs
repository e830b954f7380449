//! Integer weights to `f32`.
//!
//! They are scaled from memory, where a load widens eight of them: the instructions that would bring them down from the upper parts of a
//! register are the very ones that decoding waits for.
#![allow(unsafe_code)]

use crate::stores::Eights;
use std::arch::x86_64::*;

/// Integer weights that are decoded before they are scaled.
pub(super) const BATCH: usize = 128;

/// Writes weights by eights, times `factor`.
///
/// # Safety
/// There are places for them.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
pub(super) unsafe fn push<const WIDTH: usize>(out: &mut Eights<WIDTH>, eights: &[[i8; 8]], factor: f32) {
    for eight in eights {
        // SAFETY: the caller's.
        unsafe { out.push(scaled(eight, factor)) }
    }
}

/// Writes the last weights, for which there are exactly as many places.
///
/// # Panics
/// When there are more places.
///
/// # Safety
/// There are no fewer places.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
pub(super) unsafe fn push_last<const WIDTH: usize>(mut out: Eights<WIDTH>, integers: &[i8], factor: f32) {
    let (eights, last) = integers.as_chunks();
    // SAFETY: the caller's.
    unsafe { push(&mut out, eights, factor) }
    let places = out.end();
    assert_eq!(places.len(), last.len(), "all weights have been decoded");
    for (place, &integer) in places.iter_mut().zip(last) {
        *place = f32::from(integer) * factor;
    }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn scaled(integers: &[i8; 8], factor: f32) -> __m256 {
    // SAFETY: the 8 bytes are there.
    let integers = unsafe { _mm_loadl_epi64(integers.as_ptr().cast()) };
    _mm256_mul_ps(
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(integers)),
        _mm256_set1_ps(factor),
    )
}
