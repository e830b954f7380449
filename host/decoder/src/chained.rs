//! The chained code.

mod general;
mod nibbles;
#[cfg(target_arch = "x86_64")]
mod vector;

use crate::loops;
use crate::row_bits::RowBits;
use crate::stores::Stores;
use general::General;
use nibbles::Nibbles;
use seedlm_codec::{ChainedCode, ChainedMatrix};
use seedlm_instructions::Instructions;

/// Columns of a piece: whole groups, and whole rounds of the partial sums.
const PIECE: usize = 4096;

/// Decodes rows of one chained code.
pub(crate) struct ChainedRows {
    code: ChainedCode,
    general: General,
    nibbles: Option<Nibbles>,
    instructions: Instructions,
}

/// Room for the integer weights of some columns.
#[derive(Default)]
pub(crate) struct ChainedIntegers {
    /// Where all weights of the code fit 8 bits.
    narrow: Vec<i8>,
    /// Where they do not.
    wide: Vec<i16>,
}

impl ChainedRows {
    pub(crate) fn new(code: &ChainedCode, instructions: Instructions) -> Self {
        ChainedRows {
            code: code.clone(),
            general: General::new(code),
            nibbles: Nibbles::new(code).filter(|_| instructions != Instructions::Scalar),
            instructions,
        }
    }

    /// Whether all weights of the code fit 8 bits.
    pub(crate) fn is_narrow(&self) -> bool {
        self.code.map().largest_weight() <= i64::from(i8::MAX)
    }

    /// Columns that are decoded at a time where the weights are used at once: few enough for a near cache, and so many that starting a
    /// piece costs little beside its weights.
    pub(crate) fn piece(&self) -> usize {
        PIECE
    }

    /// Brings the bits of a row.
    pub(crate) fn load<'a>(&self, matrix: &'a ChainedMatrix, row: usize, bits: &mut RowBits<'a>) {
        let count = matrix.columns() * self.code.bits_per_weight() as usize;
        bits.copy(matrix.words(), row * count, count);
    }

    /// The integer weights of `count` columns from column `first` on, which starts a group, where all weights of the code fit 8 bits.
    pub(crate) fn narrow<'a>(
        &self,
        bits: &RowBits,
        integers: &'a mut ChainedIntegers,
        first: usize,
        count: usize,
    ) -> &'a [i8] {
        let integers = &mut integers.narrow;
        match &self.nibbles {
            Some(nibbles) => {
                // What a last group has beyond the row comes of the bits after it and is not looked at.
                integers.resize(count.next_multiple_of(nibbles::GROUP), 0);
                nibbles.integers(self.instructions, bits, first, integers);
            }
            None => {
                integers.resize(count, 0);
                self.general.integers(bits, first, integers, |integer| integer as i8);
            }
        }
        &integers[..count]
    }

    /// The weights from column `first` on, which starts a group: the integers times `factor`.
    pub(crate) fn values(
        &self,
        bits: &RowBits,
        integers: &mut ChainedIntegers,
        first: usize,
        factor: f32,
        stores: Stores,
        out: &mut [f32],
    ) {
        if let Some(nibbles) = &self.nibbles {
            nibbles.values(self.instructions, bits, first, factor, stores, out);
        } else if self.is_narrow() {
            let integers = self.narrow(bits, integers, first, out.len());
            loops::scale_i8(self.instructions, integers, factor, out);
        } else {
            integers.wide.resize(out.len(), 0);
            self.general
                .integers(bits, first, &mut integers.wide, |integer| integer);
            loops::scale_i16(self.instructions, &integers.wide, factor, out);
        }
    }
}
