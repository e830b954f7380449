//! AVX-512: 512 bits.
#![allow(unsafe_code)]

use super::MOST_LANES;
use super::avx2::{LongNumbers, Numbers, transpose};
use super::lanes::{Lanes, PAIRS, Piece, Work};
use seedlm_instructions::Instructions;
use std::arch::asm;
use std::arch::x86_64::*;

/// A register of 32 signed 16-bit integers.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Vector(__m512i);

impl Lanes for Vector {
    type Floats = Numbers;
    type Doubles = LongNumbers;
    const COUNT: usize = 32;
    const IN_REGISTERS: bool = true;

    #[inline(always)]
    fn spread(pair: u32) -> Self {
        // SAFETY: only `run` names the type, and only where the instruction set is there.
        Vector(unsafe { _mm512_set1_epi32(pair as i32) })
    }
    #[inline(always)]
    fn spread_one(number: i16) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm512_set1_epi16(number) })
    }
    #[inline(always)]
    fn pair_sums(numbers: &[[Self; 2]; PAIRS], entries: &[u32; PAIRS]) -> Self {
        // SAFETY: as for `spread`.
        unsafe {
            let mut sums = [_mm512_setzero_si512(); 2];
            for (numbers, &entries) in numbers.iter().zip(entries) {
                let entries = _mm512_set1_epi32(entries as i32);
                for (sum, numbers) in sums.iter_mut().zip(numbers) {
                    *sum = _mm512_add_epi32(*sum, _mm512_madd_epi16(numbers.0, entries));
                }
            }
            // The upper half of each sum, in its place.
            let even = _mm512_srli_epi32::<16>(sums[0]);
            Vector(_mm512_mask_blend_epi16(0xAAAA_AAAA, even, sums[1]))
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm512_add_epi16(self.0, other.0) })
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm512_sub_epi16(self.0, other.0) })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm512_max_epi16(self.0, other.0) })
    }
    #[inline(always)]
    fn average(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm512_avg_epu16(self.0, other.0) })
    }
    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm512_mulhrs_epi16(self.0, other.0) })
    }
    #[inline(always)]
    fn shift_right<const SHIFT: i32>(self) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm512_sra_epi16(self.0, _mm_cvtsi32_si128(SHIFT)) })
    }
    #[inline(always)]
    fn sum<const SHIFT: i32>(a: &[i32; MOST_LANES], b: &[i32; MOST_LANES]) -> Self {
        // SAFETY: as for `spread`; there are 32 numbers of both, and none need be aligned.
        unsafe {
            let mut sums = [_mm512_setzero_si512(); 2];
            for (sixteen, sum) in sums.iter_mut().enumerate() {
                let a = _mm512_loadu_si512(a.as_ptr().add(16 * sixteen).cast());
                let b = _mm512_loadu_si512(b.as_ptr().add(16 * sixteen).cast());
                *sum = _mm512_sra_epi32(_mm512_add_epi32(a, b), _mm_cvtsi32_si128(SHIFT));
            }
            // That packs quarter by quarter.
            let order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
            Vector(_mm512_permutexvar_epi64(order, _mm512_packs_epi32(sums[0], sums[1])))
        }
    }
    #[inline(always)]
    fn not_negative(self) -> u32 {
        // SAFETY: as for `spread`.
        unsafe { !_mm512_movepi16_mask(self.0) }
    }
    #[inline(always)]
    fn settle(self) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { settle(self.0) })
    }
    #[inline(always)]
    fn pick(numbers: &[u32; 8], places: &[u8; 8], picked: &mut [u32; 8]) {
        // SAFETY: as for `spread`; 8 numbers and 8 bytes can be read, 8 numbers written, and none need be aligned.
        unsafe {
            let places = _mm256_cvtepu8_epi32(_mm_loadl_epi64(places.as_ptr().cast()));
            let numbers = _mm256_loadu_si256(numbers.as_ptr().cast());
            _mm256_storeu_si256(picked.as_mut_ptr().cast(), _mm256_permutevar8x32_epi32(numbers, places));
        }
    }
    #[inline(always)]
    fn transpose(words: &[u32; 32]) -> [u32; 32] {
        // SAFETY: as for `spread`.
        unsafe { transpose(words) }
    }
    #[inline(always)]
    fn alone<P: Piece<Self>>(piece: P) -> P::Output {
        // SAFETY: as for `spread`.
        unsafe { alone(piece) }
    }
    #[inline(always)]
    fn words_mut(vectors: &mut [Self]) -> &mut [i16] {
        // SAFETY: a vector is 32 words without padding, aligned more strictly; any words are a vector, and the
        // borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(vectors.as_mut_ptr().cast(), vectors.len() * 32) }
    }
}

/// Does the work compiled for AVX-512.
///
/// # Panics
/// When this machine lacks the instructions.
pub(crate) fn run<W: Work>(work: W) -> W::Output {
    assert!(
        Instructions::Avx512.is_available(),
        "this machine lacks the instructions"
    );
    // SAFETY: the machine has the instructions.
    unsafe { compiled(work) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn compiled<W: Work>(work: W) -> W::Output {
    work.run::<Vector>()
}

#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn alone<P: Piece<Vector>>(piece: P) -> P::Output {
    piece.run()
}

/// An instruction that is none, but for the compiler, which does not know that.
#[inline]
#[target_feature(enable = "avx512f")]
fn settle(mut register: __m512i) -> __m512i {
    // SAFETY: it is a comment for the assembler: nothing is done.
    unsafe { asm!("/* {0} */", inout(zmm_reg) register, options(pure, nomem, nostack, preserves_flags)) };
    register
}
