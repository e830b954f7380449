//! The metadata of a GGUF file, read as a Llama model's configuration.

use crate::import::config::LlamaConfig;
use crate::import::error::ImportError;
use crate::import::rope::RopeScaling;
use candle_core::quantized::gguf_file::Value;
use std::collections::HashMap;
use std::path::Path;

/// Original context of the models whose rotary embeddings are scaled as Llama 3's, in tokens.
const LLAMA3_CONTEXT: usize = 8192;
/// What changes the computation in ways that Hugging Face's Llama has no words for.
const REFUSED_KEYS: [&str; 6] = [
    "llama.attention.clamp_kqv",
    "llama.attention.scale",
    "llama.attention.sliding_window",
    "llama.embedding_scale",
    "llama.logit_scale",
    "llama.residual_scale",
];

/// The entries, with the file that messages name.
pub(super) struct Metadata<'a> {
    path: &'a Path,
    entries: &'a HashMap<String, Value>,
}

impl<'a> Metadata<'a> {
    pub fn new(path: &'a Path, entries: &'a HashMap<String, Value>) -> Self {
        Metadata { path, entries }
    }

    /// An error about the file.
    pub fn refuse(&self, reason: impl Into<String>) -> ImportError {
        ImportError::file(self.path, reason)
    }

    /// The file.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    fn wrong(&self, key: &str, expected: &str) -> ImportError {
        self.refuse(format!(
            "the metadata's {key:?} is not {expected}; convert the model again"
        ))
    }

    fn missing(&self, key: &str) -> ImportError {
        self.refuse(format!("the metadata have no {key:?}; convert the model again"))
    }

    /// A whole number.
    pub fn number(&self, key: &str) -> Result<Option<usize>, ImportError> {
        let Some(value) = self.entries.get(key) else {
            return Ok(None);
        };
        let number = match *value {
            Value::I8(number) => u64::try_from(number).ok(),
            Value::I16(number) => u64::try_from(number).ok(),
            Value::I32(number) => u64::try_from(number).ok(),
            Value::I64(number) => u64::try_from(number).ok(),
            Value::Bool(_) => None,
            ref other => other.to_u64().ok(),
        };
        let number = number.and_then(|number| usize::try_from(number).ok());
        number.map(Some).ok_or_else(|| self.wrong(key, "one whole number"))
    }

    fn needed_number(&self, key: &str) -> Result<usize, ImportError> {
        self.number(key)?.ok_or_else(|| self.missing(key))
    }

    /// The number of a token.
    pub fn token(&self, key: &str) -> Result<Option<u32>, ImportError> {
        let number = self.number(key)?;
        number
            .map(|number| u32::try_from(number).map_err(|_| self.wrong(key, "the number of a token")))
            .transpose()
    }

    fn real(&self, key: &str) -> Result<Option<f32>, ImportError> {
        let number = match self.entries.get(key) {
            None => return Ok(None),
            Some(&Value::F32(number)) => number,
            Some(&Value::F64(number)) => number as f32,
            Some(_) => return Err(self.wrong(key, "a real number")),
        };
        if number.is_finite() {
            Ok(Some(number))
        } else {
            Err(self.wrong(key, "finite"))
        }
    }

    /// Yes or no.
    pub fn truth(&self, key: &str) -> Result<Option<bool>, ImportError> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(&Value::Bool(truth)) => Ok(Some(truth)),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    /// A text.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>, ImportError> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "a text")),
        }
    }

    fn array<T>(
        &self,
        key: &str,
        expected: &str,
        element: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<Vec<T>>, ImportError> {
        let wrong = || self.wrong(key, expected);
        match self.entries.get(key) {
            None => Ok(None),
            Some(Value::Array(values)) => {
                let elements: Option<Vec<T>> = values.iter().map(element).collect();
                elements.map(Some).ok_or_else(wrong)
            }
            Some(_) => Err(wrong()),
        }
    }

    /// A list of texts.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<&'a str>>, ImportError> {
        self.array(key, "a list of texts", |value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// A list of finite real numbers.
    pub fn reals(&self, key: &str) -> Result<Option<Vec<f32>>, ImportError> {
        self.array(key, "a list of finite real numbers", |value| match *value {
            Value::F32(number) if number.is_finite() => Some(number),
            _ => None,
        })
    }

    /// A list of whole numbers.
    pub fn numbers(&self, key: &str) -> Result<Option<Vec<i64>>, ImportError> {
        self.array(key, "a list of whole numbers", |value| match *value {
            Value::I32(number) => Some(number.into()),
            Value::U32(number) => Some(number.into()),
            _ => None,
        })
    }

    /// The configuration of the model with so many rows in its embedding; `tied` where there is no other output matrix.
    pub fn config(&self, embedding_rows: usize, tied: bool) -> Result<LlamaConfig, ImportError> {
        self.check_architecture()?;
        let heads = self.needed_number("llama.attention.head_count")?;
        let hidden_size = self.needed_number("llama.embedding_length")?;
        if let Some(vocabulary) = self.number("llama.vocab_size")?.filter(|&size| size != embedding_rows) {
            return Err(self.refuse(format!(
                "the metadata's \"llama.vocab_size\" is {vocabulary}, and the embedding has {embedding_rows} rows; \
                 convert the model again"
            )));
        }
        let head_dim = self.head_dim(hidden_size, heads)?;
        let context_length = self.needed_number("llama.context_length")?;
        Ok(LlamaConfig {
            hidden_size,
            intermediate_size: self.needed_number("llama.feed_forward_length")?,
            layers: self.needed_number("llama.block_count")?,
            heads,
            key_value_heads: self.number("llama.attention.head_count_kv")?.unwrap_or(heads),
            head_dim,
            vocabulary: embedding_rows,
            context_length,
            rms_epsilon: self
                .real("llama.attention.layer_norm_rms_epsilon")?
                .ok_or_else(|| self.missing("llama.attention.layer_norm_rms_epsilon"))?,
            // The default of the format.
            rope_theta: self.real("llama.rope.freq_base")?.unwrap_or(10_000.0),
            rope_scaling: self.rope_scaling(context_length)?,
            tied,
            bos: self.token("tokenizer.ggml.bos_token_id")?,
            eos: self.token("tokenizer.ggml.eos_token_id")?,
        })
    }

    fn check_architecture(&self) -> Result<(), ImportError> {
        let architecture = self
            .text("general.architecture")?
            .ok_or_else(|| self.missing("general.architecture"))?;
        if architecture != "llama" {
            return Err(self.refuse(format!(
                "the architecture is {architecture:?}, and only \"llama\" can be imported; use the model's Hugging Face folder"
            )));
        }
        if let Some(parts) = self.number("split.count")?.filter(|&parts| parts > 1) {
            return Err(self.refuse(format!(
                "one of {parts} parts of a model; merge the parts first (gguf-split --merge)"
            )));
        }
        if self.number("llama.expert_count")?.unwrap_or(0) > 0 {
            return Err(self.refuse("a mixture of experts, which cannot be imported; use a dense model"));
        }
        match REFUSED_KEYS.iter().find(|key| self.entries.contains_key(**key)) {
            None => Ok(()),
            Some(key) => Err(self.refuse(format!(
                "the metadata's {key:?} changes the computation in a way that cannot be imported; use another model"
            ))),
        }
    }

    /// Values of a head, which all keys that speak of it must agree on.
    fn head_dim(&self, hidden_size: usize, heads: usize) -> Result<usize, ImportError> {
        let head_dim = match self.number("llama.attention.key_length")? {
            Some(length) => length,
            None => match hidden_size.checked_rem(heads) {
                Some(0) => hidden_size / heads,
                _ => {
                    let reason = format!("{heads} heads do not divide an embedding of {hidden_size} values evenly");
                    return Err(self.refuse(format!("{reason}; convert the model again")));
                }
            },
        };
        for key in ["llama.attention.value_length", "llama.rope.dimension_count"] {
            if let Some(other) = self.number(key)?.filter(|&other| other != head_dim) {
                return Err(self.refuse(format!(
                    "the metadata's {key:?} is {other}, and a head has {head_dim} values; such a model cannot be imported"
                )));
            }
        }
        Ok(head_dim)
    }

    fn rope_scaling(&self, context_length: usize) -> Result<Option<RopeScaling>, ImportError> {
        let kind = self.text("llama.rope.scaling.type")?;
        let factor = match self.real("llama.rope.scaling.factor")? {
            Some(factor) => Some(factor),
            // What linear scaling was called before it had a type.
            None => self.real("llama.rope.scale_linear")?,
        };
        if let Some(factor) = factor.filter(|&factor| factor <= 0.0) {
            return Err(self.refuse(format!(
                "rotary embeddings are scaled by {factor}; convert the model again"
            )));
        }
        let scaled = factor.filter(|&factor| factor != 1.0);
        match (kind, scaled) {
            (Some("none"), _) | (Some("linear") | None, None) => Ok(None),
            (Some("linear") | None, Some(factor)) => Ok(Some(RopeScaling::Linear { factor })),
            (Some("yarn"), _) => {
                let factor = factor.ok_or_else(|| self.missing("llama.rope.scaling.factor"))?;
                let original_context = self.number("llama.rope.scaling.original_context_length")?;
                // Here a factor beside the usual one, which is 0.1 ln(factor) + 1; in Hugging Face's words the product.
                let beside = self.real("llama.rope.scaling.attn_factor")?.filter(|&beside| beside != 1.0);
                Ok(Some(RopeScaling::Yarn {
                    factor,
                    original_context: original_context.unwrap_or(context_length),
                    attention_factor: beside.map(|beside| beside * (0.1 * factor.ln() + 1.0)),
                    beta_fast: self.real("llama.rope.scaling.yarn_beta_fast")?,
                    beta_slow: self.real("llama.rope.scaling.yarn_beta_slow")?,
                }))
            }
            (Some(other), _) => Err(self.refuse(format!(
                "rotary embeddings are scaled in the way {other:?}, which cannot be imported; use the model's Hugging Face \
                 folder"
            ))),
        }
    }

    /// The original contexts, in tokens, that Llama 3's scaling may have had: the metadata's, or the usual one.
    pub fn original_contexts(&self, context_length: usize) -> Result<Vec<usize>, ImportError> {
        Ok(match self.number("llama.rope.scaling.original_context_length")? {
            Some(original) => vec![original],
            None => vec![LLAMA3_CONTEXT, context_length],
        })
    }
}
