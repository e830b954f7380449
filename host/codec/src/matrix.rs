//! A weight matrix in the block code: words, scale, and access to any row.

use crate::bits::read_field;
use crate::block::{BlockCode, BlockDecoder, BlockWord};
use crate::error::CodecError;

/// A coded matrix of `rows x columns` weights (row = output, column = input), checked when it is made.
///
/// Row `r` has `blocks_per_row` words; word `b` covers columns `b*C .. b*C + C`. All words lie one after the other,
/// without gaps, row by row, in a least-significant-bit-first stream; the last byte is filled up with zero bits.
/// Where `C` does not divide the columns, the row's last block is partial: the positions beyond the row mean nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct CodedMatrix {
    code: BlockCode,
    rows: usize,
    columns: usize,
    scale: f32,
    words: Vec<u8>,
}

impl CodedMatrix {
    /// Bytes of the word stream of a matrix, or `None` where they cannot be counted.
    pub fn word_bytes(code: &BlockCode, rows: usize, columns: usize) -> Option<usize> {
        let bits = rows
            .checked_mul(code.blocks_per_row(columns))?
            .checked_mul(code.word_bits() as usize)?;
        Some(bits.div_ceil(8))
    }

    /// Puts a matrix together and checks all of it: sizes, scale, zero bits at the end, and that no seed is zero.
    ///
    /// # Errors
    /// [`CodecError::Tensor`] or [`CodecError::Word`], which names row and block.
    pub fn new(code: &BlockCode, rows: usize, columns: usize, scale: f32, words: Vec<u8>) -> Result<Self, CodecError> {
        let expected = CodedMatrix::word_bytes(code, rows, columns)
            .ok_or_else(|| CodecError::Tensor(format!("{rows} x {columns} weights are too many to address")))?;
        if words.len() != expected {
            return Err(CodecError::Tensor(format!(
                "{rows} x {columns} weights in {} need {expected} bytes of words, and there are {}",
                code.label(),
                words.len()
            )));
        }
        // Twice the bound keeps the decoded value, rounded to f32, finite whatever the rounding does.
        let largest = (code.largest_mantissa() << code.largest_exponent()) as f64 * f64::from(scale) * 2.0;
        if !(scale.is_normal() && scale > 0.0 && largest <= f64::from(f32::MAX)) {
            return Err(CodecError::Tensor(format!(
                "scale {scale:e} must be positive, not subnormal, and small enough that every weight is finite in f32"
            )));
        }
        let matrix = CodedMatrix {
            code: code.clone(),
            rows,
            columns,
            scale,
            words,
        };
        let used = rows * matrix.blocks_per_row() * code.word_bits() as usize;
        if used < 8 * matrix.words.len() && read_field(&matrix.words, used, 8 * matrix.words.len() - used) != 0 {
            return Err(CodecError::Tensor(
                "the unused bits of the last byte are not zero".into(),
            ));
        }
        let length = code.lfsr().length() as usize;
        for index in 0..rows * matrix.blocks_per_row() {
            if read_field(&matrix.words, index * code.word_bits() as usize, length) == 0 {
                return Err(CodecError::Word {
                    row: index / matrix.blocks_per_row(),
                    block: index % matrix.blocks_per_row(),
                    reason: "the seed is zero, which is no seed".into(),
                });
            }
        }
        Ok(matrix)
    }

    /// The code.
    pub fn code(&self) -> &BlockCode {
        &self.code
    }

    /// Number of rows (outputs).
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns (inputs).
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The real value of one integer step; a weight is `integer * scale`.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The word stream.
    pub fn words(&self) -> &[u8] {
        &self.words
    }

    /// Blocks in a row, the partial one included.
    pub fn blocks_per_row(&self) -> usize {
        self.code.blocks_per_row(self.columns)
    }

    /// The bits of one word.
    ///
    /// # Panics
    /// When there is no such row or block.
    pub fn word_bits_at(&self, row: usize, block: usize) -> u128 {
        assert!(
            row < self.rows && block < self.blocks_per_row(),
            "no word at row {row}, block {block}"
        );
        let width = self.code.word_bits() as usize;
        read_field(&self.words, (row * self.blocks_per_row() + block) * width, width)
    }

    /// The fields of one word.
    ///
    /// # Panics
    /// When there is no such row or block.
    pub fn word(&self, row: usize, block: usize) -> BlockWord {
        BlockWord::unpack(&self.code, self.word_bits_at(row, block))
    }

    /// The integer weights of a row: `columns` integers.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row_integers(&self, row: usize) -> Vec<i64> {
        let decoder = BlockDecoder::new(&self.code);
        let mut weights: Vec<i64> = (0..self.blocks_per_row())
            .flat_map(|block| decoder.weights(&self.word(row, block)))
            .collect();
        weights.truncate(self.columns);
        weights
    }

    /// The weights of a row: the integers times the scale, each product rounded once to `f64` and then to `f32`.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row_values(&self, row: usize) -> Vec<f32> {
        let scale = f64::from(self.scale);
        let integers = self.row_integers(row);
        integers
            .into_iter()
            .map(|integer| (integer as f64 * scale) as f32)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::write_field;

    /// A small legal matrix with a partial last block in each row.
    fn small() -> (BlockCode, Vec<u8>) {
        let code = BlockCode::preset("paper-3b").unwrap();
        let mut words = vec![0; CodedMatrix::word_bytes(&code, 3, 14).unwrap()];
        for index in 0..6 {
            let word = BlockWord {
                seed: 7 + index,
                exponent: index,
                coefficients: vec![1, -2, 3, -4],
            };
            write_field(&mut words, index as usize * 36, 36, word.pack(&code));
        }
        (code, words)
    }

    #[test]
    fn rows_are_read_at_random_and_partial_blocks_are_cut() {
        let (code, words) = small();
        assert_eq!(words.len(), 27);
        let matrix = CodedMatrix::new(&code, 3, 14, 0.5, words).unwrap();
        assert_eq!(matrix.word(2, 1).seed, 12);
        let integers = matrix.row_integers(2);
        assert_eq!(integers.len(), 14);
        assert_eq!(
            integers[12..],
            BlockDecoder::new(&code).weights(&matrix.word(2, 1))[..2]
        );
        assert_eq!(matrix.row_values(2)[0], integers[0] as f32 * 0.5);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (code, words) = small();
        let error = |words: Vec<u8>, scale: f32| CodedMatrix::new(&code, 3, 14, scale, words).unwrap_err().to_string();
        assert!(error(words[1..].to_vec(), 1.0).contains("need 27 bytes of words, and there are 26"));
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-40, 1e38] {
            assert!(error(words.clone(), scale).contains("scale"), "{scale}");
        }
        let mut zero_seed = words;
        write_field(&mut zero_seed, 3 * 36, 16, 0);
        assert!(error(zero_seed, 1.0).contains("row 1, block 1: the seed is zero"));
        assert_eq!(CodedMatrix::word_bytes(&code, usize::MAX, 14), None);
    }

    #[test]
    fn padding_bits_must_be_zero() {
        let code = BlockCode::preset("paper-3b").unwrap();
        let mut words = vec![0; 5];
        write_field(&mut words, 0, 36, BlockWord::zero(&code).pack(&code));
        assert!(CodedMatrix::new(&code, 1, 12, 1.0, words.clone()).is_ok());
        words[4] |= 0x80;
        let error = CodedMatrix::new(&code, 1, 12, 1.0, words).unwrap_err();
        assert!(error.to_string().contains("last byte"), "{error}");
    }
}
