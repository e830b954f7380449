//! Blocks of 8, one at a time.
#![allow(unsafe_code)]

use super::fields::{Fields, TOGETHER, WordFields, load};
use crate::block::states::StateTables;
use crate::row_bits::RowBits;
use crate::stores::{Eights, Stores, at_width};
use seedlm_instructions::Instructions;
use std::arch::x86_64::*;

/// Weights from block `first` on; `factor` is that of exponent 0.
///
/// # Panics
/// When this machine lacks AVX2.
pub(crate) fn values(
    tables: &StateTables<32>,
    bits: &RowBits,
    first: usize,
    factor: f32,
    stores: Stores,
    out: &mut [f32],
) {
    assert!(Instructions::Avx2.is_available(), "this machine lacks the instructions");
    // SAFETY: the machine has the instructions; the width is that of the output.
    unsafe { at_width!(stores, inner(tables, bits, first, factor; out)) }
}

/// # Safety
/// As for [`Eights::new`].
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
unsafe fn inner<const WIDTH: usize>(
    tables: &StateTables<32>,
    bits: &RowBits,
    first: usize,
    factor: f32,
    out: &mut [f32],
) {
    let (whole, blocks) = (out.len() / 8, out.len().div_ceil(8));
    let mut fields = Fields::new();
    // SAFETY: the caller's.
    let mut out = unsafe { Eights::<WIDTH>::new(out) };
    let mut last = None;
    let eights = &bits.chunks::<32>(4 * first)[..blocks.div_ceil(8)];
    for (batch, eights) in eights.chunks(TOGETHER / 8).enumerate() {
        for (index, eight) in eights.iter().enumerate() {
            // SAFETY: the 32 bytes are there.
            let lanes = unsafe { _mm256_loadu_si256(eight.as_ptr().cast()) };
            fields.take::<16>(index, lanes, factor);
        }
        let words = eights.as_flattened().as_chunks::<4>().0;
        let (words, rest) = words.split_at(words.len().min(whole - batch * TOGETHER));
        for (word, fields) in words.iter().zip(fields.words(words.len())) {
            // SAFETY: the block is whole.
            unsafe { out.push(weights(tables, word, &fields)) }
        }
        last = rest
            .first()
            .map(|word| weights(tables, word, &fields.word(words.len())));
    }
    let rest = out.end();
    if let Some(weights) = last {
        let mut block = [0.0; 8];
        // SAFETY: the 8 places are there.
        unsafe { _mm256_storeu_ps(block.as_mut_ptr(), weights) }
        rest.copy_from_slice(&block[..rest.len()]);
    }
}

/// The weights of a block.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn weights(tables: &StateTables<32>, word: &[u8; 4], fields: &WordFields) -> __m256 {
    let (low, high) = (
        &tables.low[usize::from(word[0])].0,
        &tables.high[usize::from(word[1])].0,
    );
    let states = |half: usize| {
        let [low, high] = [low, high].map(|states| &states.as_chunks().0[half]);
        _mm256_xor_si256(load(low), load(high))
    };
    let mantissas = _mm256_add_epi32(
        _mm256_madd_epi16(states(0), _mm256_set1_epi32(fields.front)),
        _mm256_madd_epi16(states(1), _mm256_set1_epi32(fields.back)),
    );
    _mm256_mul_ps(_mm256_cvtepi32_ps(mantissas), _mm256_set1_ps(fields.factor))
}
