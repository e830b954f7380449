//! What can go wrong with an import. Every message names the file, the tensor where there is one, and what to do.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a model cannot be imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The operating system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb: `open`, `write` ...
        action: &'static str,
        /// Its reason.
        source: io::Error,
    },
    /// The file is not what its format allows, or not a model that can be imported.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// One tensor is not usable.
    #[error("{}: tensor {tensor:?}: {reason}", path.display())]
    Tensor {
        /// The file that is read, or written.
        path: PathBuf,
        /// The tensor, as that file calls it.
        tensor: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The output may not be written there.
    #[error("{}: {reason}", path.display())]
    Output {
        /// The output.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The caller asked to stop. Nothing was written under the output's name.
    #[error("interrupted; nothing was written")]
    Interrupted,
}

impl ImportError {
    /// Wraps an error of the operating system.
    pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> ImportError {
        let path = path.to_path_buf();
        move |source| ImportError::Io { path, action, source }
    }

    /// A file that cannot be imported.
    pub(super) fn file(path: &Path, reason: impl Into<String>) -> ImportError {
        ImportError::File {
            path: path.to_path_buf(),
            reason: reason.into(),
        }
    }

    /// A tensor that is not usable.
    pub(super) fn tensor(path: &Path, tensor: &str, reason: impl Into<String>) -> ImportError {
        ImportError::Tensor {
            path: path.to_path_buf(),
            tensor: tensor.into(),
            reason: reason.into(),
        }
    }

    /// An output that may not be.
    pub(super) fn output(path: &Path, reason: impl Into<String>) -> ImportError {
        ImportError::Output {
            path: path.to_path_buf(),
            reason: reason.into(),
        }
    }
}
