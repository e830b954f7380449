//! The forward pass of a BERT (arXiv 1810.04805), and the mean over its tokens.

use super::arithmetic::gelu;
use super::config::BertConfig;
use super::layer::{BertLinear, Norm, Table, add};
use crate::arithmetic::{add_scaled, dot, softmax};
use crate::error::LlmError;
use seedlm_codec::Rotation;
use seedlm_model::Model;

/// A BERT in memory, in binary32. Compressed matrices are decoded; where one was rotated before it was encoded its inputs are rotated,
/// as a host of the machine does it.
///
/// One sentence is read at a time, without padding, so that there is nothing to mask. The last bit of a product may depend on the
/// instructions that the processor has.
#[derive(Clone, Debug)]
pub struct SentenceEncoder {
    config: BertConfig,
    words: Table,
    positions: Table,
    token_types: Table,
    norm: Norm,
    layers: Vec<Layer>,
}

/// A layer. Every norm comes behind its sum.
#[derive(Clone, Debug)]
struct Layer {
    query: BertLinear,
    key: BertLinear,
    value: BertLinear,
    attention_output: BertLinear,
    attention_norm: Norm,
    intermediate: BertLinear,
    output: BertLinear,
    norm: Norm,
}

impl Layer {
    fn read(model: &Model, config: &BertConfig, number: usize) -> Result<Self, LlmError> {
        let (hidden, wide, epsilon) = (config.hidden_size, config.intermediate_size, config.norm_epsilon);
        let linear = |part: &str, shape| BertLinear::read(model, &format!("encoder.layer.{number}.{part}"), shape);
        let norm = |part: &str| Norm::read(model, &format!("encoder.layer.{number}.{part}"), hidden, epsilon);
        Ok(Layer {
            query: linear("attention.self.query", [hidden, hidden])?,
            key: linear("attention.self.key", [hidden, hidden])?,
            value: linear("attention.self.value", [hidden, hidden])?,
            attention_output: linear("attention.output.dense", [hidden, hidden])?,
            attention_norm: norm("attention.output.LayerNorm")?,
            intermediate: linear("intermediate.dense", [wide, hidden])?,
            output: linear("output.dense", [hidden, wide])?,
            norm: norm("output.LayerNorm")?,
        })
    }

    fn matrices(&self) -> [&BertLinear; 6] {
        [
            &self.query,
            &self.key,
            &self.value,
            &self.attention_output,
            &self.intermediate,
            &self.output,
        ]
    }

    fn matrices_mut(&mut self) -> [&mut BertLinear; 6] {
        [
            &mut self.query,
            &mut self.key,
            &mut self.value,
            &mut self.attention_output,
            &mut self.intermediate,
            &mut self.output,
        ]
    }

    fn apply(&self, config: &BertConfig, state: &mut [f32], tokens: usize) -> Result<(), LlmError> {
        let [queries, keys, values] = [&self.query, &self.key, &self.value].map(|linear| linear.apply(state, tokens));
        let attended = attend(config, &queries?, &keys?, &values?);
        add(state, &self.attention_output.apply(&attended, tokens)?);
        self.attention_norm.apply(state);
        let mut wide = self.intermediate.apply(state, tokens)?;
        gelu(&mut wide);
        add(state, &self.output.apply(&wide, tokens)?);
        self.norm.apply(state);
        Ok(())
    }
}

/// Attention of all tokens to all tokens, head by head.
fn attend(config: &BertConfig, queries: &[f32], keys: &[f32], values: &[f32]) -> Vec<f32> {
    let (hidden, size) = (config.hidden_size, config.head_size());
    let scale = 1.0 / (size as f32).sqrt();
    let mut attended = vec![0.0; queries.len()];
    for (query, sums) in queries.chunks(hidden).zip(attended.chunks_mut(hidden)) {
        for (start, sums) in (0..hidden).step_by(size).zip(sums.chunks_mut(size)) {
            let head = start..start + size;
            let keys = keys.chunks(hidden);
            let mut weights: Vec<f32> = keys
                .map(|key| scale * dot(&query[head.clone()], &key[head.clone()]))
                .collect();
            softmax(&mut weights);
            for (&weight, value) in weights.iter().zip(values.chunks(hidden)) {
                add_scaled(sums, weight, &value[head.clone()]);
            }
        }
    }
    attended
}

