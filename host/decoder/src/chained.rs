//! The chained code.

mod general;
mod nibbles;
#[cfg(target_arch = "x86_64")]
mod vector;

use crate::destination::Destination;
use crate::row_bits::RowBits;
use general::General;
use nibbles::Nibbles;
use seedlm_codec::{ChainedCode, ChainedMatrix};
use seedlm_instructions::Instructions;

/// Columns of a piece: whole rounds of the partial sums.
const PIECE: usize = 4096;

/// Decodes rows of one chained code.
pub(crate) struct ChainedRows {
    code: ChainedCode,
    general: General,
    nibbles: Option<Nibbles>,
    instructions: Instructions,
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

    /// The integer weights of a row, where all weights of the code fit 8 bits.
    pub(crate) fn narrow(&self, bits: &RowBits, out: &mut [i8]) {
        match &self.nibbles {
            Some(nibbles) => nibbles.integers(self.instructions, bits, out),
            None => self.general.integers(bits, 0, out, |integer| integer as i8),
        }
    }

    /// Gives the weights of a row, the integers times `factor`, to where they go, if the instructions have a way for whole rows; if not,
    /// returns where they should go.
    pub(crate) fn row<'a>(&self, bits: &RowBits, factor: f32, destination: Destination<'a>) -> Option<Destination<'a>> {
        match &self.nibbles {
            Some(nibbles) => {
                nibbles.row(self.instructions, bits, factor, destination);
                None
            }
            None => Some(destination),
        }
    }

    /// The weights from column `first` on: the integers times `factor`.
    pub(crate) fn values(&self, bits: &RowBits, first: usize, factor: f32, out: &mut [f32]) {
        self.general
            .integers(bits, first, out, |integer| f32::from(integer) * factor);
    }
}
