//! The dimensions of a Llama model, checked, and as Hugging Face's `config.json`.

use super::error::ImportError;
use super::rope::RopeScaling;
use serde_json::{Value, json};
use std::path::Path;

/// What `config.json` says of a model.
#[derive(Clone, Debug)]
pub(super) struct LlamaConfig {
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub layers: usize,
    pub heads: usize,
    /// Heads of keys and values; each serves `heads / key_value_heads` heads of queries.
    pub key_value_heads: usize,
    /// Values of a head.
    pub head_dim: usize,
    pub vocabulary: usize,
    /// Longest text in tokens.
    pub context_length: usize,
    pub rms_epsilon: f32,
    pub rope_theta: f32,
    pub rope_scaling: Option<RopeScaling>,
    /// The output matrix is the embedding.
    pub tied: bool,
    pub bos: Option<u32>,
    pub eos: Option<u32>,
}

/// The matrices and vectors of a layer, by the last part of Hugging Face's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LayerTensor {
    AttentionNorm,
    Query,
    Key,
    Value,
    Output,
    MlpNorm,
    Gate,
    Up,
    Down,
}

/// The tensors of a layer, in the order of the computation.
pub(super) const LAYER_TENSORS: [LayerTensor; 9] = [
    LayerTensor::AttentionNorm,
    LayerTensor::Query,
    LayerTensor::Key,
    LayerTensor::Value,
    LayerTensor::Output,
    LayerTensor::MlpNorm,
    LayerTensor::Gate,
    LayerTensor::Up,
    LayerTensor::Down,
];

impl LayerTensor {
    /// Hugging Face's name in layer `layer`.
    pub fn name(self, layer: usize) -> String {
        let part = match self {
            LayerTensor::AttentionNorm => "input_layernorm",
            LayerTensor::Query => "self_attn.q_proj",
            LayerTensor::Key => "self_attn.k_proj",
            LayerTensor::Value => "self_attn.v_proj",
            LayerTensor::Output => "self_attn.o_proj",
            LayerTensor::MlpNorm => "post_attention_layernorm",
            LayerTensor::Gate => "mlp.gate_proj",
            LayerTensor::Up => "mlp.up_proj",
            LayerTensor::Down => "mlp.down_proj",
        };
        format!("model.layers.{layer}.{part}.weight")
    }

    /// Its shape: rows (outputs), columns (inputs).
    pub fn shape(self, config: &LlamaConfig) -> Vec<usize> {
        let hidden = config.hidden_size;
        match self {
            LayerTensor::AttentionNorm | LayerTensor::MlpNorm => vec![hidden],
            LayerTensor::Query => vec![config.heads * config.head_dim, hidden],
            LayerTensor::Key | LayerTensor::Value => vec![config.key_value_heads * config.head_dim, hidden],
            LayerTensor::Output => vec![hidden, config.heads * config.head_dim],
            LayerTensor::Gate | LayerTensor::Up => vec![config.intermediate_size, hidden],
            LayerTensor::Down => vec![hidden, config.intermediate_size],
        }
    }

    /// The heads whose rows have to be put into Hugging Face's order, if any.
    pub fn rotated_heads(self, config: &LlamaConfig) -> Option<usize> {
        match self {
            LayerTensor::Query => Some(config.heads),
            LayerTensor::Key => Some(config.key_value_heads),
            _ => None,
        }
    }
}

impl LlamaConfig {
    /// Refuses dimensions that cannot be a model. No product of two of them overflows afterwards.
    pub fn check(&self, path: &Path) -> Result<(), ImportError> {
        let refuse = |reason: String| Err(ImportError::file(path, format!("{reason}; get the file again")));
        let sizes = [
            ("embedding length", self.hidden_size),
            ("feed-forward length", self.intermediate_size),
            ("number of layers", self.layers),
            ("number of heads", self.heads),
            ("number of key and value heads", self.key_value_heads),
            ("length of a head", self.head_dim),
            ("size of the vocabulary", self.vocabulary),
            ("context length", self.context_length),
        ];
        for (what, size) in sizes {
            if size == 0 || size > i32::MAX as usize {
                return refuse(format!("the {what} is {size}, which no model has"));
            }
        }
        if !self.heads.is_multiple_of(self.key_value_heads) {
            return refuse(format!(
                "{} heads cannot share {} key and value heads evenly",
                self.heads, self.key_value_heads
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            return refuse(format!(
                "a head has {} values, and rotary embeddings rotate pairs",
                self.head_dim
            ));
        }
        for (what, value) in [("RMS epsilon", self.rms_epsilon), ("rope theta", self.rope_theta)] {
            if !(value.is_finite() && value > 0.0) {
                return refuse(format!("the {what} is {value}, and must be finite and positive"));
            }
        }
        for (what, id) in [("bos", self.bos), ("eos", self.eos)] {
            if id.is_some_and(|id| id as usize >= self.vocabulary) {
                return refuse(format!("the {what} token is not one of the {} tokens", self.vocabulary));
            }
        }
        Ok(())
    }

    /// The text of `config.json`.
    pub fn to_json(&self) -> String {
        let config = json!({
            "architectures": ["LlamaForCausalLM"],
            "attention_bias": false,
            "bos_token_id": self.bos,
            "eos_token_id": self.eos,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.context_length,
            "mlp_bias": false,
            "model_type": "llama",
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.key_value_heads,
            "rms_norm_eps": number(self.rms_epsilon),
            "rope_scaling": self.rope_scaling.as_ref().map(RopeScaling::to_json),
            "rope_theta": number(self.rope_theta),
            "tie_word_embeddings": self.tied,
            "vocab_size": self.vocabulary,
        });
        format!("{config:#}\n")
    }
}

/// A binary32 as the shortest decimal that stands for it: 1e-5, not 9.999999747378752e-6.
pub(super) fn number(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}
