//! What can be wrong with parameters, words and tensors.

use thiserror::Error;

/// Why the codec refuses its input.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum CodecError {
    /// A register that the format does not allow.
    #[error("LFSR of {length} bits with taps {taps:?} refused: {reason}")]
    Lfsr {
        /// Length `K` in bits.
        length: u32,
        /// The taps asked for.
        taps: Vec<u32>,
        /// What is wrong.
        reason: String,
    },
    /// Code parameters that the format does not allow.
    #[error("code parameters refused: {0}")]
    Code(String),
    /// A code preset that does not exist.
    #[error("no code preset is called {name:?}; there are: {}", known.join(", "))]
    UnknownPreset {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A block word that no encoder may write.
    #[error("row {row}, block {block}: {reason}")]
    Word {
        /// Row of the matrix.
        row: usize,
        /// Block in the row.
        block: usize,
        /// What is wrong.
        reason: String,
    },
    /// A tensor whose parts do not fit each other.
    #[error("coded tensor refused: {0}")]
    Tensor(String),
    /// A machine configuration that cannot be built.
    #[error("machine configuration refused: {0}")]
    Machine(String),
    /// A memory image, or its address map, that does not hold what it must.
    #[error("memory image refused: {0}")]
    Image(String),
    /// Numbers that the integer datapath cannot hold.
    #[error("arithmetic refused: {0}")]
    Arithmetic(String),
}
