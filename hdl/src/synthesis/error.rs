//! What can go wrong in a synthesis.

use seedlm_codec::CodecError;
use std::io;
use std::path::PathBuf;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum SynthesisError {
    /// A program is not there.
    #[error(
        "{name} is not installed, or not on PATH: run bash testbenches/tools.sh, or name the program in {variable}"
    )]
    Missing {
        /// What the program is called.
        name: &'static str,
        /// The environment variable that may name it.
        variable: &'static str,
    },
    /// A program has failed.
    #[error("{program} has failed: {message}")]
    Failed {
        /// The program.
        program: String,
        /// What it has said.
        message: String,
    },
    /// A file cannot be read or written, or a program cannot be started.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or the program.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{what}: {reason}")]
    Unreadable {
        /// The file, or what it holds.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// A row asks for what there is not.
    #[error("{0}")]
    Setting(String),
    /// The configuration cannot be built.
    #[error(transparent)]
    Machine(#[from] CodecError),
}

impl SynthesisError {
    /// The error of reading, writing or starting `path`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| SynthesisError::Io { path, source }
    }

    /// The error of a text that is not what it should be.
    pub(crate) fn unreadable(what: impl Into<String>, reason: impl ToString) -> Self {
        SynthesisError::Unreadable {
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}
