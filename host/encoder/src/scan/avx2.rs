//! AVX2: 256 bits.
#![allow(unsafe_code)]

use super::MOST_LANES;
use super::lanes::{Doubles, Floats, Lanes, PAIRS, Piece, Work};
use seedlm_instructions::Instructions;
use std::arch::asm;
use std::arch::x86_64::*;

/// A register of 16 signed 16-bit integers.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Vector(__m256i);

impl Lanes for Vector {
    type Floats = Numbers;
    type Doubles = LongNumbers;
    const COUNT: usize = 16;
    const IN_REGISTERS: bool = true;

    #[inline(always)]
    fn spread(pair: u32) -> Self {
        // SAFETY: only `run` names the type, and only where the instruction set is there.
        Vector(unsafe { _mm256_set1_epi32(pair as i32) })
    }
    #[inline(always)]
    fn spread_one(number: i16) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm256_set1_epi16(number) })
    }
    #[inline(always)]
    fn pair_sums(numbers: &[[Self; 2]; PAIRS], entries: &[u32; PAIRS]) -> Self {
        // SAFETY: as for `spread`.
        unsafe {
            let mut sums = [_mm256_setzero_si256(); 2];
            for (numbers, &entries) in numbers.iter().zip(entries) {
                let entries = _mm256_set1_epi32(entries as i32);
                for (sum, numbers) in sums.iter_mut().zip(numbers) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(numbers.0, entries));
                }
            }
            // The upper half of each sum, in its place.
            let even = _mm256_srli_epi32::<16>(sums[0]);
            Vector(_mm256_blend_epi16::<0b1010_1010>(even, sums[1]))
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm256_add_epi16(self.0, other.0) })
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm256_sub_epi16(self.0, other.0) })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm256_max_epi16(self.0, other.0) })
    }
    #[inline(always)]
    fn average(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm256_avg_epu16(self.0, other.0) })
    }
    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm256_mulhrs_epi16(self.0, other.0) })
    }
    #[inline(always)]
    fn shift_right<const SHIFT: i32>(self) -> Self {
        // SAFETY: as for `spread`.
        Vector(unsafe { _mm256_sra_epi16(self.0, _mm_cvtsi32_si128(SHIFT)) })
    }
    #[inline(always)]
    fn sum<const SHIFT: i32>(a: &[i32; MOST_LANES], b: &[i32; MOST_LANES]) -> Self {
        // SAFETY: as for `spread`; 16 numbers of both can be read, and none need be aligned.
        unsafe {
            let mut sums = [_mm256_setzero_si256(); 2];
            for (eight, sum) in sums.iter_mut().enumerate() {
                let a = _mm256_loadu_si256(a.as_ptr().add(8 * eight).cast());
                let b = _mm256_loadu_si256(b.as_ptr().add(8 * eight).cast());
                *sum = _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(a, b));
            }
            // That packs the lower halves of both, and then the upper ones.
            let packed = _mm256_packs_epi32(sums[0], sums[1]);
            Vector(_mm256_permute4x64_epi64::<0b11_01_10_00>(packed))
        }
    }
    #[inline(always)]
    fn not_negative(self) -> u32 {
        // SAFETY: as for `spread`.
        unsafe {
            // The signs of all bytes: those of the upper ones count.
            !_mm256_movemask_epi8(self.0) as u32 & 0xAAAA_AAAA
        }
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
        // SAFETY: a vector is 16 words without padding, aligned more strictly; any words are a vector, and the
        // borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(vectors.as_mut_ptr().cast(), vectors.len() * 16) }
    }
}

/// A register of 8 numbers.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Numbers(__m256);

