//! The forward pass: everything of the model but its matrix products.

use crate::arithmetic::{rms_norm, swiglu};
use crate::attention::attend;
use crate::cache::Cache;
use crate::config::ModelConfig;
use crate::error::LlmError;
use crate::linear::{EMBEDDING, Linear, LinearLayers, Projection};
use crate::rope::Rope;
use rayon::prelude::*;
use seedlm_model::Model;
use std::ops::Range;
use std::sync::Arc;

/// A Llama-family model without its matrices: embedding, norms, positions, biases.
#[derive(Clone, Debug)]
pub struct LanguageModel {
    config: ModelConfig,
    rope: Rope,
    /// One vector per token of the vocabulary; shared with a tied head.
    embedding: Arc<[f32]>,
    layers: Vec<LayerNorms>,
    last_norm: Vec<f32>,
    /// By [`Linear::index`]; empty where the matrix has none.
    biases: Vec<Vec<f32>>,
}

#[derive(Clone, Debug)]
struct LayerNorms {
    attention: Vec<f32>,
    feed_forward: Vec<f32>,
}

/// For which tokens the head is worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logits {
    /// For every one: one row of numbers each.
    All,
    /// For the last one, from which the next token is chosen.
    Last,
}

impl LanguageModel {
    /// Reads what is not a matrix of a layer from a model, plain or compressed.
    ///
    /// # Errors
    /// When a tensor is missing, damaged, or of another shape than the configuration says.
    pub fn new(config: ModelConfig, model: &Model) -> Result<Self, LlmError> {
        let read = |name: &str, expected: &[usize]| -> Result<Vec<f32>, LlmError> {
            let (shape, values) = model.plain_tensor(name)?;
            if shape != expected {
                return Err(LlmError::Shape {
                    tensor: name.into(),
                    actual: shape,
                    expected: expected.into(),
                });
            }
            Ok(values)
        };
        let hidden = config.hidden_size;
        let layers = (0..config.layers).map(|layer| {
            let norm = |name| read(&format!("model.layers.{layer}.{name}.weight"), &[hidden]);
            Ok(LayerNorms {
                attention: norm("input_layernorm")?,
                feed_forward: norm("post_attention_layernorm")?,
            })
        });
        let biases = Linear::all(&config).map(|linear| {
            let name = format!("{linear}.bias");
            match model.has(&name) {
                true => read(&name, &linear.shape(&config)[..1]),
                false => Ok(Vec::new()),
            }
        });
        Ok(LanguageModel {
            layers: layers.collect::<Result<_, LlmError>>()?,
            biases: biases.collect::<Result<_, LlmError>>()?,
            last_norm: read("model.norm.weight", &[hidden])?,
            embedding: read(EMBEDDING, &[config.vocabulary, hidden])?.into(),
            // Its table is as long as the file says: not before the rest of it has turned out right.
            rope: Rope::new(&config.rope, config.head_size, config.positions),
            config,
        })
    }

    /// The architecture.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The embedding, token by token; a tied head has the same weights.
    pub fn embedding(&self) -> &Arc<[f32]> {
        &self.embedding
    }

    /// Reads tokens behind those that the cache holds, and gives the logits: for each token asked for, one number per token of
    /// the vocabulary.
    ///
    /// # Errors
    /// [`LlmError::Text`] when there are no tokens, more than the model has positions, or one outside the vocabulary; what
    /// `linear` gives. The cache is as it was then.
    pub fn forward(
        &self,
        linear: &mut dyn LinearLayers,
        cache: &mut Cache,
        tokens: &[u32],
        logits: Logits,
    ) -> Result<Vec<f32>, LlmError> {
        let known = cache.tokens;
        self.check(known, tokens)?;
        let result = self.read(linear, cache, tokens, logits);
        if result.is_ok() {
            cache.tokens = known + tokens.len();
        } else {
            // Layers that have gone on already go back.
            cache.truncate(known);
        }
        result
    }

    pub(crate) fn check(&self, known: usize, tokens: &[u32]) -> Result<(), LlmError> {
        let config = &self.config;
        if tokens.is_empty() {
            return Err(LlmError::Text("there is no token to read".into()));
        }
        if known + tokens.len() > config.positions {
            return Err(LlmError::Text(format!(
                "{} tokens are more than the {} positions of the model",
                known + tokens.len(),
                config.positions
            )));
        }
        match tokens.iter().find(|&&token| token as usize >= config.vocabulary) {
            None => Ok(()),
            Some(token) => Err(LlmError::Text(format!(
                "token {token} is outside the vocabulary of {}",
                config.vocabulary
            ))),
        }
    }

