//! A matrix in a block code, encoded from left to right, some blocks at a time.

use crate::encoder::BlockEncoder;
use crate::error::EncodeError;
use crate::metric::ErrorMetric;
use crate::quantizer::Quantizer;
use seedlm_codec::bits::write_field;
use seedlm_codec::{BlockDecoder, BlockWord, CodecError, CodedMatrix};
use std::ops::ControlFlow;

/// A matrix whose columns come piece by piece, so that later ones can make up for the errors of earlier ones. The scale is
/// known from the beginning.
pub struct BlockPieces<'a> {
    encoder: &'a BlockEncoder,
    quantizer: Quantizer,
    rows: usize,
    columns: usize,
    scale: f32,
    words: Vec<u8>,
    /// Columns that are done: whole blocks, or all.
    done: usize,
}

impl BlockEncoder {
    /// Begins a matrix of `rows x columns` weights, whose scale is chosen from `values`.
    ///
    /// # Errors
    /// As [`BlockEncoder::encode`].
    pub fn pieces(
        &self,
        rows: usize,
        columns: usize,
        values: &[f32],
        quantizer: Quantizer,
    ) -> Result<BlockPieces<'_>, EncodeError> {
        self.check(rows, columns, values)?;
        let too_many = || CodecError::Tensor(format!("{rows} x {columns} weights are too many to address"));
        let bytes = CodedMatrix::word_bytes(self.code(), rows, columns).ok_or_else(too_many)?;
        Ok(BlockPieces {
            encoder: self,
            quantizer,
            rows,
            columns,
            scale: self.scale_of(columns, values, quantizer),
            words: vec![0; bytes],
            done: 0,
        })
    }
}

impl BlockPieces<'_> {
    /// Encodes the next columns of all rows, row by row: whole blocks, or up to the last column. Gives the decoded weights.
    ///
    /// `error_weights` say how errors of these columns count, which are those of one block then: a symmetric matrix `M` without
    /// negative eigenvalues, row by row. The error `d` of a row's weights counts `d M d^T`, in units of no meaning, and a millionth of `M`'s
    /// largest eigenvalue on the diagonal is added, so that no error is free. Without them it counts `d d^T`.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] when the columns are neither, or more than are left; [`EncodeError::NotFinite`], with the column within
    /// the piece; [`EncodeError::ErrorWeights`] when they are no such matrix, or not for the columns of one block.
    pub fn push(&mut self, values: &[f32], error_weights: Option<&[f64]>) -> Result<Vec<f32>, EncodeError> {
        let code = self.encoder.code();
        let width = values.len().checked_div(self.rows).unwrap_or(0);
        let end = self.done + width;
        if end > self.columns || !(end == self.columns || width.is_multiple_of(code.block_size())) {
            return Err(EncodeError::Shape {
                rows: self.rows,
                columns: self.columns - self.done,
                values: values.len(),
            });
        }
        self.encoder.check(self.rows, width, values)?;
        let go_on = &|_| ControlFlow::Continue(());
        let words = match error_weights {
            None => self.encoder.words(width, values, self.scale, self.quantizer, go_on)?,
            Some(weights) => {
                let metric = ErrorMetric::new(weights, width, code.block_size())?;
                self.encoder
                    .weighted_words(width, values, self.scale, self.quantizer, metric)
            }
        };
        let (in_row, in_piece) = (
            self.columns.div_ceil(code.block_size()),
            width.div_ceil(code.block_size()),
        );
        let first = self.done / code.block_size();
        let bits = code.word_bits() as usize;
        let decoder = BlockDecoder::new(code);
        let mut decoded = Vec::with_capacity(values.len());
        for (row, words) in words.chunks(in_piece.max(1)).enumerate() {
            for (block, &word) in words.iter().enumerate() {
                write_field(&mut self.words, (row * in_row + first + block) * bits, bits, word);
                let left = width - block * code.block_size();
                let integers = decoder.weights(&BlockWord::unpack(code, word));
                let weights = integers.into_iter().take(left.min(code.block_size()));
                decoded.extend(weights.map(|integer| (integer as f64 * f64::from(self.scale)) as f32));
            }
        }
        self.done = end;
        Ok(decoded)
    }

    /// The matrix of all columns.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] when columns are missing.
    pub fn finish(self) -> Result<CodedMatrix, EncodeError> {
        if self.done != self.columns && self.rows > 0 {
            return Err(EncodeError::Shape {
                rows: self.rows,
                columns: self.columns,
                values: self.rows * self.done,
            });
        }
        let code = self.encoder.code();
        Ok(CodedMatrix::new(code, self.rows, self.columns, self.scale, self.words)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seedlm_codec::{BlockCode, BlockCodeFields, Lfsr};

    /// Blocks do not depend on each other: pieces of the weights themselves give the whole matrix.
    #[test]
    fn pieces_of_the_weights_give_the_matrix() {
        let mut fields: BlockCodeFields = BlockCode::preset("paper-4b").unwrap().into();
        fields.lfsr = Lfsr::paper(10).unwrap();
        let encoder = BlockEncoder::new(&BlockCode::new(fields).unwrap()).unwrap();
        let (rows, columns) = (5, 29);
        let values: Vec<f32> = (0..rows * columns)
            .map(|index| ((index * 37 % 101) as f32 - 50.0) / 40.0)
            .collect();
        let go_on = &|_| ControlFlow::Continue(());
        let whole = encoder
            .encode(rows, columns, &values, Quantizer::Exact, go_on)
            .unwrap()
            .matrix;
        let mut pieces = encoder.pieces(rows, columns, &values, Quantizer::Exact).unwrap();
        let piece = |range: std::ops::Range<usize>| -> Vec<f32> {
            (0..rows)
                .flat_map(|row| values[row * columns..][range.clone()].to_vec())
                .collect()
        };
        // Neither half a block nor more than there is.
        assert!(pieces.push(&piece(0..7), None).is_err());
        assert!(pieces.push(&vec![0.0; rows * 32], None).is_err());
        for range in [0..8, 8..24, 24..29] {
            let decoded = pieces.push(&piece(range.clone()), None).unwrap();
            let expected = (0..rows).flat_map(|row| whole.row_values(row)[range.clone()].to_vec());
            assert_eq!(decoded, expected.collect::<Vec<f32>>());
        }
        assert_eq!(pieces.finish().unwrap(), whole);
        assert!(
            encoder
                .pieces(rows, columns, &values, Quantizer::Exact)
                .unwrap()
                .finish()
                .is_err()
        );
    }
}
