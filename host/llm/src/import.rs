//! Makes models of other programs look like Hugging Face folders: GGUF files and the checkpoints of llama2.c.
//!
//! The rest of the crate then knows one layout only: `config.json`, `tokenizer.json` and safetensors with Hugging Face's
//! names. Both formats are hostile until checked: whatever the bytes are, the answer is an [`ImportError`] that names file
//! and tensor, and nothing is allocated that the file's own size does not justify.

mod config;
mod error;
mod gguf;
mod llama2c;
mod rope;
mod tokenizer;
mod write;

pub use error::ImportError;
pub use write::WriteReport;

use seedlm_model::{FloatDtype, Progress, Silent};
use std::path::Path;

/// A model in Hugging Face's terms, wherever it came from. All weights are finite.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedModel {
    /// The text of `config.json`, for `LlamaForCausalLM`.
    pub config_json: String,
    /// The text of `tokenizer.json`; the crate `tokenizers` has read it, and every token has its number.
    pub tokenizer_json: String,
    /// The tensors with Hugging Face's names, the rows of queries and keys in Hugging Face's order.
    pub tensors: Vec<ImportedTensor>,
}

/// A tensor of an imported model.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedTensor {
    /// Hugging Face's name, such as `model.layers.0.self_attn.q_proj.weight`.
    pub name: String,
    /// Sizes of the dimensions; of a matrix: rows (outputs), columns (inputs).
    pub shape: Vec<usize>,
    /// The values, row by row.
    pub values: Vec<f32>,
}

impl ImportedModel {
    /// Reads a GGUF file of the architecture `llama`, whatever of candle's formats its tensors have.
    ///
    /// # Errors
    /// [`ImportError`] names the file, the tensor where one is at fault, and what to do.
    pub fn from_gguf(path: impl AsRef<Path>) -> Result<Self, ImportError> {
        Self::from_gguf_with(path, &Silent)
    }

    /// As [`ImportedModel::from_gguf`], telling `progress` of each tensor and asking it whether to stop.
    ///
    /// # Errors
    /// As [`ImportedModel::from_gguf`], and [`ImportError::Interrupted`].
    pub fn from_gguf_with(path: impl AsRef<Path>, progress: &dyn Progress) -> Result<Self, ImportError> {
        gguf::import(path.as_ref(), progress)
    }

    /// Reads a checkpoint of llama2.c (version 0) with its tokenizer file.
    ///
    /// # Errors
    /// [`ImportError`] names the file, the tensor where one is at fault, and what to do.
    pub fn from_llama2c(checkpoint: impl AsRef<Path>, tokenizer: impl AsRef<Path>) -> Result<Self, ImportError> {
        Self::from_llama2c_with(checkpoint, tokenizer, &Silent)
    }

    /// As [`ImportedModel::from_llama2c`], telling `progress` of each tensor and asking it whether to stop.
    ///
    /// # Errors
    /// As [`ImportedModel::from_llama2c`], and [`ImportError::Interrupted`].
    pub fn from_llama2c_with(
        checkpoint: impl AsRef<Path>,
        tokenizer: impl AsRef<Path>,
        progress: &dyn Progress,
    ) -> Result<Self, ImportError> {
        llama2c::import(checkpoint.as_ref(), tokenizer.as_ref(), progress)
    }

    /// Checks, before any long work, that [`ImportedModel::write_with`] may write the folder there.
    ///
    /// # Errors
    /// [`ImportError::Output`].
    pub fn check_output(folder: impl AsRef<Path>, replace: bool) -> Result<(), ImportError> {
        write::check_output(folder.as_ref(), replace).map(drop)
    }

    /// Writes `model.safetensors`, `config.json` and `tokenizer.json` into a new folder, which appears whole or not at all.
    ///
    /// # Errors
    /// [`ImportError::Output`] where the folder exists or cannot be; [`ImportError::Tensor`] where a value is beyond the
    /// range of `dtype`.
    pub fn write(&self, folder: impl AsRef<Path>, dtype: FloatDtype) -> Result<WriteReport, ImportError> {
        self.write_with(folder, dtype, false, &Silent)
    }

    /// As [`ImportedModel::write`]; an existing folder that is a model or empty is replaced where `replace` says so.
    ///
    /// # Errors
    /// As [`ImportedModel::write`], and [`ImportError::Interrupted`].
    pub fn write_with(
        &self,
        folder: impl AsRef<Path>,
        dtype: FloatDtype,
        replace: bool,
        progress: &dyn Progress,
    ) -> Result<WriteReport, ImportError> {
        write::write(self, folder.as_ref(), dtype, replace, progress)
    }
}

/// Ends the work where the caller asks for it.
fn check_stop(progress: &dyn Progress) -> Result<(), ImportError> {
    if progress.stop_requested() {
        Err(ImportError::Interrupted)
    } else {
        Ok(())
    }
}

/// Refuses a tensor with a value that is no number.
fn check_finite(path: &Path, name: &str, values: &[f32]) -> Result<(), ImportError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(place) => Err(ImportError::tensor(
            path,
            name,
            format!(
                "value {place} of {} is {}; the file is damaged or was converted wrongly: get it again",
                values.len(),
                values[place]
            ),
        )),
    }
}
