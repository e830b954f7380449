//! The tokenizer of a GGUF file.

use super::metadata::Metadata;
use crate::import::config::LlamaConfig;
use crate::import::error::ImportError;
use crate::import::tokenizer::{ByteLevel, SentencePiece, Vocabulary};

/// The types of tokens by their numbers.
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

/// The text of `tokenizer.json`.
pub(super) fn tokenizer_json(metadata: &Metadata, config: &LlamaConfig) -> Result<String, ImportError> {
    let needed = |key: &str| metadata.refuse(format!("the metadata have no {key:?}; convert the model again"));
    let model = metadata
        .text("tokenizer.ggml.model")?
        .ok_or_else(|| needed("tokenizer.ggml.model"))?;
    let tokens = metadata
        .texts("tokenizer.ggml.tokens")?
        .ok_or_else(|| needed("tokenizer.ggml.tokens"))?;
    if tokens.len() != config.vocabulary {
        return Err(metadata.refuse(format!(
            "the tokenizer has {} tokens, and the embedding {} rows; convert the model again",
            tokens.len(),
            config.vocabulary
        )));
    }
    let kinds = metadata.numbers("tokenizer.ggml.token_type")?;
    check_length(
        metadata,
        "tokenizer.ggml.token_type",
        kinds.as_ref().map(Vec::len),
        tokens.len(),
    )?;
    let of_kind = |wanted: &[i64]| -> Vec<usize> {
        let kinds = kinds.iter().flatten().enumerate();
        kinds
            .filter(|(_, kind)| wanted.contains(kind))
            .map(|(id, _)| id)
            .collect()
    };
    let mut special = of_kind(&[UNKNOWN, CONTROL]);
    if kinds.is_none() {
        // Without types, what the metadata give a role is all that is known to be special.
        special.extend(config.bos.into_iter().chain(config.eos).map(|id| id as usize));
        special.sort_unstable();
        special.dedup();
    }
    let add_bos = metadata.truth("tokenizer.ggml.add_bos_token")?;
    let add_eos = metadata.truth("tokenizer.ggml.add_eos_token")?.unwrap_or(false);
    let vocabulary = |add_bos_by_default: bool| Vocabulary {
        tokens: tokens.iter().map(ToString::to_string).collect(),
        special,
        user_defined: of_kind(&[USER_DEFINED]),
        bos: config.bos.filter(|_| add_bos.unwrap_or(add_bos_by_default)),
        eos: config.eos.filter(|_| add_eos),
    };
    match model {
        "gpt2" => {
            let merges = metadata
                .texts("tokenizer.ggml.merges")?
                .ok_or_else(|| needed("tokenizer.ggml.merges"))?;
            let name = metadata.text("tokenizer.ggml.pre")?.unwrap_or("default");
            let split = ByteLevel::named(name).ok_or_else(|| {
                metadata.refuse(format!(
                    "the pre-tokenizer {name:?} is unknown (known: {}); use the model's Hugging Face folder",
                    ByteLevel::NAMES.join(", ")
                ))
            })?;
            split.tokenizer_json(metadata.path(), &vocabulary(split == ByteLevel::Llama3), &merges)
        }
        "llama" => {
            let scores = metadata
                .reals("tokenizer.ggml.scores")?
                .ok_or_else(|| needed("tokenizer.ggml.scores"))?;
            check_length(metadata, "tokenizer.ggml.scores", Some(scores.len()), tokens.len())?;
            let unknown = metadata.token("tokenizer.ggml.unknown_token_id")?.unwrap_or(0);
            let sentence_piece = SentencePiece {
                scores: &scores,
                unknown,
                add_space_prefix: metadata.truth("tokenizer.ggml.add_space_prefix")?.unwrap_or(true),
            };
            sentence_piece.tokenizer_json(metadata.path(), &vocabulary(true))
        }
        other => Err(metadata.refuse(format!(
            "the tokenizer is of the kind {other:?}, and only \"gpt2\" and \"llama\" can be imported; use the model's \
             Hugging Face folder"
        ))),
    }
}

/// Refuses a list that has not one element per token.
fn check_length(metadata: &Metadata, key: &str, length: Option<usize>, tokens: usize) -> Result<(), ImportError> {
    match length {
        Some(length) if length != tokens => Err(metadata.refuse(format!(
            "the metadata's {key:?} has {length} elements for {tokens} tokens; convert the model again"
        ))),
        _ => Ok(()),
    }
}
