//! Keys and values of the tokens that the model has seen.

use crate::config::ModelConfig;

/// What the model remembers of a text: keys and values of every layer.
#[derive(Clone, Debug)]
pub struct Cache {
    pub(crate) layers: Vec<LayerCache>,
    pub(crate) tokens: usize,
}

impl Cache {
    /// An empty one.
    pub fn new(config: &ModelConfig) -> Self {
        let layer = LayerCache {
            head_size: config.head_size,
            keys: vec![Vec::new(); config.key_value_heads],
            values: vec![Vec::new(); config.key_value_heads],
        };
        Cache {
            layers: vec![layer; config.layers],
            tokens: 0,
        }
    }

    /// Tokens that it holds.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Forgets all but the first tokens.
    pub fn truncate(&mut self, tokens: usize) {
        self.tokens = self.tokens.min(tokens);
        for layer in &mut self.layers {
            let values = self.tokens * layer.head_size;
            for head in layer.keys.iter_mut().chain(&mut layer.values) {
                head.truncate(values);
            }
        }
    }
}

/// Keys and values of a layer, head by head, token after token.
#[derive(Clone, Debug)]
pub(crate) struct LayerCache {
    head_size: usize,
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
}

impl LayerCache {
    /// Adds what one token brings: the keys (turned already) and the values of all heads.
    pub(crate) fn push(&mut self, keys: &[f32], values: &[f32]) {
        for (known, key) in self.keys.iter_mut().zip(keys.chunks(self.head_size)) {
            known.extend_from_slice(key);
        }
        for (known, value) in self.values.iter_mut().zip(values.chunks(self.head_size)) {
            known.extend_from_slice(value);
        }
    }

    /// Keys of a head for the first tokens.
    pub(crate) fn keys(&self, head: usize, tokens: usize) -> &[f32] {
        &self.keys[head][..tokens * self.head_size]
    }

    /// Values of a head for the first tokens.
    pub(crate) fn values(&self, head: usize, tokens: usize) -> &[f32] {
        &self.values[head][..tokens * self.head_size]
    }
}
