//! The small language model that is part of the program, so that everything can be tried without a download.
//!
//! A byte-level Llama, trained for this project on public-domain text; see `embedded/` for its training script, its
//! data and its measured loss.

use crate::error::ModelError;
use crate::source::Source;

/// Name of the embedded model in messages and reports.
pub const SHAKESPEARE_NAME: &str = "embedded:shakespeare";
/// Its architecture, as Hugging Face's `config.json`.
pub const SHAKESPEARE_CONFIG_JSON: &str = include_str!("../embedded/shakespeare/config.json");
/// Its weights, as a safetensors file.
pub const SHAKESPEARE_SAFETENSORS: &[u8] = include_bytes!("../embedded/shakespeare/model.safetensors");
/// Its tokenizer, as Hugging Face's `tokenizer.json`.
pub const SHAKESPEARE_TOKENIZER_JSON: &str = include_str!("../embedded/shakespeare/tokenizer.json");
/// A text for evaluation, sampled from the model itself at full precision.
pub const SHAKESPEARE_SAMPLE_TEXT: &str = include_str!("../embedded/shakespeare/sample.txt");

/// The embedded model's tensors.
///
/// # Errors
/// As [`Source::open`]; only if the program itself is damaged.
pub fn shakespeare() -> Result<Source, ModelError> {
    Source::from_static(SHAKESPEARE_NAME, SHAKESPEARE_SAFETENSORS)
}
