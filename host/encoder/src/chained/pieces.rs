//! A matrix encoded from left to right, some columns at a time.

use super::encoder::{ChainedEncoder, check};
use super::objective::integer_column_weights;
use super::rows::RowSearch;
use crate::error::EncodeError;
use rayon::prelude::*;
use seedlm_codec::{ChainedMatrix, CodecError};
use std::ops::ControlFlow;

/// A matrix whose columns come piece by piece, so that later ones can make up for the errors of earlier ones. The rows' scales
/// are known from the beginning; each piece goes on in the window in which the one before it has ended.
pub struct ChainedPieces<'a> {
    encoder: &'a ChainedEncoder,
    columns: usize,
    /// Row by row; `None` for a row that was all zeros, and stays so.
    scales: Vec<Option<f32>>,
    states: Vec<u32>,
    symbols: Vec<Vec<u8>>,
}

impl ChainedEncoder {
    /// Begins a matrix of `rows x columns` weights, whose scales are chosen from `values`.
    ///
    /// # Errors
    /// As [`ChainedEncoder::encode`].
    pub fn pieces(&self, rows: usize, columns: usize, values: &[f32]) -> Result<ChainedPieces<'_>, EncodeError> {
        check(rows, columns, values, None)?;
        let scales = (0..rows).into_par_iter().map(|row| {
            let row = &values[row * columns..][..columns];
            let is_zero = row.iter().all(|&weight| weight == 0.0);
            (!is_zero).then(|| self.scale_of(row, None))
        });
        Ok(ChainedPieces {
            encoder: self,
            columns,
            scales: scales.collect(),
            states: vec![0; rows],
            symbols: vec![Vec::with_capacity(columns); rows],
        })
    }
}

impl ChainedPieces<'_> {
    /// Encodes the next columns of all rows: `values` are row by row as many of each, of which the first `kept` are kept and the
    /// others are only looked ahead at. `column_weights`, one for each of these columns, say how much an error there counts, as in
    /// [`ChainedEncoder::encode`]. Gives the decoded weights of those that are kept, row by row.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] when there are not as many values for each row, less than `kept`, or more columns than are left;
    /// [`EncodeError::NotFinite`], with the column within the piece; [`EncodeError::ColumnWeights`] and
    /// [`EncodeError::ColumnWeight`] when the column weights are too many, too few or not allowed.
    pub fn push(
        &mut self,
        values: &[f32],
        kept: usize,
        column_weights: Option<&[f32]>,
    ) -> Result<Vec<f32>, EncodeError> {
        let rows = self.scales.len();
        let width = values.len().checked_div(rows).unwrap_or(0);
        let done = self.symbols.first().map_or(0, Vec::len);
        if kept > width || done + width > self.columns {
            return Err(EncodeError::Shape {
                rows,
                columns: self.columns - done,
                values: values.len(),
            });
        }
        check(rows, width, values, column_weights)?;
        let column_weights = column_weights.and_then(integer_column_weights);
        let (trellis, grid) = (self.encoder.trellis(), self.encoder.grid());
        let others: Vec<usize> = (0..rows).filter(|&row| self.scales[row].is_some()).collect();
        let search = RowSearch {
            trellis,
            grid,
            instructions: self.encoder.instructions(),
            column_weights: column_weights.as_deref(),
            columns: width,
            advance: &|_| ControlFlow::Continue(()),
        };
        let targets = |row: usize| {
            let scale = self.scales[row].unwrap_or(1.0);
            let values = values[row * width..][..width].iter();
            (
                self.states[row],
                values.map(|&weight| grid.target(weight, scale)).collect(),
            )
        };
        let mut decoded = vec![0.0; rows * kept];
        for found in search.encode(others, &targets, &|_, _| ())? {
            let (row, symbols) = (found.row, &found.symbols[..kept]);
            let scale = self.scales[row].unwrap_or(1.0);
            for (weight, sum) in decoded[row * kept..]
                .iter_mut()
                .zip(trellis.row_sums(self.states[row], symbols))
            {
                *weight = (2 * i32::from(sum) - trellis.total) as f32 * scale;
            }
            self.states[row] = trellis.state_behind(self.states[row], symbols);
            self.symbols[row].extend_from_slice(symbols);
        }
        for (symbols, scale) in self.symbols.iter_mut().zip(&self.scales) {
            if scale.is_none() {
                symbols.resize(symbols.len() + kept, 0);
            }
        }
        Ok(decoded)
    }

    /// The matrix of all columns.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] when columns are missing, [`EncodeError::Codec`] when the matrix is too large to address.
    pub fn finish(self) -> Result<ChainedMatrix, EncodeError> {
        let (rows, code) = (self.scales.len(), self.encoder.code());
        let done: usize = self.symbols.iter().map(Vec::len).sum();
        if done != rows * self.columns {
            return Err(EncodeError::Shape {
                rows,
                columns: self.columns,
                values: done,
            });
        }
        let too_many = || CodecError::Tensor(format!("{rows} x {} weights are too many to address", self.columns));
        let bytes = ChainedMatrix::word_bytes(code, rows, self.columns).ok_or_else(too_many)?;
        let mut words = vec![0; bytes];
        for (row, symbols) in self.symbols.iter().enumerate() {
            self.encoder.write_row(&mut words, row * self.columns, symbols);
        }
        let scales = self
            .scales
            .iter()
            .map(|scale| scale.unwrap_or_else(|| self.encoder.scale_of(&[0.0], None)));
        Ok(ChainedMatrix::new(code, rows, self.columns, scales.collect(), words)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use seedlm_codec::ChainedCode;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// What the pieces say they decode to is what the matrix decodes to, wherever they are cut; one piece of all columns is
        /// what the whole matrix is encoded to.
        #[test]
        fn pieces_decode_to_what_they_say(
            values in prop::collection::vec(-1.0_f32..1.0, 4 * 40),
            zero_row in 0_usize..8,
            cuts in prop::collection::vec((1_usize..12, 0_usize..9), 40),
        ) {
            let encoder = ChainedEncoder::new(&ChainedCode::preset("chained-3b-k12").unwrap()).unwrap();
            let mut values = values;
            if zero_row < 4 {
                values[zero_row * 40..][..40].fill(0.0);
            }
            let whole = encoder.encode(4, 40, &values, None, &|_| ControlFlow::Continue(())).unwrap();
            let mut one = encoder.pieces(4, 40, &values).unwrap();
            one.push(&values, 40, None).unwrap();
            prop_assert_eq!(one.finish().unwrap(), whole.matrix);

            let mut pieces = encoder.pieces(4, 40, &values).unwrap();
            let mut said = vec![0.0; 4 * 40];
            let mut done = 0;
            for (kept, ahead) in cuts {
                let kept = kept.min(40 - done);
                let end = (done + kept + ahead).min(40);
                let piece: Vec<f32> = (0..4).flat_map(|row| values[row * 40..][done..end].to_vec()).collect();
                let decoded = pieces.push(&piece, kept, None).unwrap();
                for row in 0..4 {
                    said[row * 40 + done..][..kept].copy_from_slice(&decoded[row * kept..][..kept]);
                }
                done += kept;
            }
            let matrix = pieces.finish().unwrap();
            for row in 0..4 {
                let decoded = matrix.row_values(row);
                let said = &said[row * 40..][..40];
                let is_zero = row == zero_row;
                prop_assert!(is_zero || decoded == said);
                prop_assert!(!is_zero || decoded.iter().all(|weight| weight.abs() < 1e-30));
            }
        }
    }
}
