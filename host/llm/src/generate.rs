//! Text, token by token.

use crate::cache::Cache;
use crate::error::LlmError;
use crate::language_model::{LanguageModel, Logits};
use crate::linear::LinearLayers;
use crate::sampler::{Sampler, Sampling};
use crate::text::TextTokenizer;
use crate::written_text::WrittenText;
use std::ops::ControlFlow;

/// Why a text has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It has as many tokens as were asked for.
    Length,
    /// The model has ended it.
    EndToken,
    /// The model has no position left.
    Positions,
    /// Whoever reads it has had enough.
    Stopped,
}

/// A text that a model has written.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Its tokens, without those of the prompt and without a token that ends the text.
    pub tokens: Vec<u32>,
    /// Its text, without the prompt.
    pub text: String,
    /// Why it has ended.
    pub ending: Ending,
}

/// Continues a prompt by up to `count` tokens. The prompt is read token by token, as the machine does it. `on_text` is
/// told of the text as it comes, and may end it.
///
/// # Errors
/// As [`LanguageModel::forward`]; [`LlmError::Text`] for a prompt without tokens.
pub fn generate(
    model: &LanguageModel,
    linear: &mut dyn LinearLayers,
    tokenizer: &TextTokenizer,
    prompt: &[u32],
    count: usize,
    sampling: Sampling,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Generated, LlmError> {
    let mut written = WrittenText::new(model.config(), tokenizer, prompt.len(), count, on_text)?;
    let mut cache = Cache::new(model.config());
    let mut sampler = Sampler::new(sampling);
    let mut logits = read_prompt(model, linear, &mut cache, prompt)?;
    let ending = loop {
        if written.tokens_left() == 0 {
            break Ending::Length;
        }
        let token = sampler.choose(&logits);
        if let Some(ending) = written.add(token)? {
            break ending;
        }
        logits = model.forward(linear, &mut cache, &[token], Logits::Last)?;
    };
    written.finish(ending)
}

/// Reads a prompt token by token, as the machine does it, and gives the logits behind its last token.
///
/// # Errors
/// As [`LanguageModel::forward`].
pub(crate) fn read_prompt(
    model: &LanguageModel,
    linear: &mut dyn LinearLayers,
    cache: &mut Cache,
    prompt: &[u32],
) -> Result<Vec<f32>, LlmError> {
    let mut logits = Vec::new();
    for token in prompt {
        logits = model.forward(linear, cache, &[*token], Logits::Last)?;
    }
    Ok(logits)
}
