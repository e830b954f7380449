//! How decoded numbers are stored: as usual, or around the caches.
//!
//! On many processors a plain store to memory that is in no cache first reads the line that it is about to replace; stores around the
//! caches do not. They pay only where they take turns with the decoding, vector by vector: when a piece is decoded first and copied then,
//! the processor waits for memory in between.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::{asm, x86_64::*};
#[cfg(target_arch = "x86_64")]
use std::marker::PhantomData;

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
    pub(crate) fn width(self, out: &[f32]) -> usize {
        match self {
            Stores::Plain => 0,
            Stores::Around => [32, 16]
                .into_iter()
                .find(|&width| out.as_ptr().addr().is_multiple_of(width))
                .unwrap_or(0),
        }
    }
}

/// Calls a function that is generic over the width of its stores, for [`Stores::width`] of the output, its last argument: what
/// [`Eights::new`] asks for.
#[cfg(target_arch = "x86_64")]
macro_rules! at_width {
    ($stores:expr, $function:ident($($argument:expr),*; $out:expr)) => {
        match $stores.width($out) {
            0 => $function::<0>($($argument,)* $out),
            16 => $function::<16>($($argument,)* $out),
            _ => $function::<32>($($argument,)* $out),
        }
    };
}
#[cfg(target_arch = "x86_64")]
pub(crate) use at_width;

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

/// An output that is written by eight numbers, `WIDTH` bytes at a time around the caches, or as usual if that is 0.
#[cfg(target_arch = "x86_64")]
pub(crate) struct Eights<'a, const WIDTH: usize> {
    start: *mut f32,
    /// Where the next eight belong.
    next: *mut f32,
    length: usize,
    /// Where the output begins 16 bytes after a multiple of 32: the last eight numbers, the upper half of which has not been stored.
    previous: __m256,
    output: PhantomData<&'a mut [f32]>,
}

#[cfg(target_arch = "x86_64")]
impl<'a, const WIDTH: usize> Eights<'a, WIDTH> {
    /// Nothing written yet. [`Eights::end`] must follow, or the last numbers may not be stored.
    ///
    /// # Safety
    /// `WIDTH` is [`Stores::width`] of `out`. If it is not 0, a [`Fence`] follows before anybody reads the numbers.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(crate) unsafe fn new(out: &'a mut [f32]) -> Self {
        debug_assert!(WIDTH == 0 || WIDTH == Stores::Around.width(out), "memory is aligned");
        let start = out.as_mut_ptr();
        Eights {
            start,
            next: start,
            length: out.len(),
            previous: _mm256_setzero_ps(),
            output: PhantomData,
        }
    }

    /// The next eight.
    ///
    /// # Safety
    /// There are places for them.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(crate) unsafe fn push(&mut self, numbers: __m256) {
        // SAFETY: the places are there, and so are those of the half that was not stored.
        unsafe {
            match WIDTH {
                0 => _mm256_storeu_ps(self.next, numbers),
                16 if self.next == self.start => stream_4(self.next, _mm256_castps256_ps128(numbers)),
                // The upper half before, then the lower half now.
                16 => _mm256_stream_ps(self.next.sub(4), _mm256_permute2f128_ps::<0x21>(self.previous, numbers)),
                32 => _mm256_stream_ps(self.next, numbers),
                _ => unreachable!("no stores of {WIDTH} bytes"),
            }
            self.next = self.next.add(8);
        }
        self.previous = numbers;
    }

    /// Writes what has not been written, and returns the places after it.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(crate) fn end(self) -> &'a mut [f32] {
        // SAFETY: both are within the output, which was borrowed for as long, and the last half has its places.
        unsafe {
            if WIDTH == 16 && self.next != self.start {
                stream_4(self.next.sub(4), _mm256_extractf128_ps::<1>(self.previous));
            }
            let written = self.next.offset_from_unsigned(self.start);
            std::slice::from_raw_parts_mut(self.next, self.length - written)
        }
    }
}

/// Stores four numbers at a multiple of 16 bytes around the caches. `_mm_stream_ps` stands for the instruction of SSE even beside those of
/// AVX, and some processors take long to go from one kind to the other.
///
/// # Safety
/// The places are there, a multiple of 16 bytes, and a [`Fence`] follows.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn stream_4(place: *mut f32, numbers: __m128) {
    // SAFETY: the caller's.
    unsafe {
        asm!("vmovntps xmmword ptr [{}], {}", in(reg) place, in(xmm_reg) numbers, options(nostack, preserves_flags));
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

    #[cfg(target_arch = "x86_64")]
    mod x86 {
        use super::*;
        use seedlm_instructions::Instructions;

        #[target_feature(enable = "avx2")]
        unsafe fn write<const WIDTH: usize>(eights: &[[f32; 8]], out: &mut [f32]) -> usize {
            // SAFETY: the caller has aligned the output, which has room for all.
            unsafe {
                let mut out = Eights::<WIDTH>::new(out);
                for eight in eights {
                    out.push(_mm256_loadu_ps(eight.as_ptr()));
                }
                out.end().len()
            }
        }

        #[test]
        fn eights_arrive_wherever_they_begin_and_end() {
            if !Instructions::Avx2.is_available() {
                // Nothing else writes by eights.
                return;
            }
            let numbers: Vec<f32> = (1_u16..=40).map(f32::from).collect();
            let eights = numbers.as_chunks().0;
            let mut room = vec![0.0; 80];
            let aligned = room.as_ptr().align_offset(32);
            for start in aligned..aligned + 9 {
                for (count, rest) in (0..=5).flat_map(|count| [0, 1, 7, 8].map(|rest| (count, rest))) {
                    room.fill(-1.0);
                    let end = start + 8 * count + rest;
                    let out = &mut room[start..end];
                    let width = Stores::Around.width(out);
                    assert_eq!(width, [32, 0, 0, 0, 16, 0, 0, 0][(start - aligned) % 8]);
                    assert_eq!(Stores::Plain.width(out), 0);
                    // SAFETY: the machine has AVX2, and the output is aligned and has room.
                    let left = unsafe {
                        match width {
                            0 => write::<0>(&eights[..count], out),
                            16 => write::<16>(&eights[..count], out),
                            _ => write::<32>(&eights[..count], out),
                        }
                    };
                    drop(Fence);
                    assert_eq!(left, rest);
                    let written = start..end - rest;
                    assert_eq!(room[written.clone()], numbers[..8 * count]);
                    assert!(room[..written.start].iter().all(|&number| number == -1.0));
                    assert!(room[written.end..].iter().all(|&number| number == -1.0));
                }
            }
        }
    }
}