    fn read(
        &self,
        linear: &mut dyn LinearLayers,
        cache: &mut Cache,
        tokens: &[u32],
        logits: Logits,
    ) -> Result<Vec<f32>, LlmError> {
        let mut state = self.embed(tokens);
        self.read_layers(linear, cache, &mut state, 0..self.config.layers)?;
        let asked = match logits {
            Logits::All => &state[..],
            Logits::Last => &state[state.len() - self.config.hidden_size..],
        };
        self.head(linear, asked)
    }

    /// What the first layer reads of tokens: one vector of the hidden size each.
    pub(crate) fn embed(&self, tokens: &[u32]) -> Vec<f32> {
        let hidden = self.config.hidden_size;
        let vectors = tokens
            .iter()
            .flat_map(|&token| &self.embedding[token as usize * hidden..][..hidden]);
        vectors.copied().collect()
    }

    /// Takes the vectors of some tokens through some layers, behind the tokens that the cache holds; the cache's layers get
    /// theirs, and [`Cache::tokens`] stays as it is.
    ///
    /// # Errors
    /// What `linear` gives.
    pub(crate) fn read_layers(
        &self,
        linear: &mut dyn LinearLayers,
        cache: &mut Cache,
        state: &mut [f32],
        layers: Range<usize>,
    ) -> Result<(), LlmError> {
        let config = &self.config;
        let (known, tokens) = (cache.tokens, state.len() / config.hidden_size);
        for number in layers {
            let norms = &self.layers[number];
            let of_layer = |projection| Linear::Layer(number, projection);
            let normed = self.norm(state, &norms.attention);
            let matrices = [Projection::Query, Projection::Key, Projection::Value].map(of_layer);
            let [mut queries, mut keys, values] = self.products(linear, matrices, &normed, tokens)?;
            self.turn(&mut queries, config.query_size(), known);
            self.turn(&mut keys, config.key_value_size(), known);
            let size = config.key_value_size();
            for (keys, values) in keys.chunks(size).zip(values.chunks(size)) {
                cache.layers[number].push(keys, values);
            }
            let attended = attend(config, &queries, &cache.layers[number], known);
            let [output] = self.products(linear, [of_layer(Projection::Output)], &attended, tokens)?;
            add(state, &output);

            let normed = self.norm(state, &norms.feed_forward);
            let matrices = [Projection::Gate, Projection::Up].map(of_layer);
            let [gate, up] = self.products(linear, matrices, &normed, tokens)?;
            let [down] = self.products(linear, [of_layer(Projection::Down)], &swiglu(&gate, &up), tokens)?;
            add(state, &down);
        }
        Ok(())
    }

    /// The logits of vectors behind the last layer.
    ///
    /// # Errors
    /// What `linear` gives.
    pub(crate) fn head(&self, linear: &mut dyn LinearLayers, state: &[f32]) -> Result<Vec<f32>, LlmError> {
        let normed = self.norm(state, &self.last_norm);
        let [logits] = self.products(linear, [Linear::Head], &normed, state.len() / self.config.hidden_size)?;
        Ok(logits)
    }

    fn norm(&self, state: &[f32], weight: &[f32]) -> Vec<f32> {
        let vectors = state.par_chunks(weight.len()).with_min_len(16);
        let normed = vectors.flat_map_iter(|vector| rms_norm(vector, weight, self.config.norm_epsilon));
        normed.collect()
    }

    /// Products with their biases.
    fn products<const N: usize>(
        &self,
        linear: &mut dyn LinearLayers,
        matrices: [Linear; N],
        inputs: &[f32],
        tokens: usize,
    ) -> Result<[Vec<f32>; N], LlmError> {
        let mut products = linear.products(&matrices, inputs, tokens)?;
        for (matrix, product) in matrices.iter().zip(&mut products) {
            let expected = tokens * matrix.shape(&self.config)[0];
            if product.len() != expected {
                return Err(LlmError::Machine {
                    tensor: matrix.to_string(),
                    source: format!("the backend gave {} values instead of {expected}", product.len()).into(),
                });
            }
            let bias = &self.biases[matrix.index(&self.config)];
            if !bias.is_empty() {
                product.chunks_mut(bias.len()).for_each(|vector| add(vector, bias));
            }
        }
        let count = products.len();
        products.try_into().map_err(|_| LlmError::Machine {
            tensor: matrices.map(|matrix| matrix.to_string()).join(", "),
            source: format!("the backend gave {count} products for {N} matrices").into(),
        })
    }

    /// Turns all heads of all tokens, the first of which has the given position.
    fn turn(&self, values: &mut [f32], values_per_token: usize, first: usize) {
        for (position, vector) in (first..).zip(values.chunks_mut(values_per_token)) {
            for head in vector.chunks_mut(self.config.head_size) {
                self.rope.turn(position, head);
            }
        }
    }
}

fn add(sums: &mut [f32], values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}
