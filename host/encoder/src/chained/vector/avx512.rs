//! AVX-512 with 16-bit lanes (F and BW): 512 bits.
#![allow(unsafe_code)]

use super::{Lanes, x86_vector};
use crate::chained::instructions::Width;
use crate::chained::search::{Batch, FoundRow, search};
use seedlm_instructions::Instructions;
use std::arch::x86_64::*;

x86_vector!(
    Narrow,
    __m512i,
    u16,
    32,
    _mm512_set1_epi16(i16),
    _mm512_add_epi16,
    _mm512_sub_epi16,
    _mm512_min_epu16,
    _mm512_and_si512,
    _mm512_or_si512,
    _mm512_sll_epi16
);
x86_vector!(
    Wide,
    __m512i,
    u32,
    16,
    _mm512_set1_epi32(i32),
    _mm512_add_epi32,
    _mm512_sub_epi32,
    _mm512_min_epu32,
    _mm512_and_si512,
    _mm512_or_si512,
    _mm512_sll_epi32
);

/// Searches 32 rows at a time in 16-bit integers, or 16 in 32-bit integers.
///
/// # Panics
/// When this machine lacks the instructions.
pub(crate) fn search_rows(width: Width, batch: &Batch<'_>) -> Vec<FoundRow> {
    assert!(
        Instructions::Avx512.is_available(),
        "this machine lacks the instructions"
    );
    // SAFETY: the machine has the instructions.
    unsafe {
        match width {
            Width::Narrow => narrow(batch),
            Width::Wide => wide(batch),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn narrow(batch: &Batch<'_>) -> Vec<FoundRow> {
    search::<Narrow>(batch)
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn wide(batch: &Batch<'_>) -> Vec<FoundRow> {
    search::<Wide>(batch)
}
