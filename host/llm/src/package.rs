//! A language model as it lies on disk: weights, architecture and tokenizer.

use crate::config::ModelConfig;
use crate::error::LlmError;
use crate::language_model::LanguageModel;
use crate::text::TextTokenizer;
use seedlm_model::{Model, embedded};
use std::fs;
use std::path::Path;

/// Name of the architecture's file.
pub const CONFIG_FILE: &str = "config.json";
/// Name of the tokenizer's file.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

/// A language model with its tokenizer.
#[derive(Debug)]
pub struct Package {
    /// Path or name.
    pub name: String,
    /// The tensors, plain or compressed.
    pub model: Model,
    /// Everything but the matrices.
    pub language: LanguageModel,
    /// Text to tokens and back.
    pub tokenizer: TextTokenizer,
}

impl Package {
    /// Opens a Hugging Face folder, plain or compressed, or a weight file with `config.json` and `tokenizer.json` beside it.
    ///
    /// # Errors
    /// [`LlmError`] names the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LlmError> {
        let path = path.as_ref();
        let model = Model::open(path)?;
        let folder = match path.is_dir() {
            true => path,
            false => path.parent().unwrap_or(Path::new("")),
        };
        let read = |name: &str| {
            let file = folder.join(name);
            fs::read(&file).map_err(|error| LlmError::File {
                reason: format!(
                    "cannot be read: {error}; a language model is a folder with {CONFIG_FILE}, {TOKENIZER_FILE} and its \
                     weights (seedlm import makes one of a GGUF file)"
                ),
                path: file,
            })
        };
        let config = read(CONFIG_FILE)?;
        let config_name = folder.join(CONFIG_FILE).display().to_string();
        let config = ModelConfig::from_json(&config_name, &String::from_utf8_lossy(&config))?;
        let tokenizer = TextTokenizer::from_json(&read(TOKENIZER_FILE)?)?;
        Package::new(path.display().to_string(), model, config, tokenizer)
    }

    /// The small model that is part of the program.
    ///
    /// # Errors
    /// Only if the program itself is damaged.
    pub fn embedded() -> Result<Self, LlmError> {
        let model = Model::Plain(embedded::shakespeare()?);
        let name = embedded::SHAKESPEARE_NAME;
        let config = ModelConfig::from_json(name, embedded::SHAKESPEARE_CONFIG_JSON)?;
        let tokenizer = TextTokenizer::from_json(embedded::SHAKESPEARE_TOKENIZER_JSON.as_bytes())?;
        Package::new(name.into(), model, config, tokenizer)
    }

    fn new(name: String, model: Model, config: ModelConfig, tokenizer: TextTokenizer) -> Result<Self, LlmError> {
        Ok(Package {
            name,
            language: LanguageModel::new(config, &model)?,
            model,
            tokenizer,
        })
    }
}
