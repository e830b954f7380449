//! Weights in any format the machine reads: words in, exact integers out.

use crate::binary16::{BINARY16_SCALE, Binary16Matrix, binary16_parts};
use crate::block::{BlockCode, BlockDecoder, BlockWord};
use crate::chained::{CHAIN_LENGTHS, ChainedCode, ChainedMatrix};
use crate::code::Code;
use crate::error::CodecError;
use crate::matrix::CodedMatrix;

/// How weights are stored: the uncompressed reference, or a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightFormat {
    /// IEEE 754 binary16, one weight per 16-bit word: the uncompressed reference.
    Binary16,
    /// The block code, `C` weights per word.
    Block(BlockCode),
    /// The chained code; a word is as many weights of a row as a lane decodes in a cycle.
    Chained(ChainedCode),
}

impl From<Code> for WeightFormat {
    fn from(code: Code) -> Self {
        match code {
            Code::Block(code) => WeightFormat::Block(code),
            Code::Chained(code) => WeightFormat::Chained(code),
        }
    }
}

impl WeightFormat {
    /// The format of that name: `fp16`, or a preset of one of the codes.
    ///
    /// # Errors
    /// [`CodecError::UnknownPreset`] lists the names there are.
    pub fn named(name: &str) -> Result<Self, CodecError> {
        if name == "fp16" {
            return Ok(WeightFormat::Binary16);
        }
        Code::preset(name)
            .map(WeightFormat::from)
            .map_err(|_| CodecError::UnknownPreset {
                name: name.into(),
                known: WeightFormat::names(),
            })
    }

    /// All names that [`WeightFormat::named`] takes.
    pub fn names() -> Vec<String> {
        Code::presets().into_iter().chain(["fp16"]).map(String::from).collect()
    }

    /// The names of all formats but those of chained codes whose windows are shorter than usual.
    pub fn usual_names() -> Vec<String> {
        let is_usual = |name: &String| match WeightFormat::named(name) {
            Ok(WeightFormat::Chained(code)) => code.map().length() == CHAIN_LENGTHS[0],
            _ => true,
        };
        WeightFormat::names().into_iter().filter(is_usual).collect()
    }

    /// The code, where the format is one.
    pub fn code(&self) -> Option<Code> {
        match self {
            WeightFormat::Binary16 => None,
            WeightFormat::Block(code) => Some(Code::Block(code.clone())),
            WeightFormat::Chained(code) => Some(Code::Chained(code.clone())),
        }
    }

    /// The format's name for people.
    pub fn label(&self) -> String {
        match self {
            WeightFormat::Binary16 => "fp16".into(),
            WeightFormat::Block(code) => code.label(),
            WeightFormat::Chained(code) => code.label(),
        }
    }

    /// Width of one word in bits.
    pub fn word_bits(&self) -> u32 {
        match self {
            WeightFormat::Binary16 => 16,
            WeightFormat::Block(code) => code.word_bits(),
            WeightFormat::Chained(code) => code.bits_per_weight() * code.weights_per_word() as u32,
        }
    }

    /// Weights in one word: they are neighbours in a row.
    pub fn weights_per_word(&self) -> usize {
        match self {
            WeightFormat::Binary16 => 1,
            WeightFormat::Block(code) => code.block_size(),
            WeightFormat::Chained(code) => code.weights_per_word(),
        }
    }

    /// Words in a row of `columns` weights.
    pub fn words_per_row(&self, columns: usize) -> usize {
        columns.div_ceil(self.weights_per_word())
    }

    /// The largest magnitude of an integer weight.
    pub fn largest_weight(&self) -> i64 {
        match self {
            // 11 bits of significand, exponent 29.
            WeightFormat::Binary16 => 2047 << 29,
            WeightFormat::Block(code) => code.largest_mantissa() << code.largest_exponent(),
            WeightFormat::Chained(code) => code.map().largest_weight(),
        }
    }

    /// Width of the mantissa of an integer weight in bits, sign included.
    pub fn mantissa_bits(&self) -> u32 {
        match self {
            // 11 bits of significand and the sign.
            WeightFormat::Binary16 => 12,
            WeightFormat::Block(code) => code.mantissa_bits(),
            WeightFormat::Chained(code) => code.weight_bits(),
        }
    }

    /// Width of the exponent of a word in bits; 0 where the format has none.
    pub fn exponent_bits(&self) -> u32 {
        match self {
            WeightFormat::Binary16 => 5,
            WeightFormat::Block(code) => code.exponent_bits(),
            WeightFormat::Chained(_) => 0,
        }
    }

    /// Bits of the row before a word that its weights need too: `K - k` for the chained code, none for others. Before a
    /// row stand zeros.
    pub fn history_bits(&self) -> u32 {
        match self {
            WeightFormat::Binary16 | WeightFormat::Block(_) => 0,
            WeightFormat::Chained(code) => code.history_bits(),
        }
    }

    /// Width of what a decode lane is given in a cycle: the history, and above it the word.
    pub fn lane_bits(&self) -> u32 {
        self.history_bits() + self.word_bits()
    }

