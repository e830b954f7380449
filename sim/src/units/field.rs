//! Fields of beats, read a word at a time: the simulator reads some in every cycle.

use seedlm_codec::bits::sign_extend;

/// A field of `width` bits (1..=128) from bit `start` on.
pub fn field(bytes: &[u8], start: usize, width: usize) -> u128 {
    let (first, shift) = (start / 8, start % 8);
    let mut window = [0; 16];
    let count = (bytes.len() - first).min(window.len());
    window[..count].copy_from_slice(&bytes[first..first + count]);
    let mut value = u128::from_le_bytes(window) >> shift;
    if shift + width > 128 {
        value |= u128::from(bytes[first + 16]) << (128 - shift);
    }
    if width < 128 { value & ((1 << width) - 1) } else { value }
}

/// As [`field`], two's complement, of at most 64 bits.
pub fn signed_field(bytes: &[u8], start: usize, width: usize) -> i64 {
    sign_extend(field(bytes, start, width), width as u32) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use seedlm_codec::bits::read_field;

    proptest! {
        #[test]
        fn fields_are_those_of_the_codec(
            bytes in prop::collection::vec(any::<u8>(), 1..40), start in 0_usize..300, width in 1_usize..=128
        ) {
            prop_assume!(start + width <= 8 * bytes.len());
            prop_assert_eq!(field(&bytes, start, width), read_field(&bytes, start, width));
        }
    }
}
