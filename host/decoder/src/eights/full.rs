//! To `f32`.
#![allow(unsafe_code)]

use super::Eights;
use super::places::Places;
use crate::stores::{Stores, around_16, around_32};
use std::arch::x86_64::*;

/// An output that is written `WIDTH` bytes at a time around the caches, or as usual if that is 0.
pub(crate) struct Full<'a, const WIDTH: usize> {
    places: Places<'a, f32>,
    /// Where the output begins 16 bytes after a multiple of 32: the last eight numbers, the upper half of which has not been stored.
    previous: __m256i,
}

impl<'a, const WIDTH: usize> Eights for Full<'a, WIDTH> {
    type Output = &'a mut [f32];

    /// `WIDTH` must be [`Stores::width`] of the output, or 0.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn begin(output: &'a mut [f32]) -> Self {
        debug_assert!(WIDTH == 0 || WIDTH == Stores::Around.width(output), "memory is aligned");
        Full {
            places: Places::new(output),
            previous: _mm256_setzero_si256(),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn push(&mut self, weights: __m256) {
        let numbers = _mm256_castps_si256(weights);
        let next = self.places.next();
        // SAFETY: the places are there, and so are those of the half that was not stored.
        unsafe {
            match WIDTH {
                0 => _mm256_storeu_ps(next, weights),
                16 if self.places.is_at_start() => around_16(next, _mm256_castsi256_si128(numbers)),
                // The upper half before, then the lower half now.
                16 => around_32(next.sub(4), _mm256_permute2x128_si256::<0x21>(self.previous, numbers)),
                32 => around_32(next, numbers),
                _ => unreachable!("no stores of {WIDTH} bytes"),
            }
            self.places.pass(8);
        }
        self.previous = numbers;
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn end(self, last: &[f32]) {
        if WIDTH == 16 && !self.places.is_at_start() {
            // SAFETY: the last half has its places.
            unsafe {
                around_16(self.places.next().sub(4), _mm256_extracti128_si256::<1>(self.previous));
            }
        }
        self.places.rest().copy_from_slice(last);
    }
}

#[cfg(test)]
mod tests {
    use crate::destination::Destination;
    use crate::eights::test_rows::{Numbers, has_vectors};
    use crate::stores::{Fence, Stores};

    #[test]
    fn weights_arrive_wherever_they_begin_and_end() {
        if !has_vectors() {
            return;
        }
        let numbers: Vec<f32> = (1_u16..=60).map(f32::from).collect();
        let mut room = vec![0.0; 90];
        let aligned = room.as_ptr().align_offset(32);
        for stores in [Stores::Plain, Stores::Around] {
            for start in aligned..aligned + 9 {
                for count in 0..=numbers.len() {
                    room.fill(-1.0);
                    let out = &mut room[start..start + count];
                    assert_eq!(Stores::Plain.width(out), 0);
                    assert_eq!(
                        Stores::Around.width(out),
                        [32, 0, 0, 0, 16, 0, 0, 0][(start - aligned) % 8]
                    );
                    Destination::Full { out, stores }.receive(Numbers(&numbers));
                    drop(Fence);
                    assert_eq!(room[start..start + count], numbers[..count]);
                    assert!(room[..start].iter().all(|&number| number == -1.0));
                    assert!(room[start + count..].iter().all(|&number| number == -1.0));
                }
            }
        }
    }
}
