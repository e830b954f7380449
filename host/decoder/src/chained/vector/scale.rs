//! Integer weights to `f32`.
//!
//! They are scaled from memory, where a load widens eight of them: the instructions that would bring them down from the upper parts of a
//! register are the very ones that decoding waits for.
#![allow(unsafe_code)]

use crate::eights::Eights;
use std::arch::x86_64::*;

/// Integer weights that are decoded before they are scaled.
pub(super) const BATCH: usize = 128;

/// Passes weights on by eights, times `factor`.
///
/// # Safety
/// There are places for them.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
pub(super) unsafe fn push<E: Eights>(out: &mut E, eights: &[[i8; 8]], factor: f32) {
    for eight in eights {
        // SAFETY: the caller's.
        unsafe { out.push(scaled(eight, factor)) }
    }
}

/// Passes the last weights on, for which there are exactly as many places.
///
/// # Panics
/// When there are more places.
///
/// # Safety
/// There are no fewer places.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
pub(super) unsafe fn push_last<E: Eights>(mut out: E, integers: &[i8], factor: f32) {
    let (eights, last) = integers.as_chunks();
    let mut weights = [0.0; 8];
    for (weight, &integer) in weights.iter_mut().zip(last) {
        *weight = f32::from(integer) * factor;
    }
    // SAFETY: the caller's.
    unsafe {
        push(&mut out, eights, factor);
        out.end(&weights[..last.len()]);
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
