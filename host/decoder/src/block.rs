//! The block code.

mod general;
mod presets;
mod states;
#[cfg(target_arch = "x86_64")]
mod vector;

use crate::destination::Destination;
use crate::row_bits::RowBits;
use general::General;
use presets::Presets;
use seedlm_codec::{BlockCode, CodedMatrix, PARTIAL_SUMS};
use seedlm_instructions::Instructions;

/// Decodes rows of one block code.
pub(crate) struct BlockRows {
    general: General,
    presets: Option<Presets>,
    instructions: Instructions,
}

impl BlockRows {
    pub(crate) fn new(code: &BlockCode, instructions: Instructions) -> Self {
        BlockRows {
            general: General::new(code),
            presets: Presets::new(code),
            instructions,
        }
    }

    /// Whether an integer weight is a 24-bit number times a power of two, and so exact in `f32`.
    pub(crate) fn is_narrow(&self) -> bool {
        self.general.code().largest_mantissa() <= 1 << f32::MANTISSA_DIGITS
    }

    /// Columns that are decoded at a time where the weights are used at once: about 2048, so many that starting a piece costs little beside
    /// its weights. It is a number of whole blocks and of rounds of the partial sums.
    pub(crate) fn piece(&self) -> usize {
        let block = self.general.code().block_size();
        // The power of two in the block size is already in the number of partial sums.
        let common = block * (PARTIAL_SUMS >> block.trailing_zeros().min(PARTIAL_SUMS.trailing_zeros()));
        common * (2048 / common).max(1)
    }

    /// Brings the words of a row.
    pub(crate) fn load<'a>(&self, matrix: &'a CodedMatrix, row: usize, bits: &mut RowBits<'a>) {
        let count = matrix.blocks_per_row() * matrix.code().word_bits() as usize;
        bits.find(matrix.words(), row * count, count);
    }

    /// Gives the weights of a row, the integers times `factor`, to where they go, if the instructions have a way for whole rows; if not,
    /// returns where they should go.
    pub(crate) fn row<'a>(&self, bits: &RowBits, factor: f32, destination: Destination<'a>) -> Option<Destination<'a>> {
        match &self.presets {
            Some(presets) => presets.row(self.instructions, bits, factor, destination),
            None => Some(destination),
        }
    }

    /// The weights from column `first` on, which starts a block: the integers times `factor`, exact in `f64`, rounded.
    pub(crate) fn values(&self, bits: &RowBits, first: usize, factor: f32, out: &mut [f32]) {
        let first_block = first / self.general.code().block_size();
        match &self.presets {
            Some(presets) => presets.values(bits, first_block, factor, out),
            None => self.general.values(bits, first_block, factor, out),
        }
    }

    /// The integer weights of a row.
    pub(crate) fn integers(&self, bits: &RowBits, columns: usize) -> Vec<i64> {
        let mut integers = vec![0; columns];
        self.general.integers(bits, 0, &mut integers);
        integers
    }
}