impl Floats for Numbers {
    #[inline(always)]
    fn spread(number: f32) -> Self {
        // SAFETY: the type is named where the instruction set is there, by `Lanes::Floats` of a vector of it.
        Numbers(unsafe { _mm256_set1_ps(number) })
    }
    #[inline(always)]
    fn load(numbers: &[f32; 8]) -> Self {
        // SAFETY: as for `spread`; 8 numbers can be read, and need not be aligned.
        Numbers(unsafe { _mm256_loadu_ps(numbers.as_ptr()) })
    }
    #[inline(always)]
    fn from_words(words: &[i16; 8]) -> Self {
        // SAFETY: as for `spread`; 8 words can be read, and need not be aligned.
        Numbers(unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_loadu_si128(words.as_ptr().cast()))) })
    }
    #[inline(always)]
    fn sums(numbers: [Self; 4]) -> [f32; 4] {
        let [a, b, c, d] = numbers;
        let mut sums = [0.0; 4];
        // SAFETY: as for `spread`; 4 numbers can be written, and need not be aligned.
        unsafe {
            let halves = _mm256_hadd_ps(_mm256_hadd_ps(a.0, b.0), _mm256_hadd_ps(c.0, d.0));
            let sum = _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps::<1>(halves));
            _mm_storeu_ps(sums.as_mut_ptr(), sum);
        }
        sums
    }
    #[inline(always)]
    fn store(self) -> [f32; 8] {
        let mut numbers = [0.0; 8];
        // SAFETY: as for `spread`; 8 numbers can be written, and need not be aligned.
        unsafe { _mm256_storeu_ps(numbers.as_mut_ptr(), self.0) };
        numbers
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Numbers(unsafe { _mm256_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Numbers(unsafe { _mm256_sub_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Numbers(unsafe { _mm256_mul_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        Numbers(unsafe { _mm256_min_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn multiply_add(self, other: Self, sum: Self) -> Self {
        // SAFETY: as for `spread`.
        Numbers(unsafe { _mm256_fmadd_ps(self.0, other.0, sum.0) })
    }
    #[inline(always)]
    fn at_least(self, other: Self) -> u32 {
        // SAFETY: as for `spread`.
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(self.0, other.0)) as u32 }
    }
}

/// A register of 4 numbers.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct LongNumbers(__m256d);

impl Doubles for LongNumbers {
    #[inline(always)]
    fn spread(number: f64) -> Self {
        // SAFETY: the type is named where the instruction set is there, by `Lanes::Doubles` of a vector of it.
        LongNumbers(unsafe { _mm256_set1_pd(number) })
    }
    #[inline(always)]
    fn from_integers([a, b, c, d]: [i32; 4]) -> Self {
        // SAFETY: as for `spread`.
        LongNumbers(unsafe { _mm256_cvtepi32_pd(_mm_setr_epi32(a, b, c, d)) })
    }
    #[inline(always)]
    fn store(self) -> [f64; 4] {
        let mut numbers = [0.0; 4];
        // SAFETY: as for `spread`; 4 numbers can be written, and need not be aligned.
        unsafe { _mm256_storeu_pd(numbers.as_mut_ptr(), self.0) };
        numbers
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        LongNumbers(unsafe { _mm256_add_pd(self.0, other.0) })
    }
    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        LongNumbers(unsafe { _mm256_mul_pd(self.0, other.0) })
    }
    #[inline(always)]
    fn divide(self, other: Self) -> Self {
        // SAFETY: as for `spread`.
        LongNumbers(unsafe { _mm256_div_pd(self.0, other.0) })
    }
    #[inline(always)]
    fn square_root(self) -> Self {
        // SAFETY: as for `spread`.
        LongNumbers(unsafe { _mm256_sqrt_pd(self.0) })
    }
    #[inline(always)]
    fn multiply_add(self, other: Self, sum: Self) -> Self {
        // SAFETY: as for `spread`.
        LongNumbers(unsafe { _mm256_fmadd_pd(self.0, other.0, sum.0) })
    }
    #[inline(always)]
    fn subtract_product(self, other: Self, from: Self) -> Self {
        // SAFETY: as for `spread`.
        LongNumbers(unsafe { _mm256_fnmadd_pd(self.0, other.0, from.0) })
    }
    #[inline(always)]
    fn is_greater(self, other: Self) -> u32 {
        // SAFETY: as for `spread`.
        unsafe { _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_GT_OQ>(self.0, other.0)) as u32 }
    }
}

/// Does the work compiled for AVX2.
///
/// # Panics
/// When this machine lacks the instructions.
pub(crate) fn run<W: Work>(work: W) -> W::Output {
    assert!(Instructions::Avx2.is_available(), "this machine lacks the instructions");
    // SAFETY: the machine has the instructions.
    unsafe { compiled(work) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn compiled<W: Work>(work: W) -> W::Output {
    work.run::<Vector>()
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn alone<P: Piece<Vector>>(piece: P) -> P::Output {
    piece.run()
}

/// An instruction that is none, but for the compiler, which does not know that.
#[inline]
#[target_feature(enable = "avx2")]
fn settle(mut register: __m256i) -> __m256i {
    // SAFETY: it is a comment for the assembler: nothing is done.
    unsafe { asm!("/* {0} */", inout(ymm_reg) register, options(pure, nomem, nostack, preserves_flags)) };
    register
}

/// [`Lanes::transpose`].
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn transpose(words: &[u32; 32]) -> [u32; 32] {
    // From four words of each half, first all their first bytes, and so on; then for each byte those of eight words side by side.
    let bytes = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    let halves = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let mut eights = [_mm256_setzero_si256(); 4];
    for (eight, words) in eights.iter_mut().zip(words.as_chunks::<8>().0) {
        // SAFETY: eight words can be read, and need not be aligned.
        let words = unsafe { _mm256_loadu_si256(words.as_ptr().cast()) };
        *eight = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(words, bytes), halves);
    }
    let [a, b, c, d] = eights;
    // Bytes 0 and 2 of the first 16 words, and of the others; bytes 1 and 3.
    let (even, even_of_others) = (_mm256_unpacklo_epi64(a, b), _mm256_unpacklo_epi64(c, d));
    let (odd, odd_of_others) = (_mm256_unpackhi_epi64(a, b), _mm256_unpackhi_epi64(c, d));
    let of_all = [
        _mm256_permute2x128_si256::<0x20>(even, even_of_others),
        _mm256_permute2x128_si256::<0x20>(odd, odd_of_others),
        _mm256_permute2x128_si256::<0x31>(even, even_of_others),
        _mm256_permute2x128_si256::<0x31>(odd, odd_of_others),
    ];
    let mut turned = [0; 32];
    for (turned, mut bytes) in turned.as_chunks_mut::<8>().0.iter_mut().zip(of_all) {
        // The highest bit of each, and then the next.
        for turned in turned.iter_mut().rev() {
            *turned = _mm256_movemask_epi8(bytes).cast_unsigned();
            bytes = _mm256_add_epi8(bytes, bytes);
        }
    }
    turned
}
