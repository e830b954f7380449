//! A sentence encoder as it lies on disk: weights, architecture, tokenizer, and what sentence-transformers says of its use.

use super::config::BertConfig;
use super::encoder::SentenceEncoder;
use crate::error::LlmError;
use crate::package::{CONFIG_FILE, TOKENIZER_FILE};
use crate::text::TextTokenizer;
use seedlm_model::Model;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::{Path, PathBuf};

/// The steps from a text to its embedding, in sentence-transformers' folders.
const MODULES_FILE: &str = "modules.json";
/// The longest text that the model was trained for.
const LENGTH_FILE: &str = "sentence_bert_config.json";

/// A sentence encoder with its tokenizer.
#[derive(Debug)]
pub struct SentencePackage {
    /// Path.
    pub name: String,
    /// The tensors, plain or compressed.
    pub model: Model,
    /// The network.
    pub encoder: SentenceEncoder,
    tokenizer: TextTokenizer,
    longest_tokens: usize,
}

#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
    path: String,
}

#[derive(Deserialize)]
struct Length {
    max_seq_length: Option<usize>,
}

/// Ways to make one vector of those of all tokens; all but the mean are refused.
#[derive(Deserialize)]
struct Pooling {
    pooling_mode_mean_tokens: bool,
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_max_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_sqrt_len_tokens: bool,
    #[serde(default)]
    pooling_mode_weightedmean_tokens: bool,
    #[serde(default)]
    pooling_mode_lasttoken: bool,
}

impl SentencePackage {
    /// Opens the folder of a BERT, plain or compressed, or a weight file with `config.json` and `tokenizer.json` beside it. A folder of
    /// sentence-transformers must ask for the mean over the tokens; one that says nothing gets it too.
    ///
    /// # Errors
    /// [`LlmError`] names the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LlmError> {
        let path = path.as_ref();
        let folder = match path.is_dir() {
            true => path,
            false => path.parent().unwrap_or(Path::new("")),
        };
        // The configuration first: what is no BERT is named as that, whatever its weights are like.
        let config_file = folder.join(CONFIG_FILE);
        let config = String::from_utf8_lossy(&read(&config_file)?).into_owned();
        let config = BertConfig::from_json(&config_file.display().to_string(), &config)?;
        check_modules(folder)?;
        let tokenizer_file = folder.join(TOKENIZER_FILE);
        let tokenizer = TextTokenizer::from_json(&read(&tokenizer_file)?);
        let tokenizer = tokenizer.map_err(|error| refuse(&tokenizer_file, error.to_string()))?;
        let length: Option<Length> = optional(&folder.join(LENGTH_FILE))?;
        let longest = length
            .and_then(|length| length.max_seq_length)
            .unwrap_or(config.positions);
        let model = Model::open(path)?;
        Ok(SentencePackage {
            name: path.display().to_string(),
            longest_tokens: longest.min(config.positions),
            encoder: SentenceEncoder::new(config, &model)?,
            model,
            tokenizer,
        })
    }

    /// The tokens of a sentence, special ones included.
    ///
    /// # Errors
    /// [`LlmError::Text`] when they are more than the model reads, or one is outside its vocabulary.
    pub fn tokens(&self, sentence: &str) -> Result<Vec<u32>, LlmError> {
        let tokens = self.tokenizer.encode(sentence, true)?;
        if tokens.len() > self.longest_tokens {
            return Err(LlmError::Text(format!(
                "{} tokens, and the model reads {} at most; make two sentences of it",
                tokens.len(),
                self.longest_tokens
            )));
        }
        let vocabulary = self.encoder.config().vocabulary;
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= vocabulary) {
            return Err(LlmError::Text(format!(
                "token {token}, and the model knows {vocabulary} only: its tokenizer is of another model"
            )));
        }
        Ok(tokens)
    }
}

/// Sentence-transformers lists what follows the network: it must be the mean, and may be a norm, which changes no angle.
fn check_modules(folder: &Path) -> Result<(), LlmError> {
    let file = folder.join(MODULES_FILE);
    let modules: Vec<Module> = optional(&file)?.unwrap_or_default();
    for module in modules {
        match module.kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" | "Normalize" => {}
            "Pooling" => {
                let file = folder.join(&module.path).join(CONFIG_FILE);
                let pooling: Pooling = parse(&file, &read(&file)?)?;
                let others = [
                    pooling.pooling_mode_cls_token,
                    pooling.pooling_mode_max_tokens,
                    pooling.pooling_mode_mean_sqrt_len_tokens,
                    pooling.pooling_mode_weightedmean_tokens,
                    pooling.pooling_mode_lasttoken,
                ];
                if !pooling.pooling_mode_mean_tokens || others.contains(&true) {
                    return Err(refuse(
                        &file,
                        "only pooling_mode_mean_tokens, and no other mode beside it, can be run".into(),
                    ));
                }
            }
            _ => {
                let reason = format!(
                    "module {:?} cannot be run; Transformer, Pooling and Normalize can",
                    module.kind
                );
                return Err(refuse(&file, reason));
            }
        }
    }
    Ok(())
}

fn refuse(file: &Path, reason: String) -> LlmError {
    LlmError::File {
        path: PathBuf::from(file),
        reason,
    }
}

fn read(file: &Path) -> Result<Vec<u8>, LlmError> {
    fs::read(file).map_err(|error| {
        let needed = format!("{CONFIG_FILE}, {TOKENIZER_FILE} and its weights");
        refuse(
            file,
            format!("cannot be read: {error}; a sentence encoder is a folder with {needed}"),
        )
    })
}

fn parse<T: DeserializeOwned>(file: &Path, text: &[u8]) -> Result<T, LlmError> {
    serde_json::from_slice(text).map_err(|error| refuse(file, format!("is malformed: {error}")))
}

/// A file that need not be there.
fn optional<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, LlmError> {
    match file.exists() {
        true => parse(file, &read(file)?).map(Some),
        false => Ok(None),
    }
}
