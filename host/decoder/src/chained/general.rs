//! Any chained code, one window after the other, with tables for the bytes of a window.

use crate::row_bits::{LEAD, RowBits};
use seedlm_codec::ChainedCode;

/// For each byte of a window and each of its values: the fields, one byte each. A window's fields are the XOR of its bytes' entries.
pub(crate) struct General {
    tables: [[u64; 256]; 3],
    /// Bits of a window.
    length: usize,
    /// Bits by which it moves.
    stored: usize,
    largest: i16,
}

impl General {
    pub(crate) fn new(code: &ChainedCode) -> Self {
        let fields = |window: u32| {
            code.map().fields().iter().enumerate().fold(0, |all, (field, masks)| {
                let bits = masks.iter().enumerate();
                bits.fold(all, |all, (bit, mask)| {
                    all | u64::from((window & mask).count_ones() & 1) << (8 * field + bit)
                })
            })
        };
        General {
            tables: [0, 8, 16].map(|shift| std::array::from_fn(|byte| fields((byte as u32) << shift))),
            length: code.map().length() as usize,
            stored: code.bits_per_weight() as usize,
            // At most 8 fields of at most 255.
            largest: code.map().largest_weight() as i16,
        }
    }

    /// The integer weights of a row from column `first` on, each as `number` makes it.
    pub(crate) fn integers<T>(&self, bits: &RowBits, first: usize, out: &mut [T], number: impl Fn(i16) -> T) {
        if self.length <= 16 {
            self.decode(bits, first, out, number, |window| {
                self.tables[0][window & 255] ^ self.tables[1][window >> 8 & 255]
            });
        } else {
            self.decode(bits, first, out, number, |window| {
                self.tables[0][window & 255] ^ self.tables[1][window >> 8 & 255] ^ self.tables[2][window >> 16 & 255]
            });
        }
    }

    #[inline(always)]
    fn decode<T>(
        &self,
        bits: &RowBits,
        first: usize,
        out: &mut [T],
        number: impl Fn(i16) -> T,
        fields: impl Fn(usize) -> u64,
    ) {
        const EVEN_BYTES: u64 = 0x00ff_00ff_00ff_00ff;
        const SUM: u64 = 0x0001_0001_0001_0001;
        let mask = (1_usize << self.length) - 1;
        // A window ends with the bits of its own weight; the zeros before the row begin the first ones.
        let mut position = 8 * LEAD + (first + 1) * self.stored - self.length;
        for weight in out {
            let fields = fields(bits.field(position) as usize & mask);
            // Bytes by pairs, then all pairs in the highest 16 bits.
            let sum = ((fields & EVEN_BYTES) + (fields >> 8 & EVEN_BYTES)).wrapping_mul(SUM) >> 48;
            *weight = number(2 * sum as i16 - self.largest);
            position += self.stored;
        }
    }
}
