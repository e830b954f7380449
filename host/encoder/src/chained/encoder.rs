//! Whole matrices: checks, scales, and the stream's bytes.

use super::encoded::EncodedChained;
use super::objective::{Grid, integer_column_weights};
use super::rows::RowSearch;
use super::scale::ScaleChoice;
use super::trellis::Trellis;
use crate::error::EncodeError;
use rayon::prelude::*;
use seedlm_codec::bits::write_field;
use seedlm_codec::{ChainedCode, ChainedMatrix, CodecError};
use seedlm_instructions::Instructions;
use std::ops::ControlFlow;

/// Encodes matrices in one chained code.
///
/// ```
/// use seedlm_codec::ChainedCode;
/// use seedlm_encoder::ChainedEncoder;
/// use std::ops::ControlFlow;
///
/// let encoder = ChainedEncoder::new(&ChainedCode::preset("chained-4b-k12")?)?;
/// let weights = [0.5, -0.25, 0.0, 0.125, 1.0, -1.0, 0.75, 0.3];
/// let encoded = encoder.encode(1, 8, &weights, None, &|_| ControlFlow::Continue(()))?;
/// assert!(encoded.relative_error() < 0.2);
/// # Ok::<(), seedlm_encoder::EncodeError>(())
/// ```
pub struct ChainedEncoder {
    code: ChainedCode,
    trellis: Trellis,
    grid: Grid,
    scales: ScaleChoice,
    instructions: Instructions,
}

impl ChainedEncoder {
    /// Prepares the tables for a code. Uses the fastest instructions that the machine has, or those that the environment
    /// variable `SEEDLM_SIMD` names (`scalar`, `avx2`, `avx512`).
    ///
    /// # Errors
    /// [`EncodeError::Window`] for windows of more than 20 bits, [`EncodeError::Instructions`] for instructions that there
    /// are not.
    pub fn new(code: &ChainedCode) -> Result<Self, EncodeError> {
        ChainedEncoder::with_instructions(code, Instructions::choose()?)
    }

    /// The same with the given instructions.
    ///
    /// # Errors
    /// As [`ChainedEncoder::new`].
    pub fn with_instructions(code: &ChainedCode, instructions: Instructions) -> Result<Self, EncodeError> {
        let instructions = instructions.checked()?;
        let trellis = Trellis::new(code)?;
        Ok(ChainedEncoder {
            code: code.clone(),
            grid: Grid::new(&trellis),
            scales: ScaleChoice::new(&trellis),
            trellis,
            instructions,
        })
    }

    /// The code that this encoder writes.
    pub fn code(&self) -> &ChainedCode {
        &self.code
    }

    /// Encodes `rows x columns` weights, row by row. `column_weights`, one for each column, finite and not negative, say
    /// how much an error in that column counts; all alike when there are none, or all are 0. `advance` is told, from any
    /// thread, how many weights have been finished since its last call, and may ask to stop.
    ///
    /// The result depends on the weights, the code and the column weights only.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] when there are not `rows * columns` values, [`EncodeError::NotFinite`] with the first weight
    /// that is not finite, [`EncodeError::ColumnWeights`] and [`EncodeError::ColumnWeight`] when the column weights are too
    /// many, too few or not allowed, [`EncodeError::Stopped`] when `advance` breaks, [`EncodeError::Codec`] when the matrix
    /// is too large to address.
    pub fn encode(
        &self,
        rows: usize,
        columns: usize,
        values: &[f32],
        column_weights: Option<&[f32]>,
        advance: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
    ) -> Result<EncodedChained, EncodeError> {
        self.encode_with_scale_factor(rows, columns, values, column_weights, 1.0, advance)
    }

