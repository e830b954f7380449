//! How decoded numbers are stored: as usual, or around the caches.
//!
//! On many processors a plain store to memory that is in no cache first reads the line that it is about to replace; stores around the
//! caches do not. They pay where they take turns with arithmetic, vector by vector: when a piece is decoded first and copied then, the
//! processor waits for memory in between.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::{asm, x86_64::*};

/// Outputs of at least so many bytes go around the caches. Smaller ones may still be in a cache when they are used.
const LARGE: usize = 32 << 20;

/// How an output is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stores {
    /// As usual.
    Plain,
    /// Around the caches, where vector instructions decode and memory is aligned. A [`Fence`] must follow.
    Around,
}

impl Stores {
    /// For a whole output, of which threads write a part each.
    pub(crate) fn for_output<T>(out: &[T]) -> Self {
        if size_of_val(out) >= LARGE {
            Stores::Around
        } else {
            Stores::Plain
        }
    }

    /// Bytes that go around the caches at once when every vector begins a multiple of 32 bytes after `out`, for which memory must be
    /// aligned: 32, 16, or 0 if stores must be plain. Large allocations often begin 16 bytes after a multiple of 32.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn width<T>(self, out: &[T]) -> usize {
        match self {
            Stores::Plain => 0,
            Stores::Around => [32, 16]
                .into_iter()
                .find(|&width| out.as_ptr().addr().is_multiple_of(width))
                .unwrap_or(0),
        }
    }
}

/// Stores around the caches wait for no others: a fence, when this is dropped by the thread that stored, makes them visible to whoever
/// synchronises with the thread later. One for each row would make decoding wait.
#[derive(Default)]
pub(crate) struct Fence;

impl Drop for Fence {
    fn drop(&mut self) {
        // SAFETY: every x86-64 has SSE.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            _mm_sfence()
        }
    }
}

/// Stores 16 bytes around the caches. The intrinsics stand for the instructions of SSE even beside those of AVX, and some processors take
/// long to go from one kind to the other.
///
/// # Safety
/// The places are there, a multiple of 16 bytes, and a [`Fence`] follows before anybody reads them.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn around_16<T>(places: *mut T, bytes: __m128i) {
    // SAFETY: the caller's.
    unsafe {
        asm!("vmovntdq xmmword ptr [{}], {}", in(reg) places, in(xmm_reg) bytes, options(nostack, preserves_flags));
    }
}

/// Stores 32 bytes around the caches.
///
/// # Safety
/// The places are there, a multiple of 32 bytes, and a [`Fence`] follows before anybody reads them.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn around_32<T>(places: *mut T, bytes: __m256i) {
    // SAFETY: the caller's.
    unsafe {
        asm!("vmovntdq ymmword ptr [{}], {}", in(reg) places, in(ymm_reg) bytes, options(nostack, preserves_flags));
    }
}

/// Stores 32 bytes, `WIDTH` at a time around the caches, or as usual if that is 0.
///
/// # Safety
/// The places are there. If `WIDTH` is not 0, they are a multiple of so many bytes, and a [`Fence`] follows before anybody reads them.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn store_32<const WIDTH: usize, T>(places: *mut T, bytes: __m256i) {
    // SAFETY: the caller's.
    unsafe {
        match WIDTH {
            0 => _mm256_storeu_si256(places.cast(), bytes),
            16 => {
                around_16(places, _mm256_castsi256_si128(bytes));
                around_16(places.byte_add(16), _mm256_extracti128_si256::<1>(bytes));
            }
            32 => around_32(places, bytes),
            _ => unreachable!("no stores of {WIDTH} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_outputs_go_around_the_caches() {
        // Zeros that nobody writes take no memory.
        let large = vec![0_f32; LARGE / size_of::<f32>()];
        assert_eq!(Stores::for_output(&large), Stores::Around);
        assert_eq!(Stores::for_output(&large[1..]), Stores::Plain);
    }
}
