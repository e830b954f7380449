//! Blocks of 12, two at a time: three times eight weights.
#![allow(unsafe_code)]

use super::fields::{Fields, TOGETHER, load};
use crate::block::states::StateTables;
use crate::row_bits::RowBits;
use crate::stores::{Eights, Stores, at_width};
use seedlm_instructions::Instructions;
use std::arch::x86_64::*;

/// Bytes of two words.
const PAIR_BYTES: usize = 9;
/// Weights of two blocks.
const PAIR: usize = 24;

/// Weights from block `first` on, which begins at a byte; `factor` is that of exponent 0.
///
/// # Panics
/// When this machine lacks AVX2, or the block begins within a byte.
pub(crate) fn values(
    tables: &StateTables<48>,
    bits: &RowBits,
    first: usize,
    factor: f32,
    stores: Stores,
    out: &mut [f32],
) {
    assert!(Instructions::Avx2.is_available(), "this machine lacks the instructions");
    assert!(first.is_multiple_of(2), "pieces begin at a byte");
    // SAFETY: the machine has the instructions; the width is that of the output.
    unsafe { at_width!(stores, inner(tables, bits, first, factor; out)) }
}

/// # Safety
/// As for [`Eights::new`].
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
unsafe fn inner<const WIDTH: usize>(
    tables: &StateTables<48>,
    bits: &RowBits,
    first: usize,
    factor: f32,
    out: &mut [f32],
) {
    let (whole, pairs) = (out.len() / PAIR, out.len().div_ceil(PAIR));
    let mut words = Words::new();
    // SAFETY: the caller's.
    let mut out = unsafe { Eights::<WIDTH>::new(out) };
    let mut last = None;
    let bytes = &bits.chunks::<PAIR_BYTES>(PAIR_BYTES * first / 2)[..pairs];
    for (batch, bytes) in bytes.chunks(PAIRS).enumerate() {
        words.take(bytes, factor);
        let count = bytes.len().min(whole - batch * PAIRS).min(PAIRS);
        for index in 0..count {
            for eight in weights(tables, &words, index) {
                // SAFETY: both blocks are whole.
                unsafe { out.push(eight) }
            }
        }
        last = (count < bytes.len()).then(|| weights(tables, &words, count));
    }
    let rest = out.end();
    if let Some(weights) = last {
        let mut blocks = [0.0; PAIR];
        for (places, eight) in blocks.as_chunks_mut::<8>().0.iter_mut().zip(weights) {
            // SAFETY: the 8 places are there.
            unsafe { _mm256_storeu_ps(places.as_mut_ptr(), eight) }
        }
        rest.copy_from_slice(&blocks[..rest.len()]);
    }
}

/// Pairs of words that are taken apart at once.
const PAIRS: usize = TOGETHER / 2;

/// Some pairs of words, taken apart. The first words are together, and so are the second ones: the compiler would bring numbers that lie side by
/// side in one load and spread them from there, which takes shuffles.
struct Words {
    /// The two bytes of each seed.
    seeds: [[u8; 2]; TOGETHER],
    fields: Fields,
}

impl Words {
    fn new() -> Self {
        Words {
            seeds: [[0; 2]; TOGETHER],
            fields: Fields::new(),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
    fn take(&mut self, pairs: &[[u8; PAIR_BYTES]], factor: f32) {
        // The words without the lowest bits of their seeds.
        let mut tops = [0_u32; TOGETHER];
        let pairs = &pairs[..pairs.len().min(PAIRS)];
        for (index, pair) in pairs.iter().enumerate() {
            let [low, high] = [pair.first_chunk(), pair.last_chunk()].map(|bytes| bytes.expect("9 bytes"));
            let words = [u64::from_le_bytes(*low), u64::from_le_bytes(*high) >> 28];
            for (place, word) in [index, PAIRS + index].into_iter().zip(words) {
                self.seeds[place] = (word as u16).to_le_bytes();
                tops[place] = (word >> 4) as u32;
            }
        }
        let (eights, _) = tops.as_chunks::<8>();
        let half = eights.len() / 2;
        for index in (0..pairs.len().div_ceil(8)).flat_map(|index| [index, half + index]) {
            // SAFETY: the 8 numbers are there.
            let lanes = unsafe { _mm256_loadu_si256(eights[index].as_ptr().cast()) };
            self.fields.take::<12>(index, lanes, factor);
        }
    }
}

/// The weights of two blocks.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn weights(tables: &StateTables<48>, words: &Words, pair: usize) -> [__m256; 3] {
    let (front, front_last) = block(tables, words, pair);
    let (back, back_last) = block(tables, words, PAIRS + pair);
    [
        front,
        _mm256_insertf128_ps::<1>(front_last, _mm256_castps256_ps128(back)),
        _mm256_permute2f128_ps::<0x21>(back, back_last),
    ]
}

/// The weights of a block: eight, and four in the lower half.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn block(tables: &StateTables<48>, words: &Words, index: usize) -> (__m256, __m256) {
    let (seed, fields) = (&words.seeds[index], words.fields.word(index));
    let (low, high) = (
        &tables.low[usize::from(seed[0])].0,
        &tables.high[usize::from(seed[1])].0,
    );
    let states = |third: usize| {
        let [low, high] = [low, high].map(|states| &states.as_chunks().0[third]);
        _mm256_xor_si256(load(low), load(high))
    };
    let (front, back) = (_mm256_set1_epi32(fields.front), _mm256_set1_epi32(fields.back));
    let factor = _mm256_set1_ps(fields.factor);
    let eight = _mm256_add_epi32(_mm256_madd_epi16(states(0), front), _mm256_madd_epi16(states(1), back));
    // The last four weights have both pairs of their states in one vector.
    let (front, back) = (_mm256_madd_epi16(states(2), front), _mm256_madd_epi16(states(2), back));
    let last = _mm_add_epi32(_mm256_castsi256_si128(front), _mm256_extracti128_si256::<1>(back));
    let scaled = |mantissas| _mm256_mul_ps(_mm256_cvtepi32_ps(mantissas), factor);
    (scaled(eight), scaled(_mm256_castsi128_si256(last)))
}
