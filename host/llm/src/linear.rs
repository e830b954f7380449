//! The matrix products of a model: what differs from one backend to the next.

use crate::config::ModelConfig;
use crate::error::LlmError;
use std::fmt;

/// A matrix of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Projection {
    /// Queries of the attention.
    Query,
    /// Keys of the attention.
    Key,
    /// Values of the attention.
    Value,
    /// What the attention gives back.
    Output,
    /// The gate of the feed-forward part.
    Gate,
    /// What the gate is multiplied with.
    Up,
    /// What the feed-forward part gives back.
    Down,
}

impl Projection {
    /// All of them, in the order in which a layer uses them.
    pub const ALL: [Projection; 7] = [
        Projection::Query,
        Projection::Key,
        Projection::Value,
        Projection::Output,
        Projection::Gate,
        Projection::Up,
        Projection::Down,
    ];

    fn name(self) -> &'static str {
        match self {
            Projection::Query => "self_attn.q_proj",
            Projection::Key => "self_attn.k_proj",
            Projection::Value => "self_attn.v_proj",
            Projection::Output => "self_attn.o_proj",
            Projection::Gate => "mlp.gate_proj",
            Projection::Up => "mlp.up_proj",
            Projection::Down => "mlp.down_proj",
        }
    }
}

/// A matrix of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Linear {
    /// One of a layer, with the layer's number.
    Layer(usize, Projection),
    /// What turns the last vector into one number per token of the vocabulary.
    Head,
}

impl Linear {
    /// All matrices of a model, in the order in which a token uses them; the head last.
    pub fn all(config: &ModelConfig) -> impl Iterator<Item = Linear> + use<> {
        let layers = 0..config.layers;
        let in_layers = layers.flat_map(|layer| Projection::ALL.map(|projection| Linear::Layer(layer, projection)));
        in_layers.chain([Linear::Head])
    }

    /// Its place in [`Linear::all`].
    pub fn index(self, config: &ModelConfig) -> usize {
        match self {
            Linear::Layer(layer, projection) => layer * Projection::ALL.len() + projection as usize,
            Linear::Head => config.layers * Projection::ALL.len(),
        }
    }

    /// Rows (outputs) and columns (inputs).
    pub fn shape(self, config: &ModelConfig) -> [usize; 2] {
        let hidden = config.hidden_size;
        match self {
            Linear::Layer(_, Projection::Query) => [config.query_size(), hidden],
            Linear::Layer(_, Projection::Key | Projection::Value) => [config.key_value_size(), hidden],
            Linear::Layer(_, Projection::Output) => [hidden, config.query_size()],
            Linear::Layer(_, Projection::Gate | Projection::Up) => [config.intermediate_size, hidden],
            Linear::Layer(_, Projection::Down) => [hidden, config.intermediate_size],
            Linear::Head => [config.vocabulary, hidden],
        }
    }

    /// Name of its tensor; that of a tied head is the embedding's.
    pub fn tensor_name(self, config: &ModelConfig) -> String {
        match self {
            Linear::Head if config.tied_head => EMBEDDING.into(),
            _ => format!("{self}.weight"),
        }
    }
}

/// Name of the embedding's tensor.
pub const EMBEDDING: &str = "model.embed_tokens.weight";

impl fmt::Display for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Linear::Layer(layer, projection) => write!(f, "model.layers.{layer}.{}", projection.name()),
            Linear::Head => f.write_str("lm_head"),
        }
    }
}

/// Works out the products of a model's matrices.
pub trait LinearLayers {
    /// The products of some matrices with the same inputs: they may run in a row, without waiting for one another.
    ///
    /// `inputs` are vectors of as many values as the matrices have columns, `tokens` of them, one after the other. For
    /// each matrix the answer has as many vectors of as many values as it has rows.
    ///
    /// # Errors
    /// What the backend cannot work out.
    fn products(&mut self, matrices: &[Linear], inputs: &[f32], tokens: usize) -> Result<Vec<Vec<f32>>, LlmError>;
}

impl<L: LinearLayers + ?Sized> LinearLayers for Box<L> {
    fn products(&mut self, matrices: &[Linear], inputs: &[f32], tokens: usize) -> Result<Vec<Vec<f32>>, LlmError> {
        (**self).products(matrices, inputs, tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{RopeConfig, RopeScaling};

    #[test]
    fn indices_are_the_places_in_the_list() {
        let config = ModelConfig {
            vocabulary: 10,
            hidden_size: 8,
            intermediate_size: 12,
            layers: 3,
            query_heads: 4,
            key_value_heads: 2,
            head_size: 2,
            positions: 16,
            norm_epsilon: 1e-5,
            rope: RopeConfig {
                theta: 1e4,
                scaling: RopeScaling::Default,
            },
            tied_head: true,
            end_tokens: Vec::new(),
        };
        let all: Vec<Linear> = Linear::all(&config).collect();
        assert_eq!(all.len(), 22);
        for (place, linear) in all.iter().enumerate() {
            assert_eq!(linear.index(&config), place);
        }
        assert_eq!(all[9].tensor_name(&config), "model.layers.1.self_attn.v_proj.weight");
        assert_eq!(all[21].tensor_name(&config), EMBEDDING);
        assert_eq!(all[21].shape(&config), [10, 8]);
    }
}
