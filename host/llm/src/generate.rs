//! Text, token by token.

use crate::cache::Cache;
use crate::error::LlmError;
use crate::language_model::{LanguageModel, Logits};
use crate::linear::LinearLayers;
use crate::sampler::{Sampler, Sampling};
use crate::text::TextTokenizer;
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
    let mut cache = Cache::new(model.config());
    let mut sampler = Sampler::new(sampling);
    let mut stream = tokenizer.stream();
    let mut text = String::new();
    let mut tokens = Vec::new();
    if prompt.is_empty() {
        let reason = "the prompt has no tokens; give at least one character";
        return Err(LlmError::Text(reason.into()));
    }
    let mut logits = Vec::new();
    for token in prompt {
        logits = model.forward(linear, &mut cache, &[*token], Logits::Last)?;
    }
    let ending = loop {
        if tokens.len() == count {
            break Ending::Length;
        }
        let token = sampler.choose(&logits);
        if model.config().end_tokens.contains(&token) {
            break Ending::EndToken;
        }
        tokens.push(token);
        let piece = stream.push(token)?;
        text.push_str(&piece);
        if on_text(&piece).is_break() {
            break Ending::Stopped;
        }
        if tokens.len() == count {
            break Ending::Length;
        }
        if cache.tokens() == model.config().positions {
            break Ending::Positions;
        }
        logits = model.forward(linear, &mut cache, &[token], Logits::Last)?;
    };
    let rest = stream.finish()?;
    text.push_str(&rest);
    // Nothing depends on the answer any more.
    let _ = on_text(&rest);
    Ok(Generated { tokens, text, ending })
}