impl SentenceEncoder {
    /// Reads the weights of a model, plain or compressed. What the embedding of a sentence does not need, as the pooler, is not
    /// read.
    ///
    /// # Errors
    /// When a tensor is missing, damaged, or of another shape than the configuration says.
    pub fn new(config: BertConfig, model: &Model) -> Result<Self, LlmError> {
        let (hidden, epsilon) = (config.hidden_size, config.norm_epsilon);
        let table = |name: &str, rows| Table::read(model, &format!("embeddings.{name}.weight"), [rows, hidden]);
        let words = table("word_embeddings", config.vocabulary)?;
        let layers = (0..config.layers).map(|number| Layer::read(model, &config, number));
        Ok(SentenceEncoder {
            words,
            positions: table("position_embeddings", config.positions)?,
            token_types: table("token_type_embeddings", config.token_types)?,
            norm: Norm::read(model, "embeddings.LayerNorm", hidden, epsilon)?,
            layers: layers.collect::<Result<_, _>>()?,
            config,
        })
    }

    /// The architecture.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// Names of the matrices that work in it, and their rows and columns.
    pub fn matrices(&self) -> impl Iterator<Item = (&str, [usize; 2])> {
        let all = self.layers.iter().flat_map(Layer::matrices);
        all.map(|linear| (linear.name.as_str(), linear.shape))
    }

    /// Replaces the weights of a matrix by others, rows x columns, and what its inputs are rotated by.
    ///
    /// # Errors
    /// [`LlmError::Text`] when there is no such matrix; [`LlmError::Machine`] when the number of weights is another one.
    pub fn replace(&mut self, name: &str, weights: &[f32], rotation: Option<Rotation>) -> Result<(), LlmError> {
        let mut all = self.layers.iter_mut().flat_map(Layer::matrices_mut);
        match all.find(|linear| linear.name == name) {
            Some(linear) => linear.replace(weights, rotation),
            None => Err(LlmError::Text(format!("tensor {name:?} is no matrix of this BERT"))),
        }
    }

    /// The embedding of a sentence: the mean over the vectors of all its tokens, of length 1. `tokens` are all that the tokenizer
    /// gives, special ones included.
    ///
    /// # Errors
    /// [`LlmError::Text`] when there are no tokens, more than the model has positions, or one outside the vocabulary; or when the
    /// numbers overflow and no direction is left.
    pub fn embed(&self, tokens: &[u32]) -> Result<Vec<f32>, LlmError> {
        let (config, hidden) = (&self.config, self.config.hidden_size);
        let refuse = |reason: String| Err(LlmError::Text(reason));
        if tokens.is_empty() {
            return refuse("there is no token to read".into());
        }
        if tokens.len() > config.positions {
            let count = tokens.len();
            return refuse(format!(
                "{count} tokens are more than the {} positions of the model",
                config.positions
            ));
        }
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= config.vocabulary) {
            return refuse(format!(
                "token {token} is outside the vocabulary of {}",
                config.vocabulary
            ));
        }
        let mut state = Vec::with_capacity(tokens.len() * hidden);
        for (position, &token) in tokens.iter().enumerate() {
            let start = state.len();
            state.extend_from_slice(self.words.row(token as usize));
            add(&mut state[start..], self.token_types.row(0));
            add(&mut state[start..], self.positions.row(position));
        }
        self.norm.apply(&mut state);
        for layer in &self.layers {
            layer.apply(config, &mut state, tokens.len())?;
        }
        let mut sums = vec![0.0_f64; hidden];
        for vector in state.chunks(hidden) {
            for (sum, &value) in sums.iter_mut().zip(vector) {
                *sum += f64::from(value);
            }
        }
        // The length takes the number of tokens away again.
        let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
        if !(length.is_finite() && length > 0.0) {
            return refuse(format!(
                "the embedding has the length {length}, and no direction: the weights are too large or all zero"
            ));
        }
        Ok(sums.iter().map(|sum| (sum / length) as f32).collect())
    }
}
