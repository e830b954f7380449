//! Weights from vectors, eight at a time, to where they are wanted.
//!
//! Loops that decode with vectors are generic over what becomes of the weights, so that all is done in one go: writing them for another
//! loop that reads them takes instructions, and those are what decoding waits for.
#![allow(unsafe_code)]

pub(crate) mod bfloat;
pub(crate) mod full;
pub(crate) mod largest;
pub(crate) mod products;

mod places;

use seedlm_instructions::Instructions;
use std::arch::x86_64::*;

/// Takes the weights of a row, eight by eight.
pub(crate) trait Eights: Sized {
    /// Where it takes them to.
    type Output;

    /// Nothing taken yet. A loop calls this by itself: what is made in front of it stays in memory, not in registers.
    ///
    /// # Safety
    /// The machine has AVX2. With stores around the caches, the output is aligned for them, and a [`Fence`](crate::stores::Fence) follows before
    /// anybody reads it.
    unsafe fn begin(output: Self::Output) -> Self;

    /// The next eight.
    ///
    /// # Safety
    /// The machine has AVX2, and the row has so many more columns.
    unsafe fn push(&mut self, weights: __m256);

    /// The next two eights.
    ///
    /// # Safety
    /// The machine has AVX2, and the row has so many more columns.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn push_two(&mut self, first: __m256, second: __m256) {
        // SAFETY: the caller's.
        unsafe {
            self.push(first);
            self.push(second);
        }
    }

    /// The last ones, fewer than eight, which ends the row. Without it, the last numbers may not be stored.
    ///
    /// # Panics
    /// When these are not all that are left.
    ///
    /// # Safety
    /// The machine has AVX2.
    unsafe fn end(self, last: &[f32]);
}

/// A row, or what is stored of it.
pub(crate) trait Row {
    /// What it is decoded with, AVX2 or more.
    const INSTRUCTIONS: Instructions;

    /// Decodes `columns` weights to an output.
    ///
    /// # Panics
    /// When less is stored.
    ///
    /// # Safety
    /// The machine has the instructions. The output has so many places, and is fit for [`Eights::begin`].
    unsafe fn decode<E: Eights>(self, columns: usize, output: E::Output);
}

#[cfg(test)]
mod test_rows {
    use super::*;

    /// Numbers as they are.
    pub(super) struct Numbers<'a>(pub(super) &'a [f32]);

    impl Row for Numbers<'_> {
        const INSTRUCTIONS: Instructions = Instructions::Avx2;

        #[target_feature(enable = "avx2")]
        unsafe fn decode<E: Eights>(self, columns: usize, output: E::Output) {
            // SAFETY: the caller's.
            let mut out = unsafe { E::begin(output) };
            let (eights, last) = self.0[..columns].as_chunks::<8>();
            let eight = |index: usize| {
                let eight: &[f32; 8] = &eights[index];
                // SAFETY: the 8 numbers are there.
                unsafe { _mm256_loadu_ps(eight.as_ptr()) }
            };
            let mut index = 0;
            // SAFETY: there are places, one for each column.
            unsafe {
                // By one and by two, so that either comes after the other one.
                while index < eights.len() {
                    if index % 3 == 0 || index + 1 == eights.len() {
                        out.push(eight(index));
                        index += 1;
                    } else {
                        out.push_two(eight(index), eight(index + 1));
                        index += 2;
                    }
                }
                out.end(last);
            }
        }
    }

    /// Whether there is anything to test: nothing else takes weights by eights.
    pub(super) fn has_vectors() -> bool {
        Instructions::Avx2.is_available()
    }
}
