//! Copies that go around the caches: on many processors a plain store of a large output first reads each line that it is about to
//! replace. Those of AMD store whole lines as fast without (measured on Zen 4), and decode meanwhile; there the copies would only
//! take time.
#![allow(unsafe_code)]

use seedlm_instructions::Instructions;

/// Outputs of at least so many bytes go around the caches. Smaller ones may still be in a cache when they are used.
const LARGE: usize = 32 << 20;

/// Bytes of a line of the caches.
const LINE: usize = 64;

/// Whether an output is so large that it should go around the caches, on this machine.
pub(crate) fn pays<T>(out: &[T]) -> bool {
    size_of_val(out) >= LARGE && plain_stores_read()
}

/// Whether plain stores of whole lines read them first, as far as that is known.
#[cfg(target_arch = "x86_64")]
fn plain_stores_read() -> bool {
    use std::arch::x86_64::__cpuid;
    use std::sync::LazyLock;
    static READ: LazyLock<bool> = LazyLock::new(|| {
        // The processor's maker, in three words.
        let maker = __cpuid(0);
        [maker.ebx, maker.edx, maker.ecx].map(u32::to_le_bytes).as_flattened() != b"AuthenticAMD"
    });
    *READ
}

#[cfg(not(target_arch = "x86_64"))]
fn plain_stores_read() -> bool {
    false
}

/// A number without padding, of which a line holds a whole number.
pub(crate) trait Number: Copy {
    /// Any of them.
    const ZERO: Self;
}
impl Number for f32 {
    const ZERO: Self = 0.0;
}

/// Stores around the caches, by one thread. Such stores wait for no others: a fence, when this is dropped, makes them visible to
/// whoever synchronises with the thread later. One for each copy would cost more than the caches do.
#[derive(Default)]
pub(crate) struct Stream {
    #[cfg(target_arch = "x86_64")]
    has_stored: bool,
}

/// Numbers on their way to a large output, piece by piece: whole lines go around the caches. A line that would be stored in two parts
/// is held until all of it is there.
pub(crate) struct Streamed<'a, T> {
    stream: &'a mut Stream,
    instructions: Instructions,
    out: &'a mut [T],
    written: usize,
    /// The front of a line, `held` numbers.
    line: [T; LINE / 2],
    held: usize,
}

impl Stream {
    /// Begins an output.
    pub(crate) fn begin<'a, T: Number>(&'a mut self, instructions: Instructions, out: &'a mut [T]) -> Streamed<'a, T> {
        Streamed {
            stream: self,
            instructions,
            out,
            written: 0,
            line: [T::ZERO; LINE / 2],
            held: 0,
        }
    }
}

impl<T: Number> Streamed<'_, T> {
    /// The next numbers. Those before the first line are stored as usual.
    pub(crate) fn push(&mut self, mut numbers: &[T]) {
        let per_line = LINE / size_of::<T>();
        let place = self.written + self.held;
        assert!(numbers.len() <= self.out.len() - place, "there is room for all numbers");
        let before = self.out[place..].as_ptr().align_offset(LINE).min(numbers.len());
        let (front, rest) = numbers.split_at(before);
        if self.held > 0 {
            self.line[self.held..self.held + before].copy_from_slice(front);
            self.held += before;
            if self.held < per_line {
                return;
            }
            let line = self.line;
            self.held = 0;
            self.lines(&line[..per_line]);
        } else {
            self.out[place..place + before].copy_from_slice(front);
            self.written += before;
        }
        numbers = rest;
        let (whole, rest) = numbers.split_at(numbers.len() / per_line * per_line);
        self.lines(whole);
        self.line[..rest.len()].copy_from_slice(rest);
        self.held = rest.len();
    }

    /// Whole lines, at the start of a line.
    fn lines(&mut self, numbers: &[T]) {
        let to = &mut self.out[self.written..][..numbers.len()];
        #[cfg(target_arch = "x86_64")]
        {
            self.stream.has_stored = true;
        }
        lines(self.instructions, numbers, to);
        self.written += numbers.len();
    }

    /// Stores what is held, as usual.
    pub(crate) fn end(self) {
        self.out[self.written..self.written + self.held].copy_from_slice(&self.line[..self.held]);
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

    #[test]
    fn pieces_arrive_wherever_they_begin_and_end() {
        let numbers: Vec<f32> = (0_u16..200).map(f32::from).collect();
        let places = (0..20).flat_map(|start| (start..start + 150).step_by(7).map(move |end| (start, end)));
        for (instructions, (start, end)) in Instructions::available()
            .into_iter()
            .flat_map(|set| places.clone().map(move |at| (set, at)))
        {
            for piece in [1, 3, 8, 24, 40, 150] {
                let mut copied = vec![-1.0; 200];
                let mut stream = Stream::default();
                let mut streamed = stream.begin(instructions, &mut copied[start..end]);
                numbers[start..end].chunks(piece).for_each(|piece| streamed.push(piece));
                streamed.end();
                drop(stream);
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
        }
    }

    #[test]
    fn only_large_outputs_go_around_the_caches() {
        // Zeros that nobody writes take no memory.
        let large = vec![0_f32; LARGE / size_of::<f32>()];
        assert_eq!(pays(&large), plain_stores_read());
        assert!(!pays(&large[1..]));
    }
}
