//! AVX2: a block of 8, or of 8 and 4, at a time.
#![allow(unsafe_code)]

use crate::block::presets::{PLACES_OF_8, PLACES_OF_12, States, Tables, word};
use crate::row_bits::RowBits;
use seedlm_instructions::Instructions;
use std::arch::x86_64::*;

/// Blocks of 8 from block `first` on; `factors` are those of the 16 exponents.
///
/// # Panics
/// When this machine lacks the instructions.
pub(crate) fn four(tables: &Tables<PLACES_OF_8>, bits: &RowBits, first: usize, factors: &[f32; 16], out: &mut [f32]) {
    assert!(Instructions::Avx2.is_available(), "this machine lacks the instructions");
    // SAFETY: the machine has the instructions.
    unsafe { four_inner(tables, bits, first, factors, out) }
}

/// Blocks of 12.
///
/// # Panics
/// When this machine lacks the instructions.
pub(crate) fn three(tables: &Tables<PLACES_OF_12>, bits: &RowBits, first: usize, factors: &[f32; 16], out: &mut [f32]) {
    assert!(Instructions::Avx2.is_available(), "this machine lacks the instructions");
    // SAFETY: the machine has the instructions.
    unsafe { three_inner(tables, bits, first, factors, out) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn four_inner(tables: &Tables<PLACES_OF_8>, bits: &RowBits, first: usize, factors: &[f32; 16], out: &mut [f32]) {
    let (blocks, rest) = out.as_chunks_mut::<8>();
    for (block, word) in blocks.iter_mut().zip(bits.chunks(4 * first)) {
        store(block, weights_of_8(tables, u32::from_le_bytes(*word).into(), factors));
    }
    if !rest.is_empty() {
        let mut last = [0.0; 8];
        store(
            &mut last,
            weights_of_8(tables, word::<8>(bits, first + blocks.len()), factors),
        );
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn three_inner(tables: &Tables<PLACES_OF_12>, bits: &RowBits, first: usize, factors: &[f32; 16], out: &mut [f32]) {
    // Two words are nine bytes.
    assert!(first.is_multiple_of(2), "pieces begin at a byte");
    let (pairs, rest) = out.as_chunks_mut::<24>();
    for (pair, &[a, b, c, d, e, f, g, h, last]) in pairs.iter_mut().zip(bits.chunks(9 * first / 2)) {
        let low = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let [front, back] = pair.as_chunks_mut::<12>().0 else {
            unreachable!("24 are twice 12")
        };
        block_of_12(tables, low, factors, front);
        block_of_12(tables, low >> 36 | u64::from(last) << 28, factors, back);
    }
    let last = first + 2 * pairs.len();
    for (index, block) in rest.chunks_mut(12).enumerate() {
        let mut values = [0.0; 12];
        block_of_12(tables, word::<12>(bits, last + index), factors, &mut values);
        block.copy_from_slice(&values[..block.len()]);
    }
}

/// The first 8 weights of a word.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
pub(super) fn weights_of_8<const PLACES: usize>(tables: &Tables<PLACES>, word: u64, factors: &[f32; 16]) -> __m256 {
    let (low, high) = (&tables.low[word as usize & 255], &tables.high[word as usize >> 8 & 255]);
    let front = _mm256_set1_epi32(tables.pairs[word as usize >> 20 & 255]);
    let back = _mm256_set1_epi32(tables.pairs[word as usize >> 28 & 255]);
    let mantissas = _mm256_add_epi32(
        _mm256_madd_epi16(_mm256_xor_si256(load(low, 0), load(high, 0)), front),
        _mm256_madd_epi16(_mm256_xor_si256(load(low, 16), load(high, 16)), back),
    );
    _mm256_mul_ps(
        _mm256_cvtepi32_ps(mantissas),
        _mm256_set1_ps(factors[word as usize >> 16 & 15]),
    )
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn block_of_12(tables: &Tables<PLACES_OF_12>, word: u64, factors: &[f32; 16], out: &mut [f32; 12]) {
    let (first, last) = out.split_at_mut(8);
    store(first.try_into().expect("8 places"), weights_of_8(tables, word, factors));
    let (low, high) = (&tables.low[word as usize & 255], &tables.high[word as usize >> 8 & 255]);
    let front = _mm_set1_epi32(tables.pairs[word as usize >> 20 & 255]);
    let back = _mm_set1_epi32(tables.pairs[word as usize >> 28 & 255]);
    let states = _mm256_xor_si256(load(low, 32), load(high, 32));
    let mantissas = _mm_add_epi32(
        _mm_madd_epi16(_mm256_castsi256_si128(states), front),
        _mm_madd_epi16(_mm256_extracti128_si256::<1>(states), back),
    );
    let weights = _mm_mul_ps(
        _mm_cvtepi32_ps(mantissas),
        _mm_set1_ps(factors[word as usize >> 16 & 15]),
    );
    let last: &mut [f32; 4] = last.try_into().expect("4 places");
    // SAFETY: the 4 places are there.
    unsafe { _mm_storeu_ps(last.as_mut_ptr(), weights) }
}

/// 16 places from place `FIRST` on.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn load<const PLACES: usize>(states: &States<PLACES>, first: usize) -> __m256i {
    let places: &[i16] = &states.0[first..first + 16];
    // SAFETY: the 16 places are there.
    unsafe { _mm256_loadu_si256(places.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
pub(super) fn store(out: &mut [f32; 8], values: __m256) {
    // SAFETY: the 8 places are there.
    unsafe { _mm256_storeu_ps(out.as_mut_ptr(), values) }
}
