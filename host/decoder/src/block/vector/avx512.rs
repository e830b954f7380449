//! AVX-512: two blocks of 8 at a time. Blocks of 12 are AVX2's.
#![allow(unsafe_code)]

use super::avx2;
use crate::block::presets::Tables;
use crate::row_bits::RowBits;
use seedlm_instructions::Instructions;
use std::arch::x86_64::*;
use std::hint::black_box;

/// Words whose coefficients and exponents are taken apart at once.
const TOGETHER: usize = 16;

/// Blocks of 8 from block `first` on; `factor` is that of exponent 0.
///
/// # Panics
/// When this machine lacks the instructions.
pub(crate) fn four(tables: &Tables, bits: &RowBits, first: usize, factor: f32, out: &mut [f32]) {
    assert!(
        Instructions::Avx512.is_available(),
        "this machine lacks the instructions"
    );
    let (whole, rest) = out.as_chunks_mut::<{ 8 * TOGETHER }>();
    // SAFETY: the machine has the instructions.
    unsafe { four_inner(tables, bits, first, factor, whole) }
    avx2::four(tables, bits, first + TOGETHER * whole.len(), factor, rest);
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn four_inner(tables: &Tables, bits: &RowBits, first: usize, factor: f32, out: &mut [[f32; 8 * TOGETHER]]) {
    let words = bits.chunks::<{ 4 * TOGETHER }>(4 * first);
    for (words, out) in words.iter().zip(out) {
        let fields = Fields::new(load(words), factor);
        // From memory byte by byte: left to itself, the compiler takes them out of the vector, on the one port that shuffles.
        let words = black_box(words);
        let mut windows = [[0; 2]; TOGETHER / 2];
        for (window, word) in windows.as_flattened_mut().iter_mut().zip(words.as_chunks::<4>().0) {
            *window = tables.low[usize::from(word[0])] ^ tables.high[usize::from(word[1])];
        }
        for (index, pair) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            let weights = weights_of_16(windows[index], &fields, index);
            // SAFETY: the 16 places are there.
            unsafe { _mm512_storeu_ps(pair.as_mut_ptr(), weights) }
        }
    }
}

/// What 16 words say beside their seeds.
struct Fields {
    /// Coefficients 0 and 1 as 16-bit numbers, the first one in the lower half.
    front: [[u32; 2]; TOGETHER / 2],
    /// Coefficient 2.
    back: [[u32; 2]; TOGETHER / 2],
    /// The factor times two to the power of the exponent: the bits of a number in `f32`.
    factor: [[u32; 2]; TOGETHER / 2],
}

impl Fields {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
    fn new(words: __m512i, factor: f32) -> Self {
        let low_halves = _mm512_set1_epi32(0xffff);
        // Coefficient 0 from its place to the lower half, with its sign; coefficient 1 to the upper half.
        let first = _mm512_srai_epi32::<28>(_mm512_slli_epi32::<8>(words));
        let second = _mm512_slli_epi32::<16>(_mm512_srai_epi32::<28>(_mm512_slli_epi32::<4>(words)));
        let exponent = _mm512_and_si512(_mm512_srli_epi32::<16>(words), _mm512_set1_epi32(15));
        // Two to that power, which multiplies exactly.
        let power = _mm512_slli_epi32::<23>(_mm512_add_epi32(exponent, _mm512_set1_epi32(127)));
        let factors = _mm512_mul_ps(_mm512_castsi512_ps(power), _mm512_set1_ps(factor));
        Fields {
            front: in_pairs(_mm512_or_si512(_mm512_and_si512(first, low_halves), second)),
            back: in_pairs(_mm512_and_si512(_mm512_srai_epi32::<28>(words), low_halves)),
            factor: in_pairs(_mm512_castps_si512(factors)),
        }
    }
}

/// The weights of a pair of blocks of 8: the lanes of the one and of the other take turns, since pairs of numbers spread to all lanes
/// without an instruction of their own.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn weights_of_16(windows: [u64; 2], fields: &Fields, pair: usize) -> __m512 {
    let windows = _mm512_broadcast_i32x4(_mm_set_epi64x(windows[1] as i64, windows[0] as i64));
    // Weight c's states begin at bit 3c. In each quarter come weights c and then c + 4.
    let front = _mm512_srlv_epi64(windows, _mm512_setr_epi64(0, 0, 3, 3, 6, 6, 9, 9));
    let back = _mm512_srlv_epi64(windows, _mm512_setr_epi64(12, 12, 15, 15, 18, 18, 21, 21));
    let states = _mm512_castps_si512(_mm512_shuffle_ps::<0b10_00_10_00>(
        _mm512_castsi512_ps(front),
        _mm512_castsi512_ps(back),
    ));
    // States 0 and 1; then state 2, and above it bits that meet a zero.
    let pairs = _mm512_mask_blend_epi16(0xaaaa_aaaa, states, _mm512_slli_epi32::<15>(states));
    let thirds = _mm512_srli_epi32::<2>(states);
    let centre = _mm512_set1_epi16(i16::MIN);
    let mantissas = _mm512_add_epi32(
        _mm512_madd_epi16(_mm512_xor_si512(pairs, centre), spread(&fields.front[pair])),
        _mm512_madd_epi16(_mm512_xor_si512(thirds, centre), spread(&fields.back[pair])),
    );
    let factors = _mm512_castsi512_ps(spread(&fields.factor[pair]));
    let weights = _mm512_mul_ps(_mm512_cvtepi32_ps(mantissas), factors);
    let in_order = _mm512_setr_epi32(0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15);
    _mm512_permutexvar_ps(in_order, weights)
}

/// Two numbers, in turn in all lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn spread(numbers: &[u32; 2]) -> __m512i {
    _mm512_set1_epi64((u64::from(numbers[1]) << 32 | u64::from(numbers[0])) as i64)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the 64 bytes are there.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn in_pairs(values: __m512i) -> [[u32; 2]; TOGETHER / 2] {
    let mut pairs = [[0; 2]; TOGETHER / 2];
    // SAFETY: the 16 places are there.
    unsafe { _mm512_storeu_si512(pairs.as_mut_ptr().cast(), values) }
    pairs
}
