//! Bit fields in byte strings, least significant bit first.
//!
//! Bit `i` of a stream is bit `i % 8` of byte `i / 8`, and a field's least significant bit comes first: the bit order
//! of `docs/format.md`. `bitvec`'s `Lsb0` order on bytes is exactly that, so the rule is spelled out once, here.

use bitvec::field::BitField;
use bitvec::order::Lsb0;
use bitvec::view::BitView;

/// The field of `width` bits (1..=128) that starts at bit `start` of `bytes`.
///
/// # Panics
/// When the field is empty, wider than 128 bits, or reaches beyond the bytes.
pub fn read_field(bytes: &[u8], start: usize, width: usize) -> u128 {
    bytes.view_bits::<Lsb0>()[start..start + width].load_le()
}

/// Writes the low `width` bits (1..=128) of `value` at bit `start` of `bytes`.
///
/// # Panics
/// When the field is empty, wider than 128 bits, or reaches beyond the bytes.
pub fn write_field(bytes: &mut [u8], start: usize, width: usize, value: u128) {
    bytes.view_bits_mut::<Lsb0>()[start..start + width].store_le(value);
}

/// The low `width` bits of `value` read as a two's complement number.
pub fn sign_extend(value: u128, width: u32) -> i128 {
    let shift = 128 - width;
    ((value << shift) as i128) >> shift
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_bit_is_the_lowest_of_the_first_byte() {
        let mut bytes = [0_u8; 3];
        write_field(&mut bytes, 0, 1, 1);
        write_field(&mut bytes, 6, 4, 0b1001);
        write_field(&mut bytes, 12, 12, 0xabc);
        assert_eq!(bytes, [0b0100_0001, 0b1100_0010, 0xab]);
        assert_eq!(read_field(&bytes, 12, 12), 0xabc);
    }

    proptest! {
        #[test]
        fn a_field_is_its_bits_one_by_one(bytes in prop::collection::vec(any::<u8>(), 20..40), start in 0_usize..30, width in 1_usize..=128) {
            let bit = |index: usize| u128::from(bytes[index / 8] >> (index % 8) & 1);
            let expected = (0..width).fold(0, |field, i| field | bit(start + i) << i);
            prop_assert_eq!(read_field(&bytes, start, width), expected);
            let mut copy = vec![0; bytes.len()];
            write_field(&mut copy, start, width, expected);
            prop_assert_eq!(read_field(&copy, start, width), expected);
        }

        #[test]
        fn sign_extension_is_the_two_s_complement(value in -64_i128..64, width in 7_u32..=128) {
            prop_assert_eq!(sign_extend(value as u128, width), value);
        }
    }
}
