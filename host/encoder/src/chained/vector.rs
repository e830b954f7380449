//! Vectors of unsigned integers, as few operations as the search needs, for each instruction set.
//!
//! The search is written once over [`Lanes`]. Everything between a function with `#[target_feature]` and these operations
//! is `#[inline(always)]`, so that it is compiled for that instruction set.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;

use crate::each_lane::each_lane;

/// An unsigned integer of a lane.
pub(crate) trait Word: Copy {
    /// Its width in bits.
    const BITS: u32;
    /// The low bits of a number.
    fn low(value: u32) -> Self;
    /// The number.
    fn number(self) -> u32;
}

impl Word for u16 {
    const BITS: u32 = 16;
    #[inline(always)]
    fn low(value: u32) -> Self {
        value as u16
    }
    #[inline(always)]
    fn number(self) -> u32 {
        u32::from(self)
    }
}

impl Word for u32 {
    const BITS: u32 = 32;
    #[inline(always)]
    fn low(value: u32) -> Self {
        value
    }
    #[inline(always)]
    fn number(self) -> u32 {
        self
    }
}

/// A vector. Arithmetic wraps around.
pub(crate) trait Lanes: Copy {
    /// What is in a lane.
    type Word: Word;
    /// Number of lanes.
    const COUNT: usize;

    /// The same number in all lanes.
    fn splat(value: u32) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    /// To the left, by fewer bits than a lane has.
    fn shift_left(self, bits: u32) -> Self;
    /// The lanes of vectors, one vector after the other.
    fn words(vectors: &[Self]) -> &[Self::Word];
    /// The same, to be changed.
    fn words_mut(vectors: &mut [Self]) -> &mut [Self::Word];
}

/// Vectors that every machine has: the compiler makes of them what it can.
macro_rules! portable {
    ($word:ty, $count:literal) => {
        impl Lanes for [$word; $count] {
            type Word = $word;
            const COUNT: usize = $count;
            #[inline(always)]
            fn splat(value: u32) -> Self {
                [value as $word; $count]
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                each_lane(self, other, |a, b| a.wrapping_add(b))
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                each_lane(self, other, |a, b| a.wrapping_sub(b))
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                each_lane(self, other, |a, b| a.min(b))
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                each_lane(self, other, |a, b| a & b)
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                each_lane(self, other, |a, b| a | b)
            }
            #[inline(always)]
            fn shift_left(self, bits: u32) -> Self {
                each_lane(self, self, |a, _| a << bits)
            }
            #[inline(always)]
            fn words(vectors: &[Self]) -> &[$word] {
                vectors.as_flattened()
            }
            #[inline(always)]
            fn words_mut(vectors: &mut [Self]) -> &mut [$word] {
                vectors.as_flattened_mut()
            }
        }
    };
}

portable!(u16, 8);
portable!(u32, 8);

/// Vectors of an instruction set of x86-64, made of its intrinsics.
#[cfg(target_arch = "x86_64")]
macro_rules! x86_vector {
    ($name:ident, $register:ident, $word:ident, $count:literal, $splat:ident($signed:ident), $add:ident, $sub:ident, $min:ident, $and:ident, $or:ident, $shift:ident) => {
        /// A register of unsigned integers.
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        struct $name($register);

        impl Lanes for $name {
            type Word = $word;
            const COUNT: usize = $count;
            #[inline(always)]
            fn splat(value: u32) -> Self {
                // SAFETY: only this module can name the type, and it does so where the instruction set is there.
                $name(unsafe { $splat(value as $signed) })
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: as for `splat`.
                $name(unsafe { $add(self.0, other.0) })
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: as for `splat`.
                $name(unsafe { $sub(self.0, other.0) })
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                // SAFETY: as for `splat`.
                $name(unsafe { $min(self.0, other.0) })
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                // SAFETY: as for `splat`.
                $name(unsafe { $and(self.0, other.0) })
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                // SAFETY: as for `splat`.
                $name(unsafe { $or(self.0, other.0) })
            }
            #[inline(always)]
            fn shift_left(self, bits: u32) -> Self {
                // SAFETY: as for `splat`.
                $name(unsafe { $shift(self.0, _mm_cvtsi32_si128(bits as i32)) })
            }
            #[inline(always)]
            fn words(vectors: &[Self]) -> &[$word] {
                // SAFETY: a vector is COUNT words without padding, aligned more strictly; any bits are words.
                unsafe { std::slice::from_raw_parts(vectors.as_ptr().cast(), vectors.len() * $count) }
            }
            #[inline(always)]
            fn words_mut(vectors: &mut [Self]) -> &mut [$word] {
                // SAFETY: as for `words`; any words are a vector, and the borrow is exclusive.
                unsafe { std::slice::from_raw_parts_mut(vectors.as_mut_ptr().cast(), vectors.len() * $count) }
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
use x86_vector;
