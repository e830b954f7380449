//! `seedlm_crc32`: the CRC-32 of bytes, one a cycle.

use crate::netlist::expression::Expression;
use crate::netlist::module::Module;

/// CRC-32 (IEEE 802.3), its generator reversed: the lowest bit of a byte comes first.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// The checksum of the bytes so far, after one more.
fn step(checksum: u32, byte: u8) -> u32 {
    let shifted = |rest: u32, _| rest >> 1 ^ if rest & 1 == 1 { POLYNOMIAL } else { 0 };
    !(0..8).fold(!checksum ^ u32::from(byte), shifted)
}

/// The checksum register. It holds the checksum of the bytes so far itself, and that of none is zero.
pub fn crc32() -> Module {
    let mut m = Module::new(
        "seedlm_crc32",
        &[
            "CRC-32 (IEEE 802.3) of the bytes since clear, one a cycle. The register holds the finished checksum: the inversions",
            "before the first byte and after the last one are constants in the XORs.",
        ],
    );
    let clear = m.input("clear", 1);
    let in_valid = m.input("in_valid", 1);
    let in_byte = m.input("in_byte", 8);
    let restart = m.wire("restart", m.reset() | clear);
    let checksum = m.register_cleared_by("checksum", 32, &restart);
    // Every bit is an XOR of bits: which ones, single bits that are 1 tell.
    let constant = step(0, 0);
    let bit_of = |place: usize| {
        let reads = |changed: u32| (changed ^ constant) >> place & 1 == 1;
        let of_checksum = (0..32).filter(|bit| reads(step(1 << bit, 0)));
        let of_byte = (0..8).filter(|bit| reads(step(0, 1 << bit)));
        let read = of_checksum
            .map(|bit| checksum.bit(bit))
            .chain(of_byte.map(|bit| in_byte.bit(bit)));
        let parity = read.reduce(|a, b| a ^ b).expect("every bit depends on some bit");
        if constant >> place & 1 == 1 { !parity } else { parity }
    };
    let next = Expression::join((0..32).map(bit_of));
    m.set_if(&checksum, &in_valid, next);
    m.output("out_crc", checksum);
    m
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_make_the_checksum_of_the_standard() {
        let checksum = b"123456789".iter().fold(0, |checksum, &byte| step(checksum, byte));
        assert_eq!(checksum, 0xcbf4_3926);
    }
}