    /// As [`ChainedEncoder::encode`], with the scale of each row multiplied by a factor before it is rounded to bfloat16. A factor of
    /// 1 changes nothing. One a little above costs hardly any error, and what is left of a
    /// row is something else: for whom can choose among several.
    ///
    /// # Errors
    /// As [`ChainedEncoder::encode`], and [`EncodeError::ScaleFactor`] when the factor is not a finite number above 0.
    pub fn encode_with_scale_factor(
        &self,
        rows: usize,
        columns: usize,
        values: &[f32],
        column_weights: Option<&[f32]>,
        scale_factor: f64,
        advance: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
    ) -> Result<EncodedChained, EncodeError> {
        check(rows, columns, values, column_weights)?;
        if !(scale_factor.is_finite() && scale_factor > 0.0) {
            return Err(EncodeError::ScaleFactor { value: scale_factor });
        }
        let bytes = ChainedMatrix::word_bytes(&self.code, rows, columns)
            .ok_or_else(|| CodecError::Tensor(format!("{rows} x {columns} weights are too many to address")))?;
        let column_weights = column_weights.and_then(integer_column_weights);
        let row = |index: usize| &values[index * columns..][..columns];
        let scales: Vec<f32> = (0..rows)
            .into_par_iter()
            .map(|index| self.scaled(row(index), column_weights.as_deref(), scale_factor))
            .collect();
        let is_zero = |&index: &usize| row(index).iter().all(|&weight| weight == 0.0);
        let (zeros, others): (Vec<usize>, Vec<usize>) = (0..rows).partition(is_zero);
        if !zeros.is_empty() && advance(zeros.len() * columns).is_break() {
            return Err(EncodeError::Stopped);
        }
        let search = RowSearch {
            trellis: &self.trellis,
            grid: self.grid,
            instructions: self.instructions,
            column_weights: column_weights.as_deref(),
            columns,
            advance: &|rows| advance(rows * columns),
        };
        let targets = |index: usize| {
            let targets = row(index).iter().map(|&weight| self.grid.target(weight, scales[index]));
            (0, targets.collect())
        };
        let mut words = vec![0; bytes];
        let mut sums = vec![(0.0, 0.0); rows];
        for found in search.encode(others, &targets, &|index, symbols| {
            self.errors(row(index), scales[index], symbols)
        })? {
            self.write_row(&mut words, found.row * columns, &found.symbols);
            sums[found.row] = found.value;
        }
        for index in zeros {
            sums[index] = self.errors(row(index), scales[index], &vec![0; columns]);
        }
        let matrix = ChainedMatrix::new(&self.code, rows, columns, scales, words)?;
        Ok(EncodedChained {
            matrix,
            // One order of summation, however the rows were shared out.
            squared_error: sums.iter().map(|(error, _)| error).sum(),
            squared_norm: sums.iter().map(|(_, norm)| norm).sum(),
        })
    }

    pub(super) fn trellis(&self) -> &Trellis {
        &self.trellis
    }

    pub(super) fn grid(&self) -> Grid {
        self.grid
    }

    pub(super) fn instructions(&self) -> Instructions {
        self.instructions
    }

    /// The scale of a row.
    pub(super) fn scale_of(&self, row: &[f32], column_weights: Option<&[u32]>) -> f32 {
        self.scaled(row, column_weights, 1.0)
    }

    /// So many times the scale of a row, rounded.
    fn scaled(&self, row: &[f32], column_weights: Option<&[u32]>, factor: f64) -> f32 {
        ChainedMatrix::legal_scale(&self.code, self.scales.scale(row, column_weights) * factor)
    }

    /// Writes the symbols of the weights from number `first`.
    pub(super) fn write_row(&self, words: &mut [u8], first: usize, symbols: &[u8]) {
        let stored = self.code.bits_per_weight() as usize;
        // As many as fit a field.
        let at_once = 128 / stored;
        for (index, symbols) in symbols.chunks(at_once).enumerate() {
            let bits = symbols
                .iter()
                .rev()
                .fold(0, |bits, &symbol| bits << stored | u128::from(symbol));
            write_field(words, (first + index * at_once) * stored, symbols.len() * stored, bits);
        }
    }

    /// The squared error and the squared norm of a row.
    fn errors(&self, weights: &[f32], scale: f32, symbols: &[u8]) -> (f64, f64) {
        let (mut error, mut norm) = (0.0, 0.0);
        for (&weight, sum) in weights.iter().zip(self.trellis.row_sums(0, symbols)) {
            let decoded = (2 * i32::from(sum) - self.trellis.total) as f32 * scale;
            let difference = f64::from(weight) - f64::from(decoded);
            error += difference * difference;
            norm += f64::from(weight) * f64::from(weight);
        }
        (error, norm)
    }
}

/// Checks what comes from the caller.
pub(super) fn check(
    rows: usize,
    columns: usize,
    values: &[f32],
    column_weights: Option<&[f32]>,
) -> Result<(), EncodeError> {
    if rows.checked_mul(columns) != Some(values.len()) {
        let values = values.len();
        return Err(EncodeError::Shape { rows, columns, values });
    }
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        return Err(EncodeError::NotFinite {
            row: index / columns,
            column: index % columns,
            value: values[index],
        });
    }
    let Some(weights) = column_weights else {
        return Ok(());
    };
    if weights.len() != columns {
        let weights = weights.len();
        return Err(EncodeError::ColumnWeights { columns, weights });
    }
    match weights
        .iter()
        .position(|weight| !(weight.is_finite() && *weight >= 0.0))
    {
        Some(column) => Err(EncodeError::ColumnWeight {
            column,
            value: weights[column],
        }),
        None => Ok(()),
    }
}
