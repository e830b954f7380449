//! Values of ports as bytes, lowest first.

use seedlm_codec::bits::write_field;

/// One number of `width` bits (at most 64); bits above are cut off.
pub fn number(value: u64, width: usize) -> Vec<u8> {
    fields([i128::from(value)], width)
}

/// One bit.
pub fn bit(value: bool) -> Vec<u8> {
    vec![u8::from(value)]
}

/// Fields of `width` bits (at most 127) next to each other, lowest first, in two's complement; bits above are cut off.
pub fn fields(values: impl IntoIterator<Item = i128>, width: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut position = 0;
    for value in values {
        bytes.resize((position + width).div_ceil(8), 0);
        write_field(&mut bytes, position, width, value as u128 & ((1 << width) - 1));
        position += width;
    }
    bytes
}

/// As hexadecimal digits, highest first.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect()
}
