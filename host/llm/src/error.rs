//! What can go wrong with a language model. Every message names the file or the tensor, and what to do where that helps.

use seedlm_codec::CodecError;
use seedlm_instructions::InstructionsError;
use seedlm_model::ModelError;
use std::path::PathBuf;
use thiserror::Error;

/// Why a language model cannot be opened or run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LlmError {
    /// The weights cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// `SEEDLM_SIMD` asks for instructions that are not there.
    #[error(transparent)]
    Instructions(#[from] InstructionsError),
    /// A file that comes with the weights cannot be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The architecture is none that can be run.
    #[error("{name}: {reason}")]
    Config {
        /// Path or name of the configuration.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A tensor has another shape than the configuration says.
    #[error("tensor {tensor:?} is {actual:?}, and config.json makes it {expected:?}")]
    Shape {
        /// The tensor.
        tensor: String,
        /// Its shape.
        actual: Vec<usize>,
        /// The shape that it should have.
        expected: Vec<usize>,
    },
    /// Integer arithmetic refused a product.
    #[error("tensor {tensor:?}: {source}")]
    Product {
        /// The matrix.
        tensor: String,
        /// What is wrong.
        source: CodecError,
    },
    /// A text cannot be turned into tokens, or back.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// A prompt or a window that the model cannot take.
    #[error("{0}")]
    Text(String),
    /// The machine that works the products out has failed.
    #[error("tensor {tensor:?}: {source}")]
    Machine {
        /// The matrix.
        tensor: String,
        /// Its own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl LlmError {
    /// Turns the codec's error on a matrix into one that names it.
    pub fn product(tensor: &str) -> impl FnOnce(CodecError) -> LlmError {
        let tensor = tensor.to_string();
        move |source| LlmError::Product { tensor, source }
    }
}
