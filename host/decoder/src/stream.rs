//! Copies that go around the caches: a plain store of a large output first reads each line that it is about to replace.
#![allow(unsafe_code)]

use seedlm_instructions::Instructions;

/// Outputs of at least so many bytes go around the caches. Smaller ones may still be in a cache when they are used.
const LARGE: usize = 32 << 20;

/// Bytes of a line of the caches.
const LINE: usize = 64;

/// Whether an output is so large that it should go around the caches.
pub(crate) fn pays<T>(out: &[T]) -> bool {
    cfg!(target_arch = "x86_64") && size_of_val(out) >= LARGE
}

/// A number without padding, of which a line holds a whole number.
pub(crate) trait Number: Copy {}
impl Number for f32 {}
impl Number for half::bf16 {}

/// Stores around the caches, by one thread. Such stores wait for no others: a fence, when this is dropped, makes them visible to
/// whoever synchronises with the thread later. One for each copy would cost more than the caches do.
#[derive(Default)]
pub(crate) struct Stream {
    #[cfg(target_arch = "x86_64")]
    has_stored: bool,
}

impl Stream {
    /// Copies, whole lines of `to` around the caches.
    pub(crate) fn copy<T: Number>(&mut self, instructions: Instructions, from: &[T], to: &mut [T]) {
        assert_eq!(from.len(), to.len(), "a copy has the length of the original");
        #[cfg(target_arch = "x86_64")]
        {
            self.has_stored = true;
        }
        let per_line = LINE / size_of::<T>();
        let head = to.as_ptr().align_offset(LINE).min(to.len());
        let (from_head, from) = from.split_at(head);
        let (to_head, to) = to.split_at_mut(head);
        to_head.copy_from_slice(from_head);
        let whole = to.len() / per_line * per_line;
        let (from, from_tail) = from.split_at(whole);
        let (to, to_tail) = to.split_at_mut(whole);
        lines(instructions, from, to);
        to_tail.copy_from_slice(from_tail);
    }
}

#[cfg(target_arch = "x86_64")]
impl Drop for Stream {
    fn drop(&mut self) {
        if self.has_stored {
            // SAFETY: every x86-64 has SSE.
            unsafe { std::arch::x86_64::_mm_sfence() }
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn lines<T: Number>(instructions: Instructions, from: &[T], to: &mut [T]) {
    assert!(instructions.is_available(), "this machine lacks the instructions");
    let lines = size_of_val(to) / LINE;
    let (from, to) = (from.as_ptr().cast::<u8>(), to.as_mut_ptr().cast::<u8>());
    // SAFETY: the machine has the instructions; `lines` lines are there at both ends, and do not overlap; `to` begins at a line,
    // or there are none. `Stream` fences.
    unsafe {
        match instructions {
            Instructions::Avx512 => x86::lines_512(from, to, lines),
            Instructions::Avx2 => x86::lines_256(from, to, lines),
            Instructions::Scalar => x86::lines_128(from, to, lines),
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn lines<T: Number>(_: Instructions, from: &[T], to: &mut [T]) {
    to.copy_from_slice(from);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::LINE;
    use std::arch::x86_64::*;

    /// Defines a copy of lines with vectors of some width.
    macro_rules! lines {
        ($name:ident, $features:literal, $width:literal, $load:ident, $stream:ident) => {
            /// # Safety
            /// `lines` lines can be read and written there, they do not overlap, and `to` is a multiple of [`LINE`] if there are any. A
            /// fence must follow before anybody reads them.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name(from: *const u8, to: *mut u8, lines: usize) {
                for offset in (0..lines * LINE).step_by($width) {
                    // SAFETY: within the lines; `to` is aligned to its width.
                    unsafe { $stream(to.add(offset).cast(), $load(from.add(offset).cast())) }
                }
            }
        };
    }

    lines!(lines_128, "sse2", 16, _mm_loadu_si128, _mm_stream_si128);
    lines!(lines_256, "avx2", 32, _mm256_loadu_si256, _mm256_stream_si256);
    lines!(lines_512, "avx512f", 64, _mm512_loadu_si512, _mm512_stream_si512);
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::bf16;

    #[test]
    fn copies_are_copies_wherever_they_begin() {
        let numbers: Vec<f32> = (0_u16..200).map(f32::from).collect();
        for instructions in Instructions::available() {
            for (start, end) in (0..20).flat_map(|start| (start..start + 150).step_by(7).map(move |end| (start, end))) {
                let mut copied = vec![-1.0; 200];
                Stream::default().copy(instructions, &numbers[start..end], &mut copied[start..end]);
                let expected = |index: usize| {
                    if (start..end).contains(&index) {
                        numbers[index]
                    } else {
                        -1.0
                    }
                };
                assert!(
                    copied
                        .iter()
                        .enumerate()
                        .all(|(index, &number)| number == expected(index))
                );
            }
            let narrow: Vec<bf16> = numbers.iter().copied().map(bf16::from_f32).collect();
            let mut copied = vec![bf16::ZERO; 199];
            Stream::default().copy(instructions, &narrow[1..], &mut copied);
            assert_eq!(copied, narrow[1..]);
        }
    }

    #[test]
    fn only_large_outputs_go_around_the_caches() {
        // Zeros that nobody writes take no memory.
        let large = vec![0_f32; LARGE / size_of::<f32>()];
        assert_eq!(pays(&large), cfg!(target_arch = "x86_64"));
        assert!(!pays(&large[1..]));
    }
}
