//! What can go wrong with models on disk. Every message names the file, the tensor where there is one, and what to do.

use seedlm_encoder::EncodeError;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a model cannot be read, compressed, checked or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
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
    /// The file is shorter than its header says.
    #[error(
        "{}: the file is truncated: {expected_bytes} bytes expected, {actual_bytes} bytes found; download or copy it again",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Size that the header asks for (at least), in bytes.
        expected_bytes: u64,
        /// Size of the file in bytes.
        actual_bytes: u64,
    },
    /// A container is shorter than its header says, and whole layers of it are there.
    #[error(
        "{}: the file is cut off: {expected_bytes} bytes expected, {actual_bytes} bytes found; it still holds {held}: \
         `seedlm decompress --partial` decodes that; or download or copy it again",
        path.display()
    )]
    Cut {
        /// The file.
        path: PathBuf,
        /// Size that the header asks for, in bytes.
        expected_bytes: u64,
        /// Size of the file in bytes.
        actual_bytes: u64,
        /// What is there of the layers.
        held: String,
    },
    /// The file is not what the safetensors format allows.
    #[error("{}: not a valid safetensors file: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// One tensor is not usable.
    #[error("{}: tensor {tensor:?}: {reason}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What is wrong.
        reason: String,
    },
    /// The input has changed under the run.
    #[error("{}: tensor {tensor:?}: it has changed since this run began", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// A weight is not a number, or infinite.
    #[error(
        "{}: tensor {tensor:?}: row {row}, column {column}: the weight is {value}; \
         keep the tensor as it is with --exclude, or repair the model",
        path.display()
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Row of the weight.
        row: usize,
        /// Column of the weight.
        column: usize,
        /// The weight.
        value: f32,
    },
    /// The folder is not a model, or its index and its shards do not fit each other.
    #[error("{}: {reason}", path.display())]
    Folder {
        /// The folder or its index.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is no SeedLM description in the file.
    #[error(
        "{}: not a SeedLM container: it has no \"seedlm\" metadata (a plain model, or a container with a damaged header)",
        path.display()
    )]
    NotAContainer {
        /// The file.
        path: PathBuf,
    },
    /// A container of a format version that is not known.
    #[error(
        "{}: container version {found}, and this program reads versions 1 to {known}; update seedlm",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: u64,
        /// The newest version that this program reads.
        known: u64,
    },
    /// The description of a container does not fit the format or the file's tensors.
    #[error("{}: container refused: {reason}", path.display())]
    Container {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Layers that cannot be.
    #[error("{0}")]
    Layers(String),
    /// A checksum does not fit: bits have changed since the file was written.
    #[error("{}: damaged: {reason}; restore the file from a copy, or compress the model again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which checksum, with both values.
        reason: String,
    },
    /// A memory image or its address map that cannot be, or is not what it must be.
    #[error("{}: {reason}", path.display())]
    Image {
        /// The model, the image or the map.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A tensor pattern that cannot be used.
    #[error("pattern {pattern:?}: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// A file of rules that cannot be used.
    #[error("{}: line {line}: {reason}", path.display())]
    RuleFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A number of stored bits per weight that cannot be reached, or candidates that cannot be.
    #[error("{0}")]
    TargetBits(String),
    /// A model cannot say how much an error in one of its matrices changes.
    #[error("tensor {tensor:?}: how much its error changes what the model says cannot be measured: {source}")]
    Sensitivity {
        /// The matrix.
        tensor: String,
        /// What is wrong with the model or its text.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The output may not be written there.
    #[error("{}: {reason}", path.display())]
    Output {
        /// The output.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The encoder refuses the code.
    #[error("the encoder refuses the code: {0}")]
    Encoder(#[source] EncodeError),
    /// The caller asked to stop. Nothing was written under the output's name.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// A compression ended early, and what it had finished is kept on the disk.
    #[error(
        "{}; {finished} of {count} matrices are finished and kept in {}: {}",
        unfinished(cause),
        folder.display(),
        way_on(cause)
    )]
    Unfinished {
        /// Why it ended.
        cause: Box<ModelError>,
        /// Matrices that are finished.
        finished: usize,
        /// Matrices in all.
        count: usize,
        /// The folder that keeps them.
        folder: PathBuf,
    },
    /// Models that are to be compared have nothing in common.
    #[error(
        "{}: {reason} in {}; compare models of the same architecture, with the names of tensors that compress has left",
        path.display(),
        a.display()
    )]
    Unrelated {
        /// The other model, or the reference.
        path: PathBuf,
        /// What it has not.
        reason: String,
        /// The model that is compared with it.
        a: PathBuf,
    },
    /// The memory that a compression may use does not suffice.
    #[error(
        "{}: tensor {tensor:?}: to encode it takes about {needed} of memory, and --memory allows {allowed}; \
         give --memory {needed} or more, fewer threads with -j, or --exclude the tensor",
        path.display(),
        needed = mebibytes(*needed_bytes),
        allowed = allowed(*allowed_bytes)
    )]
    Memory {
        /// The file.
        path: PathBuf,
        /// The tensor that needs most.
        tensor: String,
        /// Memory that the whole run needs, in bytes.
        needed_bytes: u64,
        /// Memory that it may use, in bytes.
        allowed_bytes: u64,
    },
}

/// Why a run ended that has left something.
fn unfinished(cause: &ModelError) -> String {
    match cause {
        ModelError::Interrupted => "interrupted".into(),
        other => other.to_string(),
    }
}

/// What to do about such a run.
fn way_on(cause: &ModelError) -> &'static str {
    match cause {
        ModelError::Changed { .. } => {
            "restore the input and give the same command with --resume, or start anew with --force and without --resume"
        }
        _ => "the same command with --resume goes on from there",
    }
}

/// A size in MiB, rounded up and written so that `--memory` takes it.
fn mebibytes(bytes: u64) -> String {
    format!("{}MiB", bytes.div_ceil(1 << 20))
}

/// A size in MiB, rounded down; a small one in bytes.
fn allowed(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{bytes}B"),
        whole => format!("{whole}MiB"),
    }
}

impl ModelError {
    /// Wraps an error of the operating system.
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> ModelError {
        let path = path.to_path_buf();
        move |source| ModelError::Io { path, action, source }
    }

    /// A tensor that is not usable.
    pub(crate) fn tensor(path: &Path, tensor: &str, reason: impl Into<String>) -> ModelError {
        ModelError::Tensor {
            path: path.to_path_buf(),
            tensor: tensor.into(),
            reason: reason.into(),
        }
    }

    /// A memory image that cannot be.
    pub(crate) fn image(path: &Path, reason: impl ToString) -> ModelError {
        ModelError::Image {
            path: path.to_path_buf(),
            reason: reason.to_string(),
        }
    }

    /// True where the caller asked to stop, whether or not something finished is kept.
    pub fn is_interruption(&self) -> bool {
        match self {
            ModelError::Interrupted => true,
            ModelError::Unfinished { cause, .. } => cause.is_interruption(),
            _ => false,
        }
    }

    /// True where the file's content is at fault, not the way to it: what `verify` calls damage.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            ModelError::Truncated { .. }
                | ModelError::Cut { .. }
                | ModelError::Malformed { .. }
                | ModelError::Tensor { .. }
                | ModelError::NotFinite { .. }
                | ModelError::NotAContainer { .. }
                | ModelError::Version { .. }
                | ModelError::Container { .. }
                | ModelError::Damaged { .. }
                | ModelError::Image { .. }
        )
    }
}
