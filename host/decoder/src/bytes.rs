//! Numbers to 8-bit integers.
#![allow(unsafe_code)]

use crate::loops;
use crate::stores::Stores;
#[cfg(target_arch = "x86_64")]
use crate::stores::store_32;
use seedlm_instructions::Instructions;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// `round(value * factor)`, ties to even, where the magnitude of the result is at most 127 and the product is exact.
///
/// # Panics
/// When this machine lacks the instructions, or there are not as many places as values.
pub(crate) fn round(instructions: Instructions, values: &[f32], factor: f32, stores: Stores, out: &mut [i8]) {
    assert_eq!(values.len(), out.len(), "a place for each value");
    assert!(instructions.is_available(), "this machine lacks the instructions");
    #[cfg(not(target_arch = "x86_64"))]
    let _ = stores;
    let done = match instructions {
        // SAFETY: the machine has AVX2; memory is aligned for stores around the caches, which the caller has a fence follow.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 | Instructions::Avx512 => unsafe {
            match stores.width(out) {
                0 => vectors::<0>(values, factor, out),
                16 => vectors::<16>(values, factor, out),
                _ => vectors::<32>(values, factor, out),
            }
        },
        _ => 0,
    };
    loops::round_to_i8(instructions, &values[done..], factor, &mut out[done..]);
}

/// Those that make whole vectors; returns how many.
///
/// # Safety
/// As for [`store_32`], of every 32 places.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn vectors<const WIDTH: usize>(values: &[f32], factor: f32, out: &mut [i8]) -> usize {
    let factor = _mm256_set1_ps(factor);
    // Packing works on the two halves of a vector: this brings fours of bytes back to their places.
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let vectors = values.as_chunks::<32>().0.iter().zip(out.as_chunks_mut::<32>().0);
    let done = 32 * vectors.len();
    for (values, places) in vectors {
        let integers = |eight: usize| {
            // SAFETY: the 8 numbers are there.
            let values = unsafe { _mm256_loadu_ps(values[8 * eight..][..8].as_ptr()) };
            // To nearest, ties to even.
            _mm256_cvtps_epi32(_mm256_mul_ps(values, factor))
        };
        let pairs = |eight: usize| _mm256_packs_epi32(integers(eight), integers(eight + 1));
        let bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(pairs(0), pairs(2)), order);
        // SAFETY: the caller's.
        unsafe { store_32::<WIDTH, _>(places.as_mut_ptr(), bytes) }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::Fence;

    #[test]
    fn bytes_arrive_wherever_they_begin_and_end() {
        // Halves between all integers that are there, and the integers; times 4, which the factor takes back.
        let values: Vec<f32> = (-254_i16..=254).map(|half| f32::from(half) * 2.0).collect();
        let expected: Vec<i8> = values
            .iter()
            .map(|value| (value * 0.25).round_ties_even() as i8)
            .collect();
        let mut room = vec![0_i8; 700];
        let aligned = room.as_ptr().align_offset(32);
        for instructions in Instructions::available() {
            for stores in [Stores::Plain, Stores::Around] {
                for start in aligned..aligned + 33 {
                    for count in (0..100).chain([values.len()]) {
                        room.fill(-128);
                        let out = &mut room[start..start + count];
                        round(instructions, &values[..count], 0.25, stores, out);
                        drop(Fence);
                        assert_eq!(*out, expected[..count]);
                        assert!(room[..start].iter().all(|&byte| byte == -128));
                        assert!(room[start + count..].iter().all(|&byte| byte == -128));
                    }
                }
            }
        }
    }
}
