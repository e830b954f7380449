//! AVX2: 32 windows at a time.
#![allow(unsafe_code)]

use super::scale::{self, BATCH};
use crate::chained::nibbles::{GROUP, Nibbles};
use crate::eights::{Eights, Row};
use crate::row_bits::LEAD;
use seedlm_instructions::Instructions;
use std::arch::{asm, x86_64::*};
use std::ops::Range;

/// Weights that are decoded at once.
const HALF: usize = GROUP / 2;

/// The integer weights whose bits begin at byte [`LEAD`], after those of the weights before them.
///
/// # Panics
/// When this machine lacks the instructions, or `bytes` do not have 16 bytes beyond the last group.
pub(crate) fn integers(nibbles: &Nibbles, bytes: &[u8], groups: &mut [[i8; GROUP]]) {
    assert!(Instructions::Avx2.is_available(), "this machine lacks the instructions");
    // SAFETY: the machine has the instructions.
    unsafe { inner(nibbles, bytes, groups) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn inner(nibbles: &Nibbles, bytes: &[u8], groups: &mut [[i8; GROUP]]) {
    let (halves, _) = groups.as_flattened_mut().as_chunks_mut::<HALF>();
    each_half(nibbles, bytes, 0..halves.len(), |index, weights| {
        store_integers(&mut halves[index], weights);
    });
}

/// A row: the integers times `factor`. `bytes` are those of [`integers`].
pub(crate) struct Avx2Row<'a> {
    pub(crate) nibbles: &'a Nibbles,
    pub(crate) bytes: &'a [u8],
    pub(crate) factor: f32,
}

impl Row for Avx2Row<'_> {
    const INSTRUCTIONS: Instructions = Instructions::Avx2;

    #[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
    unsafe fn decode<E: Eights>(self, columns: usize, output: E::Output) {
        let Avx2Row { nibbles, bytes, factor } = self;
        // SAFETY: the caller's.
        let mut out = unsafe { E::begin(output) };
        let (batches, rest) = (columns / BATCH, columns % BATCH);
        let mut batch = [0; BATCH];
        let whole = batches * (BATCH / HALF);
        each_half(nibbles, bytes, 0..whole, |index, weights| {
            let halves = batch.as_chunks_mut::<HALF>().0;
            let place = index % halves.len();
            store_integers(&mut halves[place], weights);
            if place + 1 == halves.len() {
                // SAFETY: all weights of this batch are in the row.
                unsafe { scale::push(&mut out, batch.as_chunks().0, factor) }
            }
        });
        each_half(nibbles, bytes, whole..whole + rest.div_ceil(HALF), |index, weights| {
            store_integers(&mut batch.as_chunks_mut::<HALF>().0[index - whole], weights);
        });
        // SAFETY: so many are left.
        unsafe { scale::push_last(out, &batch[..rest], factor) }
    }
}

/// Calls `work` with the integer weights of some halves of groups.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn each_half(nibbles: &Nibbles, bytes: &[u8], halves: Range<usize>, mut work: impl FnMut(usize, __m256i)) {
    let (low, high) = (
        nibbles.low.each_ref().map(|bytes| twice(bytes)),
        nibbles.high.each_ref().map(|bytes| twice(bytes)),
    );
    // Shifting right brings a byte to the lower half of its lane, shifting left to the upper one. Multiplications do this for each lane by itself,
    // to the right by what is left of a shift to the left.
    let to_lower = shifts(nibbles.offsets[0].map(|offset| 1 << (16 - offset)));
    let to_upper = shifts(nibbles.offsets[1].map(|offset| 1 << (8 - offset)));
    let upper = _mm256_set1_epi16(0xff00_u16 as i16);
    let (pair, third) = (
        nibbles.pair.each_ref().map(|bytes| twice(bytes)),
        nibbles.third.each_ref().map(|bytes| twice(bytes)),
    );
    let four_bits = _mm256_set1_epi8(15);
    let largest = _mm256_set1_epi8(nibbles.largest);
    let step = 2 * nibbles.stored;
    for half_index in halves {
        let start = LEAD - 2 + half_index * 2 * step;
        let source = _mm256_set_m128i(load(bytes, start + step), load(bytes, start));
        let byte = |places: &[__m256i; 2]| {
            let even = upper_halves(_mm256_shuffle_epi8(source, places[0]), to_lower);
            let odd = _mm256_mullo_epi16(_mm256_shuffle_epi8(source, places[1]), to_upper);
            _mm256_blendv_epi8(even, odd, upper)
        };
        let (low, high) = (byte(&low), byte(&high));
        let parts = [
            _mm256_and_si256(low, four_bits),
            _mm256_and_si256(_mm256_srli_epi16::<4>(low), four_bits),
            _mm256_and_si256(high, four_bits),
            _mm256_and_si256(_mm256_srli_epi16::<4>(high), four_bits),
        ];
        let look_up = |tables: &[__m256i; 4]| {
            let found = |nibble: usize| _mm256_shuffle_epi8(tables[nibble], parts[nibble]);
            _mm256_xor_si256(
                _mm256_xor_si256(found(0), found(1)),
                _mm256_xor_si256(found(2), found(3)),
            )
        };
        let (pair, third) = (look_up(&pair), look_up(&third));
        let second = _mm256_and_si256(_mm256_srli_epi16::<4>(pair), four_bits);
        let sum = _mm256_add_epi8(_mm256_add_epi8(_mm256_and_si256(pair, four_bits), second), third);
        work(half_index, _mm256_sub_epi8(_mm256_add_epi8(sum, sum), largest));
    }
}

/// The upper halves of the products of lanes of 16 bits. The compiler takes the intrinsic for its single steps and makes six instructions of
/// them.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn upper_halves(first: __m256i, second: __m256i) -> __m256i {
    let product;
    // SAFETY: the instruction is there, and has to do with nothing but its registers.
    unsafe {
        asm!("vpmulhuw {}, {}, {}", out(ymm_reg) product, in(ymm_reg) first, in(ymm_reg) second,
            options(pure, nomem, nostack, preserves_flags));
    }
    product
}

/// The same 16 bytes in both halves.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn twice(bytes: &[u8; 16]) -> __m256i {
    _mm256_broadcastsi128_si256(load(bytes, 0))
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn shifts(factors: [u16; 8]) -> __m256i {
    let bytes = factors.map(u16::to_le_bytes);
    _mm256_broadcastsi128_si256(load(bytes.as_flattened(), 0))
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn load(bytes: &[u8], start: usize) -> __m128i {
    let bytes = &bytes[start..start + 16];
    // SAFETY: the 16 bytes are there.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn store_integers(out: &mut [i8; HALF], weights: __m256i) {
    // SAFETY: the 32 places are there.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), weights) }
}
