//! AVX2: a block of 8, or three times four weights of a block of 12, at a time.
#![allow(unsafe_code)]

use crate::block::presets::{Tables, word};
use crate::row_bits::RowBits;
use seedlm_instructions::Instructions;
use std::arch::x86_64::*;

/// Words whose coefficients and exponents are taken apart at once.
const TOGETHER: usize = 8;

/// Blocks of 8 from block `first` on; `factor` is that of exponent 0.
///
/// # Panics
/// When this machine lacks the instructions.
pub(crate) fn four(tables: &Tables, bits: &RowBits, first: usize, factor: f32, out: &mut [f32]) {
    assert!(Instructions::Avx2.is_available(), "this machine lacks the instructions");
    // SAFETY: the machine has the instructions.
    unsafe { four_inner(tables, bits, first, factor, out) }
}

/// Blocks of 12.
///
/// # Panics
/// When this machine lacks the instructions.
pub(crate) fn three(tables: &Tables, bits: &RowBits, first: usize, factor: f32, out: &mut [f32]) {
    assert!(Instructions::Avx2.is_available(), "this machine lacks the instructions");
    // SAFETY: the machine has the instructions.
    unsafe { three_inner(tables, bits, first, factor, out) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn four_inner(tables: &Tables, bits: &RowBits, first: usize, factor: f32, out: &mut [f32]) {
    let words = bits.chunks::<{ 4 * TOGETHER }>(4 * first);
    for (words, out) in words.iter().zip(out.chunks_mut(8 * TOGETHER)) {
        let fields = Fields::new(load(words), factor);
        let (words, _) = words.as_chunks::<4>();
        let (blocks, rest) = out.as_chunks_mut::<8>();
        for (index, block) in blocks.iter_mut().enumerate() {
            store(block, weights_of_8(tables, words[index], &fields, index));
        }
        if !rest.is_empty() {
            let mut last = [0.0; 8];
            store(
                &mut last,
                weights_of_8(tables, words[blocks.len()], &fields, blocks.len()),
            );
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }
}

/// What eight words say beside their seeds.
struct Fields {
    /// Coefficients 0 and 1 as 16-bit numbers, the first one in the lower half.
    front: [i32; TOGETHER],
    /// Coefficients 2 and 3; only 2 in words of 32 bits.
    back: [i32; TOGETHER],
    /// The factor times two to the power of the exponent.
    factor: [f32; TOGETHER],
}

impl Fields {
    /// Of words of 32 bits.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
    fn new(words: __m256i, factor: f32) -> Self {
        let low_halves = _mm256_set1_epi32(0xffff);
        // Coefficient 0 from its place to the lower half, with its sign; coefficient 1 to the upper half.
        let first = _mm256_srai_epi32::<28>(_mm256_slli_epi32::<8>(words));
        let second = _mm256_slli_epi32::<16>(_mm256_srai_epi32::<28>(_mm256_slli_epi32::<4>(words)));
        let front = _mm256_or_si256(_mm256_and_si256(first, low_halves), second);
        let back = _mm256_and_si256(_mm256_srai_epi32::<28>(words), low_halves);
        let exponent = _mm256_and_si256(_mm256_srli_epi32::<16>(words), _mm256_set1_epi32(15));
        // Two to that power, which multiplies exactly.
        let power = _mm256_slli_epi32::<23>(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)));
        let factor = _mm256_mul_ps(_mm256_castsi256_ps(power), _mm256_set1_ps(factor));
        Fields {
            front: store_integers(front),
            back: store_integers(back),
            factor: store_floats(factor),
        }
    }
}

/// The weights of a block of 8.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn weights_of_8(tables: &Tables, word: [u8; 4], fields: &Fields, index: usize) -> __m256 {
    let window = _mm256_xor_si256(
        _mm256_set1_epi64x(tables.low[usize::from(word[0])] as i64),
        _mm256_set1_epi64x(tables.high[usize::from(word[1])] as i64),
    );
    // Weight c's states begin at bit 3c. Taking the lower halves of the lanes of both brings the weights in order.
    let some = _mm256_srlv_epi64(window, _mm256_setr_epi64x(0, 3, 12, 15));
    let others = _mm256_srlv_epi64(window, _mm256_setr_epi64x(6, 9, 18, 21));
    let states = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(
        _mm256_castsi256_ps(some),
        _mm256_castsi256_ps(others),
    ));
    // States 0 and 1; then state 2, and above it bits that meet a zero.
    let pairs = _mm256_blend_epi16::<0b1010_1010>(states, _mm256_slli_epi32::<15>(states));
    let thirds = _mm256_srli_epi32::<2>(states);
    let centre = _mm256_set1_epi16(i16::MIN);
    let mantissas = _mm256_add_epi32(
        _mm256_madd_epi16(_mm256_xor_si256(pairs, centre), _mm256_set1_epi32(fields.front[index])),
        _mm256_madd_epi16(_mm256_xor_si256(thirds, centre), _mm256_set1_epi32(fields.back[index])),
    );
    _mm256_mul_ps(_mm256_cvtepi32_ps(mantissas), _mm256_set1_ps(fields.factor[index]))
}

