//! AVX-512 with bytes (F and BW): 64 windows at a time.
#![allow(unsafe_code)]

use super::scale::{self, BATCH};
use crate::chained::nibbles::{GROUP, Nibbles};
use crate::eights::{Eights, Row};
use crate::row_bits::LEAD;
use seedlm_instructions::Instructions;
use std::arch::x86_64::*;
use std::ops::Range;

/// The integer weights whose bits begin at byte [`LEAD`], after those of the weights before them.
///
/// # Panics
/// When this machine lacks the instructions, or `bytes` do not have 64 bytes beyond the last group.
pub(crate) fn integers(nibbles: &Nibbles, bytes: &[u8], groups: &mut [[i8; GROUP]]) {
    assert!(
        Instructions::Avx512.is_available(),
        "this machine lacks the instructions"
    );
    // SAFETY: the machine has the instructions.
    unsafe { inner(nibbles, bytes, groups) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn inner(nibbles: &Nibbles, bytes: &[u8], groups: &mut [[i8; GROUP]]) {
    each_group(nibbles, bytes, 0..groups.len(), |index, weights| {
        store_integers(&mut groups[index], weights);
    });
}

/// A row: the integers times `factor`. `bytes` are those of [`integers`].
pub(crate) struct Avx512Row<'a> {
    pub(crate) nibbles: &'a Nibbles,
    pub(crate) bytes: &'a [u8],
    pub(crate) factor: f32,
}

impl Row for Avx512Row<'_> {
    const INSTRUCTIONS: Instructions = Instructions::Avx512;

    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
    unsafe fn decode<E: Eights>(self, columns: usize, output: E::Output) {
        let Avx512Row { nibbles, bytes, factor } = self;
        // SAFETY: the caller's.
        let mut out = unsafe { E::begin(output) };
        let (batches, rest) = (columns / BATCH, columns % BATCH);
        let mut batch = [0; BATCH];
        let whole = batches * (BATCH / GROUP);
        each_group(nibbles, bytes, 0..whole, |index, weights| {
            let groups = batch.as_chunks_mut::<GROUP>().0;
            let place = index % groups.len();
            store_integers(&mut groups[place], weights);
            if place + 1 == groups.len() {
                // SAFETY: all weights of this batch are in the row.
                unsafe { scale::push(&mut out, batch.as_chunks().0, factor) }
            }
        });
        each_group(nibbles, bytes, whole..whole + rest.div_ceil(GROUP), |index, weights| {
            store_integers(&mut batch.as_chunks_mut::<GROUP>().0[index - whole], weights);
        });
        // SAFETY: so many are left.
        unsafe { scale::push_last(out, &batch[..rest], factor) }
    }
}

/// Calls `work` with the integer weights of some groups.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn each_group(nibbles: &Nibbles, bytes: &[u8], groups: Range<usize>, mut work: impl FnMut(usize, __m512i)) {
    // 16 weights take `stored` 16-bit words: lane `i` of a vector gets the 8 words from there on.
    let places: [u16; 32] = std::array::from_fn(|place| (nibbles.stored * (place / 8) + place % 8) as u16);
    let lanes = load(places.map(u16::to_le_bytes).as_flattened(), 0);
    let (low, high) = (
        nibbles.low.each_ref().map(|bytes| four_times(bytes)),
        nibbles.high.each_ref().map(|bytes| four_times(bytes)),
    );
    let shifts = |offsets: [u16; 8]| {
        let bytes = offsets.map(u16::to_le_bytes);
        four_times(bytes.as_flattened().try_into().expect("16 bytes"))
    };
    // A byte of an even window is brought to the lower half of its lane, one of an odd window to the upper half.
    let to_lower = shifts(nibbles.offsets[0]);
    let to_upper = shifts(nibbles.offsets[1].map(|offset| 8 - offset));
    let (pair, third) = (
        nibbles.pair.each_ref().map(|bytes| four_times(bytes)),
        nibbles.third.each_ref().map(|bytes| four_times(bytes)),
    );
    let four_bits = _mm512_set1_epi8(15);
    let largest = _mm512_set1_epi8(nibbles.largest);
    for index in groups {
        let source = _mm512_permutexvar_epi16(lanes, load(bytes, LEAD - 2 + index * 8 * nibbles.stored));
        let byte = |places: &[__m512i; 2]| {
            let even = _mm512_srlv_epi16(_mm512_shuffle_epi8(source, places[0]), to_lower);
            let odd = _mm512_sllv_epi16(_mm512_shuffle_epi8(source, places[1]), to_upper);
            _mm512_mask_blend_epi8(0xaaaa_aaaa_aaaa_aaaa, even, odd)
        };
        let (low, high) = (byte(&low), byte(&high));
        let parts = [
            _mm512_and_si512(low, four_bits),
            _mm512_and_si512(_mm512_srli_epi16::<4>(low), four_bits),
            _mm512_and_si512(high, four_bits),
            _mm512_and_si512(_mm512_srli_epi16::<4>(high), four_bits),
        ];
        let look_up = |tables: &[__m512i; 4]| {
            let found = |nibble: usize| _mm512_shuffle_epi8(tables[nibble], parts[nibble]);
            // 0x96 is the XOR of three.
            _mm512_xor_si512(
                _mm512_ternarylogic_epi32::<0x96>(found(0), found(1), found(2)),
                found(3),
            )
        };
        let (pair, third) = (look_up(&pair), look_up(&third));
        let second = _mm512_and_si512(_mm512_srli_epi16::<4>(pair), four_bits);
        let sum = _mm512_add_epi8(_mm512_add_epi8(_mm512_and_si512(pair, four_bits), second), third);
        work(index, _mm512_sub_epi8(_mm512_add_epi8(sum, sum), largest));
    }
}

/// The same 16 bytes in all four lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn four_times(bytes: &[u8; 16]) -> __m512i {
    // SAFETY: the 16 bytes are there.
    _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn load(bytes: &[u8], start: usize) -> __m512i {
    let bytes = &bytes[start..start + 64];
    // SAFETY: the 64 bytes are there.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn store_integers(out: &mut [i8; GROUP], weights: __m512i) {
    // SAFETY: the 64 places are there.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), weights) }
}
