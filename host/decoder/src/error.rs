//! What can be wrong with a request.

use seedlm_instructions::InstructionsError;
use std::ops::Range;
use thiserror::Error;

/// Why the decoder refuses a request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The instructions asked for are not there.
    #[error(transparent)]
    Instructions(#[from] InstructionsError),
    /// The matrix is in another code than the decoder.
    #[error("this decoder is for {decoder}, and the matrix is in {matrix}")]
    Code {
        /// The decoder's code.
        decoder: String,
        /// The matrix's format.
        matrix: String,
    },
    /// The matrix does not have these rows.
    #[error("rows {}..{} are asked for, and the matrix has {matrix}", rows.start, rows.end)]
    Rows {
        /// What was asked for.
        rows: Range<usize>,
        /// The matrix's number of rows.
        matrix: usize,
    },
    /// A slice of another length than it should be.
    #[error("the {what} must have {expected} places, and have {found}")]
    Length {
        /// What the slice is for.
        what: &'static str,
        /// Its length as it should be.
        expected: usize,
        /// Its length as it is.
        found: usize,
    },
}
