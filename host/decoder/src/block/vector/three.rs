//! Blocks of 12, two at a time: three times eight weights.
#![allow(unsafe_code)]

use super::fields::{Fields, TOGETHER, load};
use crate::block::states::StateTables;
use crate::eights::{Eights, Row};
use crate::row_bits::RowBits;
use seedlm_instructions::Instructions;
use std::arch::x86_64::*;

/// Bytes of two words.
const PAIR_BYTES: usize = 9;
/// Weights of two blocks.
const PAIR: usize = 24;

/// A row.
pub(crate) struct Three<'a> {
    pub(crate) tables: &'a StateTables<48>,
    pub(crate) bits: &'a RowBits<'a>,
    /// That of exponent 0.
    pub(crate) factor: f32,
}

impl Row for Three<'_> {
    const INSTRUCTIONS: Instructions = Instructions::Avx2;

    #[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
    unsafe fn decode<E: Eights>(self, columns: usize, output: E::Output) {
        let Three { tables, bits, factor } = self;
        // SAFETY: the caller's.
        let mut out = unsafe { E::begin(output) };
        let (whole, pairs) = (columns / PAIR, columns.div_ceil(PAIR));
        let mut words = Words::new();
        let mut last = None;
        let fours = &bits.chunks::<{ 4 * PAIR_BYTES }>()[..pairs.div_ceil(4)];
        for (batch, fours) in fours.chunks(PAIRS / 4).enumerate() {
            words.take(fours, factor);
            let count = (4 * fours.len()).min(whole - batch * PAIRS);
            for index in 0..count {
                let [first, second, third] = weights(tables, &words, index);
                // SAFETY: both blocks are whole.
                unsafe {
                    out.push_two(first, second);
                    out.push(third);
                }
            }
            last = (count < 4 * fours.len()).then(|| weights(tables, &words, count));
        }
        let mut blocks = [0.0; PAIR];
        if let Some(weights) = last {
            for (places, eight) in blocks.as_chunks_mut::<8>().0.iter_mut().zip(weights) {
                // SAFETY: the 8 places are there.
                unsafe { _mm256_storeu_ps(places.as_mut_ptr(), eight) }
            }
        }
        let (eights, rest) = blocks[..columns % PAIR].as_chunks::<8>();
        for eight in eights {
            // SAFETY: the columns are there, and so are the 8 numbers.
            unsafe { out.push(_mm256_loadu_ps(eight.as_ptr())) }
        }
        // SAFETY: the machine has AVX2.
        unsafe { out.end(rest) }
    }
}

/// Pairs of words that are taken apart at once.
const PAIRS: usize = TOGETHER / 2;

/// Some words, taken apart.
struct Words {
    /// The two bytes of each seed, then anything.
    seeds: [[u8; 4]; TOGETHER],
    fields: Fields,
}

impl Words {
    fn new() -> Self {
        Words {
            seeds: [[0; 4]; TOGETHER],
            fields: Fields::new(),
        }
    }

    /// Takes up to [`PAIRS`] apart, four at a time.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
    fn take(&mut self, fours: &[[u8; 4 * PAIR_BYTES]], factor: f32) {
        const ZERO: i8 = -1;
        // Of four words in a row, which begin with byte 0: three bytes that hold the seed of each.
        #[rustfmt::skip]
        let seeds = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            0, 1, ZERO, ZERO, 4, 5, 6, ZERO, 9, 10, ZERO, ZERO, 13, 14, 15, ZERO,
        ));
        // Likewise the four bytes with what is beside the seeds, counted from byte 2.
        #[rustfmt::skip]
        let others = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            ZERO, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15,
        ));
        // Every second word begins within a byte: down goes its seed. Of the others what is beside the seed ends within a byte: up that goes.
        let down = _mm256_setr_epi32(0, 4, 0, 4, 0, 4, 0, 4);
        let up = _mm256_setr_epi32(4, 0, 4, 0, 4, 0, 4, 0);
        for (index, bytes) in fours.iter().enumerate() {
            let found = |start: usize, places: __m256i| {
                let [low, high] = [start, start + 2 * PAIR_BYTES].map(|start| {
                    let bytes = &bytes[start..][..16];
                    // SAFETY: the 16 bytes are there.
                    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
                });
                _mm256_shuffle_epi8(_mm256_set_m128i(high, low), places)
            };
            let places = self.seeds[8 * index..][..8].as_flattened_mut();
            // SAFETY: the 32 places are there.
            unsafe {
                _mm256_storeu_si256(places.as_mut_ptr().cast(), _mm256_srlv_epi32(found(0, seeds), down));
            }
            self.fields
                .take::<12>(index, _mm256_sllv_epi32(found(2, others), up), factor);
        }
    }
}

/// The weights of two blocks.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn weights(tables: &StateTables<48>, words: &Words, pair: usize) -> [__m256; 3] {
    let (front, front_last) = block(tables, words, 2 * pair);
    let (back, back_last) = block(tables, words, 2 * pair + 1);
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