#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn three_inner(tables: &Tables, bits: &RowBits, first: usize, factor: f32, out: &mut [f32]) {
    // Two words are nine bytes.
    assert!(first.is_multiple_of(2), "pieces begin at a byte");
    let (pairs, rest) = out.as_chunks_mut::<24>();
    for (pair, &[a, b, c, d, e, f, g, h, last]) in pairs.iter_mut().zip(bits.chunks(9 * first / 2)) {
        let low = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let [front, back] = pair.as_chunks_mut::<12>().0 else {
            unreachable!("24 are twice 12")
        };
        block_of_12(tables, low, factor, front);
        block_of_12(tables, low >> 36 | u64::from(last) << 28, factor, back);
    }
    let last = first + 2 * pairs.len();
    for (index, block) in rest.chunks_mut(12).enumerate() {
        let mut values = [0.0; 12];
        block_of_12(tables, word::<12>(bits, last + index), factor, &mut values);
        block.copy_from_slice(&values[..block.len()]);
    }
}

/// The weights of a block of 12.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn block_of_12(tables: &Tables, word: u64, factor: f32, out: &mut [f32; 12]) {
    let window = _mm256_set1_epi64x(tables.window(word) as i64);
    let coefficient = |p: u32| ((word >> (20 + 4 * p)) as i32) << 28 >> 28;
    let front = _mm256_set1_epi32(coefficient(0) & 0xffff | coefficient(1) << 16);
    let back = _mm256_set1_epi32(coefficient(2) & 0xffff | coefficient(3) << 16);
    let exponent = (word >> 16 & 15) as u32;
    let factor = _mm256_set1_ps(factor * f32::from_bits((127 + exponent) << 23));
    // Weight c's states begin at bit 4c; as above, for weights 0 to 7 and then 8 to 11, in the lower halves of three vectors' lanes.
    let some = _mm256_castsi256_ps(_mm256_srlv_epi64(window, _mm256_setr_epi64x(0, 4, 16, 20)));
    let others = _mm256_castsi256_ps(_mm256_srlv_epi64(window, _mm256_setr_epi64x(8, 12, 24, 28)));
    let last = _mm256_castsi256_ps(_mm256_srlv_epi64(window, _mm256_setr_epi64x(32, 36, 40, 44)));
    let weights = |states: __m256| {
        let states = _mm256_castps_si256(states);
        let pairs = _mm256_blend_epi16::<0b1010_1010>(states, _mm256_slli_epi32::<15>(states));
        let others = _mm256_blend_epi16::<0b1010_1010>(_mm256_srli_epi32::<2>(states), _mm256_slli_epi32::<13>(states));
        let centre = _mm256_set1_epi16(i16::MIN);
        let mantissas = _mm256_add_epi32(
            _mm256_madd_epi16(_mm256_xor_si256(pairs, centre), front),
            _mm256_madd_epi16(_mm256_xor_si256(others, centre), back),
        );
        _mm256_mul_ps(_mm256_cvtepi32_ps(mantissas), factor)
    };
    let (first, rest) = out.split_at_mut(8);
    let both = weights(_mm256_shuffle_ps::<0b10_00_10_00>(some, others));
    store(first.try_into().expect("8 places"), both);
    // Weights 8 and 9 end up in the lower half, 10 and 11 in the upper one.
    let both = weights(_mm256_shuffle_ps::<0b10_00_10_00>(last, last));
    let pairs = _mm256_permute4x64_epi64::<0b00_00_10_00>(_mm256_castps_si256(both));
    let last: &mut [f32; 4] = rest.try_into().expect("4 places");
    // SAFETY: the 4 places are there.
    unsafe { _mm_storeu_ps(last.as_mut_ptr(), _mm_castsi128_ps(_mm256_castsi256_si128(pairs))) }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: the 32 bytes are there.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn store(out: &mut [f32; 8], values: __m256) {
    // SAFETY: the 8 places are there.
    unsafe { _mm256_storeu_ps(out.as_mut_ptr(), values) }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn store_floats(values: __m256) -> [f32; 8] {
    let mut out = [0.0; 8];
    store(&mut out, values);
    out
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn store_integers(values: __m256i) -> [i32; 8] {
    let mut out = [0; 8];
    // SAFETY: the 8 places are there.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), values) }
    out
}
