//! Byte-level BPE: the tokenizers of GPT-2 and of what came after it, with the merges as they are.

use super::{Parts, Vocabulary};
use crate::import::error::ImportError;
use serde_json::{Value, json};
use std::path::Path;

/// How a text is cut before the merges begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum ByteLevel {
    Gpt2,
    Llama3,
    SmolLm,
    Qwen2,
}

/// Contractions, words with one sign before them, at most three digits, signs, line ends, spaces.
const LLAMA3_PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The same with single digits.
const QWEN2_PATTERN: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

impl ByteLevel {
    /// The names that GGUF files have for them.
    pub const NAMES: [&str; 5] = ["default", "gpt-2", "llama-bpe", "smollm", "qwen2"];

    /// The one that GGUF files call so. A file that says `default` does not know better; GPT-2's is what Hugging Face
    /// falls back to as well.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "default" | "gpt-2" => Some(ByteLevel::Gpt2),
            "llama-bpe" => Some(ByteLevel::Llama3),
            "smollm" => Some(ByteLevel::SmolLm),
            "qwen2" => Some(ByteLevel::Qwen2),
            _ => None,
        }
    }

    /// The text of `tokenizer.json`. A merge is two tokens with a space between them; no token of this kind has one.
    pub fn tokenizer_json(self, path: &Path, vocabulary: &Vocabulary, merges: &[&str]) -> Result<String, ImportError> {
        let pair = |merge: &&str| {
            merge
                .split_once(' ')
                .map(|(left, right)| [left.to_string(), right.to_string()])
                .ok_or_else(|| {
                    let reason =
                        format!("the merge {merge:?} is not two tokens with a space between; convert the model again");
                    ImportError::file(path, reason)
                })
        };
        let merges = merges.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
        let model = json!({
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": false,
            "byte_fallback": false,
            // Llama 3 takes a whole word that is a token, whether or not merges lead there.
            "ignore_merges": self == ByteLevel::Llama3,
            "vocab": vocabulary.numbers(path)?,
            "merges": merges,
        });
        let parts = Parts {
            normalizer: if self == ByteLevel::Qwen2 {
                json!({"type": "NFC"})
            } else {
                Value::Null
            },
            pre_tokenizer: self.pre_tokenizer(),
            decoder: byte_level(true),
            model,
        };
        vocabulary.finish(path, parts)
    }

    fn pre_tokenizer(self) -> Value {
        let sequence = |first: Value, with_pattern: bool| json!({"type": "Sequence", "pretokenizers": [first, byte_level(with_pattern)]});
        let split = |pattern: &str| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
        match self {
            ByteLevel::Gpt2 => byte_level(true),
            ByteLevel::SmolLm => sequence(json!({"type": "Digits", "individual_digits": true}), true),
            ByteLevel::Llama3 => sequence(split(LLAMA3_PATTERN), false),
            ByteLevel::Qwen2 => sequence(split(QWEN2_PATTERN), false),
        }
    }
}

/// Bytes as printable characters, and back; cuts by GPT-2's pattern where asked to.
fn byte_level(with_pattern: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": with_pattern})
}
