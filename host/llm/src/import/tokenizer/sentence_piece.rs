//! SentencePiece vocabularies with scores, as Llama 1 and 2 and llama2.c have them, as BPE with bytes to fall back to.
//!
//! SentencePiece joins, again and again, the two neighbours whose union has the best score. BPE has a list of merges instead.
//! As in Hugging Face's converter, every way to cut a token into two tokens is a merge, and the merges are sorted by the score
//! of their union, then by the longer left and right part.

use super::{Parts, Vocabulary};
use crate::import::error::ImportError;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// Longest token in bytes. The ways to cut tokens grow with the square of their length; real ones have below a hundred.
const LONGEST_TOKEN_BYTES: usize = 1024;
/// What stands for a space.
pub(in crate::import) const SPACE: &str = "\u{2581}";

/// What a SentencePiece tokenizer has beside its tokens.
#[derive(Clone, Debug)]
pub(in crate::import) struct SentencePiece<'a> {
    /// Finite, one for each token; the best is the largest.
    pub scores: &'a [f32],
    /// Stands for what neither tokens nor bytes give.
    pub unknown: u32,
    /// A space is put before each text.
    pub add_space_prefix: bool,
}

impl SentencePiece<'_> {
    /// The text of `tokenizer.json`.
    pub fn tokenizer_json(&self, path: &Path, vocabulary: &Vocabulary) -> Result<String, ImportError> {
        let unknown = vocabulary.tokens.get(self.unknown as usize).ok_or_else(|| {
            let reason = format!("the token for the unknown, {}, is not one of the tokens", self.unknown);
            ImportError::file(path, format!("{reason}; convert the model again"))
        })?;
        let model = json!({
            "type": "BPE",
            "dropout": null,
            "unk_token": unknown,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": true,
            "byte_fallback": true,
            "ignore_merges": false,
            "vocab": vocabulary.numbers(path)?,
            "merges": self.merges(path, &vocabulary.tokens)?,
        });
        let replace = |from: &str, to: &str| json!({"type": "Replace", "pattern": {"String": from}, "content": to});
        let mut normalizers = vec![replace(" ", SPACE)];
        let mut decoders = vec![
            replace(SPACE, " "),
            json!({"type": "ByteFallback"}),
            json!({"type": "Fuse"}),
        ];
        if self.add_space_prefix {
            normalizers.insert(0, json!({"type": "Prepend", "prepend": SPACE}));
            decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
        }
        let parts = Parts {
            normalizer: json!({"type": "Sequence", "normalizers": normalizers}),
            pre_tokenizer: Value::Null,
            decoder: json!({"type": "Sequence", "decoders": decoders}),
            model,
        };
        vocabulary.finish(path, parts)
    }

    /// The merges, best first.
    fn merges<'t>(&self, path: &Path, tokens: &'t [String]) -> Result<Vec<[&'t str; 2]>, ImportError> {
        let ids: HashMap<&str, usize> = tokens
            .iter()
            .enumerate()
            .map(|(id, token)| (token.as_str(), id))
            .collect();
        let mut merges = Vec::new();
        for (token, &score) in tokens.iter().zip(self.scores) {
            if token.len() > LONGEST_TOKEN_BYTES {
                let reason = format!("a token has {} bytes, more than {LONGEST_TOKEN_BYTES}", token.len());
                return Err(ImportError::file(path, format!("{reason}; convert the model again")));
            }
            for (place, _) in token.char_indices().skip(1) {
                let (left, right) = token.split_at(place);
                if let (Some(&left_id), Some(&right_id)) = (ids.get(left), ids.get(right)) {
                    let lengths = (left.chars().count(), right.chars().count());
                    merges.push((score, lengths, (left_id, right_id), [left, right]));
                }
            }
        }
        merges.sort_by(|left, right| {
            // Adding zero makes the two zeros one.
            let by_score = (right.0 + 0.0).total_cmp(&(left.0 + 0.0));
            by_score.then(right.1.cmp(&left.1)).then(left.2.cmp(&right.2))
        });
        Ok(merges.into_iter().map(|(.., parts)| parts).collect())
    }
}
