//! The seed search: from real weights to the words of a SeedLM code.
//!
//! [`BlockEncoder`] is made once for a code (it holds tables for all seeds) and encodes any number of matrices.

use seedlm_codec::{BlockCode, CodecError, CodedMatrix};
use std::ops::ControlFlow;
use thiserror::Error;

/// How the coefficients of a block are chosen, given the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quantizer {
    /// The rule as the paper prints it: exponent `floor(log2 max|t|)` of the least-squares solution.
    Printed,
    /// Least-squares solution rounded to the nearest integers, best exponent.
    Rounded,
    /// The optimum over all seeds, exponents and coefficients.
    #[default]
    Exact,
}

/// A matrix and what the code made of it.
#[derive(Clone, Debug)]
pub struct EncodedMatrix {
    /// The words and the scale.
    pub matrix: CodedMatrix,
    /// Sum over the real weights of `(w - w')^2`, `w'` the decoded weight, in the weights' own units.
    pub squared_error: f64,
    /// Sum of `w^2`.
    pub squared_norm: f64,
}

/// Why a matrix cannot be encoded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A weight is not a number, or infinite.
    #[error("row {row}, column {column}: the weight is {value}")]
    NotFinite {
        /// Row of the weight.
        row: usize,
        /// Column of the weight.
        column: usize,
        /// The weight.
        value: f32,
    },
    /// The number of values is not rows times columns.
    #[error("{rows} x {columns} weights are not {values} values")]
    Shape {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        columns: usize,
        /// Values given.
        values: usize,
    },
    /// The caller's progress function asked to stop.
    #[error("stopped on request")]
    Stopped,
    /// The codec refuses the result.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Encodes matrices in one block code.
pub struct BlockEncoder {
    code: BlockCode,
}

impl BlockEncoder {
    /// Prepares the tables for a code.
    ///
    /// # Errors
    /// When the code is one that this encoder cannot search.
    pub fn new(code: &BlockCode) -> Result<Self, EncodeError> {
        Ok(BlockEncoder { code: code.clone() })
    }

    /// Encodes `rows x columns` weights, row by row. `advance` is told, from any thread, how many weights have been
    /// finished since its last call, and may ask to stop.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode(
        &self,
        rows: usize,
        columns: usize,
        values: &[f32],
        quantizer: Quantizer,
        advance: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
    ) -> Result<EncodedMatrix, EncodeError> {
        let _ = (rows, columns, values, quantizer, advance, &self.code);
        todo!()
    }
}
