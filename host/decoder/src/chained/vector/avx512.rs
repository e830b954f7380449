//! AVX-512 with bytes (F and BW): 64 windows at a time.
#![allow(unsafe_code)]

use super::scale::{self, BATCH};
use crate::chained::nibbles::{GROUP, Nibbles};
use crate::row_bits::LEAD;
use crate::stores::{Eights, Stores, at_width};
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

/// The weights, in full: the integers times `factor`.
///
/// # Panics
/// As [`integers`].
pub(crate) fn values(nibbles: &Nibbles, bytes: &[u8], factor: f32, stores: Stores, out: &mut [f32]) {
    assert!(
        Instructions::Avx512.is_available(),
        "this machine lacks the instructions"
    );
    // SAFETY: the machine has the instructions; the width is that of the output.
    unsafe { at_width!(stores, values_inner(nibbles, bytes, factor; out)) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn inner(nibbles: &Nibbles, bytes: &[u8], groups: &mut [[i8; GROUP]]) {
    each_group(nibbles, bytes, 0..groups.len(), |index, weights| {
        store_integers(&mut groups[index], weights);
    });
}

/// # Safety
/// As for [`Eights::new`].
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
unsafe fn values_inner<const WIDTH: usize>(nibbles: &Nibbles, bytes: &[u8], factor: f32, out: &mut [f32]) {
    let (batches, rest) = (out.len() / BATCH, out.len() % BATCH);
    // SAFETY: the caller's.
    let mut out = unsafe { Eights::<WIDTH>::new(out) };
    let mut batch = [0; BATCH];
    let whole = batches * (BATCH / GROUP);
    each_group(nibbles, bytes, 0..whole, |index, weights| {
        let groups = batch.as_chunks_mut::<GROUP>().0;
        let place = index % groups.len();
        store_integers(&mut groups[place], weights);
        if place + 1 == groups.len() {
            // SAFETY: all weights of this batch are in the output.
            unsafe { scale::push(&mut out, batch.as_chunks().0, factor) }
        }
    });
    each_group(nibbles, bytes, whole..whole + rest.div_ceil(GROUP), |index, weights| {
        store_integers(&mut batch.as_chunks_mut::<GROUP>().0[index - whole], weights);
    });
    // SAFETY: so many are left.
    unsafe { scale::push_last(out, &batch[..rest], factor) }
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
    let offsets = nibbles.offsets.map(|offsets| {
        let bytes = offsets.map(u16::to_le_bytes);
        four_times(bytes.as_flattened().try_into().expect("16 bytes"))
    });
    let (pair, third) = (
        nibbles.pair.each_ref().map(|bytes| four_times(bytes)),
        nibbles.third.each_ref().map(|bytes| four_times(bytes)),
    );
    let four_bits = _mm512_set1_epi8(15);
    let low_bytes = _mm512_set1_epi16(255);
    let largest = _mm512_set1_epi8(nibbles.largest);
    for index in groups {
        let source = _mm512_permutexvar_epi16(lanes, load(bytes, LEAD - 2 + index * 8 * nibbles.stored));
        let byte = |places: &[__m512i; 2]| {
            let part = |half: usize| {
                let shifted = _mm512_srlv_epi16(_mm512_shuffle_epi8(source, places[half]), offsets[half]);
                _mm512_and_si512(shifted, low_bytes)
            };
            _mm512_packus_epi16(part(0), part(1))
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
