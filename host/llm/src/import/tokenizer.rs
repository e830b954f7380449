//! Tokenizers of other programs as Hugging Face's `tokenizer.json`.

mod byte_level;
mod sentence_piece;

pub(super) use byte_level::ByteLevel;
pub(super) use sentence_piece::{SPACE, SentencePiece};

use super::error::ImportError;
use serde_json::{Map, Value, json};
use std::path::Path;
use tokenizers::Tokenizer;

/// The tokens of a tokenizer, by number.
#[derive(Clone, Debug)]
pub(super) struct Vocabulary {
    pub tokens: Vec<String>,
    /// Tokens that stand for no text and that decoding leaves out.
    pub special: Vec<usize>,
    /// Tokens that are found in the text before anything else is.
    pub user_defined: Vec<usize>,
    /// Put before every text.
    pub bos: Option<u32>,
    /// Put after every text.
    pub eos: Option<u32>,
}

impl Vocabulary {
    /// Each token with its number.
    fn numbers(&self, path: &Path) -> Result<Map<String, Value>, ImportError> {
        let mut numbers = Map::new();
        for (id, token) in self.tokens.iter().enumerate() {
            if let Some(first) = numbers.insert(token.clone(), id.into()) {
                let reason = format!("the tokens {first} and {id} are both {token:?}; convert the model again");
                return Err(ImportError::file(path, reason));
            }
        }
        Ok(numbers)
    }

    /// The tokens that are looked for in the text as they are.
    fn added(&self) -> Value {
        let mut added: Vec<(usize, bool)> = self.special.iter().map(|&id| (id, true)).collect();
        added.extend(self.user_defined.iter().map(|&id| (id, false)));
        added.sort_unstable();
        let entry = |(id, special): (usize, bool)| {
            json!({
                "id": id, "content": self.tokens[id], "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": special,
            })
        };
        added.into_iter().map(entry).collect()
    }

    /// What puts bos before and eos after each text; null where nothing is added.
    fn template(&self) -> Value {
        let (bos, eos) = (self.bos, self.eos);
        if bos.is_none() && eos.is_none() {
            return Value::Null;
        }
        let token = |id: u32, text: usize| json!({"SpecialToken": {"id": self.tokens[id as usize], "type_id": text}});
        let text = |name: &str, text: usize| {
            let middle = json!({"Sequence": {"id": name, "type_id": text}});
            let first = bos.map(|id| token(id, text));
            let last = eos.map(|id| token(id, text));
            first.into_iter().chain([middle]).chain(last).collect::<Vec<Value>>()
        };
        let entries = bos.into_iter().chain(eos).map(|id| {
            let token = &self.tokens[id as usize];
            (token.clone(), json!({"id": token, "ids": [id], "tokens": [token]}))
        });
        let pair = [text("A", 0), text("B", 1)].concat();
        json!({
            "type": "TemplateProcessing",
            "single": text("A", 0),
            "pair": pair,
            "special_tokens": entries.collect::<Map<String, Value>>(),
        })
    }

    /// Puts the parts together, and lets the crate `tokenizers` read them: every token must have kept its number.
    fn finish(&self, path: &Path, parts: Parts) -> Result<String, ImportError> {
        let tokenizer = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": self.added(),
            "normalizer": parts.normalizer,
            "pre_tokenizer": parts.pre_tokenizer,
            "post_processor": self.template(),
            "decoder": parts.decoder,
            "model": parts.model,
        });
        let text = format!("{tokenizer:#}\n");
        let refuse = |reason: String| {
            ImportError::file(
                path,
                format!("the tokenizer cannot be used: {reason}; convert the model again"),
            )
        };
        let read = Tokenizer::from_bytes(&text).map_err(|error| refuse(error.to_string()))?;
        let count = read.get_vocab_size(true);
        if count != self.tokens.len() {
            return Err(refuse(format!(
                "it has {count} tokens instead of {}",
                self.tokens.len()
            )));
        }
        let moved = (0..count).find(|&id| read.id_to_token(id as u32).as_ref() != Some(&self.tokens[id]));
        match moved {
            None => Ok(text),
            Some(id) => Err(refuse(format!("its token {id} is not {:?}", self.tokens[id]))),
        }
    }
}

/// What differs between kinds of tokenizers.
struct Parts {
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
    model: Value,
}
