//! What can be wrong with a matrix that is to be encoded.

use seedlm_codec::CodecError;
use thiserror::Error;

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