    /// The mantissas of one word and the exponent `e` they share: its integer weights are `mantissa * 2^e`. This is what
    /// a decode lane gives. `word` is what a lane is given, [`WeightFormat::lane_bits`] wide: the history, and above it the
    /// word. Bits above that width are ignored.
    pub fn split_word(&self, word: u128) -> (Vec<i64>, u32) {
        match self {
            WeightFormat::Binary16 => {
                let (significand, exponent) = binary16_parts(word as u16);
                (vec![i64::from(significand)], exponent)
            }
            WeightFormat::Block(code) => {
                let word = BlockWord::unpack(code, word);
                (BlockDecoder::new(code).mantissas(&word), word.exponent)
            }
            WeightFormat::Chained(code) => {
                let history = word as u32 & ((1 << code.history_bits()) - 1);
                let weights = code.weights(history, word >> code.history_bits(), code.weights_per_word());
                (weights, 0)
            }
        }
    }

    /// The exact integer weights of what a lane is given; see [`WeightFormat::split_word`].
    ///
    /// Hardware computes the same for every word that a matrix can hold and for the padding word of zero bits. What comes
    /// of other words (a zero seed with coefficients, a binary16 that is not finite) means nothing, and need not fit
    /// [`WeightFormat::largest_weight`].
    pub fn decode_word(&self, word: u128) -> Vec<i64> {
        let (mantissas, exponent) = self.split_word(word);
        mantissas.into_iter().map(|mantissa| mantissa << exponent).collect()
    }
}

/// A weight matrix in one of the formats.
#[derive(Clone, Debug, PartialEq)]
pub enum WeightMatrix {
    /// Uncompressed.
    Binary16(Binary16Matrix),
    /// In the block code.
    Block(CodedMatrix),
    /// In the chained code.
    Chained(ChainedMatrix),
}

impl WeightMatrix {
    /// The format of its words.
    pub fn format(&self) -> WeightFormat {
        match self {
            WeightMatrix::Binary16(_) => WeightFormat::Binary16,
            WeightMatrix::Block(matrix) => WeightFormat::Block(matrix.code().clone()),
            WeightMatrix::Chained(matrix) => WeightFormat::Chained(matrix.code().clone()),
        }
    }

    /// Number of rows (outputs).
    pub fn rows(&self) -> usize {
        match self {
            WeightMatrix::Binary16(matrix) => matrix.rows(),
            WeightMatrix::Block(matrix) => matrix.rows(),
            WeightMatrix::Chained(matrix) => matrix.rows(),
        }
    }

    /// Number of columns (inputs).
    pub fn columns(&self) -> usize {
        match self {
            WeightMatrix::Binary16(matrix) => matrix.columns(),
            WeightMatrix::Block(matrix) => matrix.columns(),
            WeightMatrix::Chained(matrix) => matrix.columns(),
        }
    }

    /// Words in a row.
    pub fn words_per_row(&self) -> usize {
        self.format().words_per_row(self.columns())
    }

    /// The bits of word `index` of a row.
    ///
    /// # Panics
    /// When there is no such word.
    pub fn word_bits_at(&self, row: usize, index: usize) -> u128 {
        match self {
            WeightMatrix::Binary16(matrix) => u128::from(matrix.bits_at(row, index)),
            WeightMatrix::Block(matrix) => matrix.word_bits_at(row, index),
            WeightMatrix::Chained(matrix) => matrix.word_bits_at(row, index),
        }
    }

    /// The integer weights of a row: `columns` integers.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row_integers(&self, row: usize) -> Vec<i64> {
        match self {
            WeightMatrix::Binary16(matrix) => matrix.row_integers(row),
            WeightMatrix::Block(matrix) => matrix.row_integers(row),
            WeightMatrix::Chained(matrix) => matrix.row_integers(row),
        }
    }

    /// The real value of one integer step in a row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn scale(&self, row: usize) -> f32 {
        assert!(row < self.rows(), "no row {row}");
        match self {
            WeightMatrix::Binary16(_) => BINARY16_SCALE,
            WeightMatrix::Block(matrix) => matrix.scale(),
            WeightMatrix::Chained(matrix) => matrix.scales()[row],
        }
    }

    /// The weights of a row, rounded to `f32` as `docs/format.md` says.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row_values(&self, row: usize) -> Vec<f32> {
        match self {
            WeightMatrix::Binary16(_) => {
                let integers = self.row_integers(row);
                // Exact: binary16 numbers are binary32 numbers.
                let value = |integer| (integer as f64 * f64::from(BINARY16_SCALE)) as f32;
                integers.into_iter().map(value).collect()
            }
            WeightMatrix::Block(matrix) => matrix.row_values(row),
            WeightMatrix::Chained(matrix) => matrix.row_values(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_formats_have_names_and_whole_windows() {
        let names = WeightFormat::usual_names();
        assert_eq!(
            names,
            ["paper-4b", "paper-3b", "chained-4b", "chained-3b", "chained-2b", "fp16"]
        );
    }
}
