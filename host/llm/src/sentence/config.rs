//! The architecture of a BERT, as Hugging Face's `config.json` describes it.

use crate::config::check_sizes;
use crate::error::LlmError;
use serde::Deserialize;

/// Sizes and constants of a BERT. All sizes are at least 1.
#[derive(Clone, Debug, PartialEq)]
pub struct BertConfig {
    /// Number of tokens in the vocabulary.
    pub vocabulary: usize,
    /// Values of the vector of a token, and of an embedding.
    pub hidden_size: usize,
    /// Values between the matrices of the feed-forward part.
    pub intermediate_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Heads of the attention; `hidden_size` is a multiple of it.
    pub heads: usize,
    /// Longest sequence, in tokens.
    pub positions: usize,
    /// Kinds of tokens; a single sentence has only the first.
    pub token_types: usize,
    /// What LayerNorm adds to the variance.
    pub norm_epsilon: f64,
}

/// The fields of the file that are read; what is not named here does not change the arithmetic.
#[derive(Deserialize)]
struct Fields {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
    hidden_act: String,
    position_embedding_type: Option<String>,
}

/// Only what kind of a model it is: read first, since another kind has other fields.
#[derive(Deserialize)]
struct Kind {
    model_type: Option<String>,
}

impl BertConfig {
    /// Reads a `config.json`; `name` is the file in messages.
    ///
    /// # Errors
    /// [`LlmError::Config`] when it is malformed, or describes a model that is no BERT.
    pub fn from_json(name: &str, text: &str) -> Result<Self, LlmError> {
        let refuse = |reason: String| LlmError::Config {
            name: name.to_string(),
            reason,
        };
        let malformed = |error| refuse(format!("not the configuration of a BERT: {error}"));
        let kind: Kind = serde_json::from_str(text).map_err(malformed)?;
        if kind.model_type.as_deref() != Some("bert") {
            let named = kind
                .model_type
                .map_or("is missing".into(), |kind| format!("is {kind:?}"));
            return Err(refuse(format!(
                "not a BERT: model_type {named}; sentences are embedded with model_type \"bert\" only, and language models are \
                 compared by seedlm eval"
            )));
        }
        let fields: Fields = serde_json::from_str(text).map_err(malformed)?;
        let only = |field: &str, value: &str, only: &str| match value == only {
            true => Ok(()),
            false => Err(refuse(format!("{field} is {value:?}, and only {only:?} can be run"))),
        };
        only("hidden_act", &fields.hidden_act, "gelu")?;
        let positions = fields.position_embedding_type.as_deref().unwrap_or("absolute");
        only("position_embedding_type", positions, "absolute")?;
        let config = BertConfig {
            vocabulary: fields.vocab_size,
            hidden_size: fields.hidden_size,
            intermediate_size: fields.intermediate_size,
            layers: fields.num_hidden_layers,
            heads: fields.num_attention_heads,
            positions: fields.max_position_embeddings,
            token_types: fields.type_vocab_size,
            norm_epsilon: fields.layer_norm_eps,
        };
        config.check().map_err(refuse)?;
        Ok(config)
    }

    /// Values of a head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.heads
    }

    fn check(&self) -> Result<(), String> {
        let sizes = [
            ("vocab_size", self.vocabulary),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.heads),
            ("max_position_embeddings", self.positions),
            ("type_vocab_size", self.token_types),
        ];
        check_sizes(&sizes)?;
        if !self.hidden_size.is_multiple_of(self.heads) {
            return Err(format!(
                "hidden_size {} is no multiple of num_attention_heads {}",
                self.hidden_size, self.heads
            ));
        }
        if !(self.norm_epsilon.is_finite() && self.norm_epsilon >= 0.0) {
            return Err(format!("layer_norm_eps is {}", self.norm_epsilon));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"model_type": "bert", "vocab_size": 30522, "hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6,
        "num_attention_heads": 12, "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu"}"#;

    #[test]
    fn other_architectures_are_refused_with_the_reason() {
        assert_eq!(BertConfig::from_json("config.json", TEXT).unwrap().head_size(), 32);
        for (from, to, reason) in [
            (
                r#""model_type": "bert""#,
                r#""model_type": "llama""#,
                "not a BERT: model_type is \"llama\"",
            ),
            (r#""model_type": "bert", "#, "", "not a BERT: model_type is missing"),
            (r#""hidden_act": "gelu""#, r#""hidden_act": "relu""#, "only \"gelu\""),
            (
                r#""hidden_act": "gelu""#,
                r#""hidden_act": "gelu", "position_embedding_type": "relative_key""#,
                "only \"absolute\"",
            ),
            (
                r#""num_attention_heads": 12"#,
                r#""num_attention_heads": 7"#,
                "no multiple",
            ),
            (
                r#""num_attention_heads": 12"#,
                r#""num_attention_heads": 0"#,
                "num_attention_heads is 0",
            ),
            (
                r#""hidden_size": 384"#,
                r#""hidden_size": 99999999"#,
                "hidden_size is 99999999",
            ),
            (
                r#""layer_norm_eps": 1e-12"#,
                r#""layer_norm_eps": -1"#,
                "layer_norm_eps is -1",
            ),
            (r#""vocab_size": 30522, "#, "", "missing field `vocab_size`"),
            ("}", "", "not the configuration of a BERT"),
        ] {
            let text = TEXT.replacen(from, to, 1);
            assert_ne!(text, TEXT, "{from}");
            let error = BertConfig::from_json("config.json", &text).unwrap_err().to_string();
            assert!(error.starts_with("config.json: ") && error.contains(reason), "{error}");
        }
    }
}
