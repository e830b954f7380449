//! AVX-512: two blocks of 8 at a time; blocks of 12 as with AVX2, but both halves of a vector at once.
#![allow(unsafe_code)]

use super::avx2;
use crate::block::presets::{PLACES_OF_8, PLACES_OF_12, States, Tables, word};
use crate::row_bits::RowBits;
use seedlm_instructions::Instructions;
use std::arch::x86_64::*;

/// Blocks of 8 from block `first` on; `factors` are those of the 16 exponents.
///
/// # Panics
/// When this machine lacks the instructions.
pub(crate) fn four(tables: &Tables<PLACES_OF_8>, bits: &RowBits, first: usize, factors: &[f32; 16], out: &mut [f32]) {
    assert!(
        Instructions::Avx512.is_available(),
        "this machine lacks the instructions"
    );
    // SAFETY: the machine has the instructions.
    unsafe { four_inner(tables, bits, first, factors, out) }
}

/// Blocks of 12.
///
/// # Panics
/// When this machine lacks the instructions.
pub(crate) fn three(tables: &Tables<PLACES_OF_12>, bits: &RowBits, first: usize, factors: &[f32; 16], out: &mut [f32]) {
    assert!(
        Instructions::Avx512.is_available(),
        "this machine lacks the instructions"
    );
    avx2::three(tables, bits, first, factors, out);
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn four_inner(tables: &Tables<PLACES_OF_8>, bits: &RowBits, first: usize, factors: &[f32; 16], out: &mut [f32]) {
    let (pairs, rest) = out.as_chunks_mut::<16>();
    for (pair, words) in pairs.iter_mut().zip(bits.chunks(4 * first)) {
        let words = u64::from_le_bytes(*words);
        let (a, b) = (words as u32 as usize, (words >> 32) as usize);
        let (products_a, products_b) = (products(tables, a), products(tables, b));
        let mantissas = _mm512_add_epi32(
            _mm512_shuffle_i64x2::<0b01_00_01_00>(products_a, products_b),
            _mm512_shuffle_i64x2::<0b11_10_11_10>(products_a, products_b),
        );
        let factor_b = _mm512_set1_ps(factors[b >> 16 & 15]);
        let factor = _mm512_mask_mov_ps(factor_b, 0x00ff, _mm512_set1_ps(factors[a >> 16 & 15]));
        let weights = _mm512_mul_ps(_mm512_cvtepi32_ps(mantissas), factor);
        // SAFETY: the 16 places are there.
        unsafe { _mm512_storeu_ps(pair.as_mut_ptr(), weights) }
    }
    let last = first + 2 * pairs.len();
    for (index, block) in rest.chunks_mut(8).enumerate() {
        let mut values = [0.0; 8];
        avx2::store(
            &mut values,
            avx2::weights_of_8(tables, word::<8>(bits, last + index), factors),
        );
        block.copy_from_slice(&values[..block.len()]);
    }
}

/// The products of coefficients 0 and 1 with the states of 8 weights, and those of coefficient 2.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn products(tables: &Tables<PLACES_OF_8>, word: usize) -> __m512i {
    let states = _mm512_xor_si512(load(&tables.low[word & 255]), load(&tables.high[word >> 8 & 255]));
    let back = _mm512_set1_epi32(tables.pairs[word >> 28 & 15]);
    let coefficients = _mm512_mask_mov_epi32(back, 0x00ff, _mm512_set1_epi32(tables.pairs[word >> 20 & 255]));
    _mm512_madd_epi16(states, coefficients)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn load(states: &States<PLACES_OF_8>) -> __m512i {
    // SAFETY: the 32 places are there, and begin at a multiple of 64 bytes.
    unsafe { _mm512_load_si512(states.0.as_ptr().cast()) }
}
