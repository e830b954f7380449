//! What can be wrong with a matrix that is to be encoded.

use seedlm_codec::CodecError;
use seedlm_instructions::InstructionsError;
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
    /// The number of column weights is not the number of columns.
    #[error("{columns} columns need as many column weights, and there are {weights}")]
    ColumnWeights {
        /// Columns of the matrix.
        columns: usize,
        /// Column weights given.
        weights: usize,
    },
    /// A column weight is negative, infinite or not a number.
    #[error("the column weight of column {column} is {value}, and must be finite and at least 0")]
    ColumnWeight {
        /// The column.
        column: usize,
        /// Its weight.
        value: f32,
    },
    /// The factor on the scales is not a finite number above 0.
    #[error("the factor on the scales is {value}, and must be a finite number above 0")]
    ScaleFactor {
        /// The factor.
        value: f64,
    },
    /// What says how errors of neighbouring columns count together is no symmetric matrix without negative eigenvalues.
    #[error("weights of errors of {columns} columns: {reason}")]
    ErrorWeights {
        /// Columns that they are for.
        columns: usize,
        /// What is wrong with them.
        reason: String,
    },
    /// The windows of a chained code are too long to be searched.
    #[error("the windows of the code have {length} bits, and the encoder searches windows of up to 20")]
    Window {
        /// Length of a window in bits.
        length: u32,
    },
    /// The instructions that were asked for are not there.
    #[error(transparent)]
    Instructions(#[from] InstructionsError),
    /// The caller's progress function asked to stop.
    #[error("stopped on request")]
    Stopped,
    /// The codec refuses the result.
    #[error(transparent)]
    Codec(#[from] CodecError),
}
