//! Blocks of 8, one at a time.
#![allow(unsafe_code)]

use super::fields::{Fields, TOGETHER, WordFields, load};
use crate::block::states::StateTables;
use crate::eights::{Eights, Row};
use crate::row_bits::RowBits;
use seedlm_instructions::Instructions;
use std::arch::x86_64::*;

/// A row.
pub(crate) struct Four<'a> {
    pub(crate) tables: &'a StateTables<32>,
    pub(crate) bits: &'a RowBits<'a>,
    /// That of exponent 0.
    pub(crate) factor: f32,
}

impl Row for Four<'_> {
    const INSTRUCTIONS: Instructions = Instructions::Avx2;

    #[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
    unsafe fn decode<E: Eights>(self, columns: usize, output: E::Output) {
        let Four { tables, bits, factor } = self;
        // SAFETY: the caller's.
        let mut out = unsafe { E::begin(output) };
        let (whole, blocks) = (columns / 8, columns.div_ceil(8));
        let mut fields = Fields::new();
        let mut last = None;
        let eights = &bits.chunks::<32>()[..blocks.div_ceil(8)];
        for (batch, eights) in eights.chunks(TOGETHER / 8).enumerate() {
            for (index, eight) in eights.iter().enumerate() {
                // SAFETY: the 32 bytes are there.
                let lanes = unsafe { _mm256_loadu_si256(eight.as_ptr().cast()) };
                fields.take::<16>(index, lanes, factor);
            }
            let words = eights.as_flattened().as_chunks::<4>().0;
            let (words, rest) = words.split_at(words.len().min(whole - batch * TOGETHER));
            let (twos, single) = words.as_chunks::<2>();
            for (index, [first, second]) in twos.iter().enumerate() {
                // SAFETY: the blocks are whole.
                unsafe {
                    out.push_two(
                        weights(tables, first, &fields.word(2 * index)),
                        weights(tables, second, &fields.word(2 * index + 1)),
                    );
                }
            }
            if let [word] = single {
                // SAFETY: the block is whole.
                unsafe { out.push(weights(tables, word, &fields.word(words.len() - 1))) }
            }
            last = rest
                .first()
                .map(|word| weights(tables, word, &fields.word(words.len())));
        }
        let mut block = [0.0; 8];
        if let Some(weights) = last {
            // SAFETY: the 8 places are there.
            unsafe { _mm256_storeu_ps(block.as_mut_ptr(), weights) }
        }
        // SAFETY: the machine has AVX2.
        unsafe { out.end(&block[..columns % 8]) }
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
