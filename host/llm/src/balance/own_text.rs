//! Text that a model writes to know its own inputs by, where no other text is at hand.

use crate::cache::Cache;
use crate::error::LlmError;
use crate::language_model::{LanguageModel, Logits};
use crate::linear::LinearLayers;
use crate::recorder::{Recorder, go_on};
use crate::sampler::{Sampler, Sampling};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::ops::ControlFlow;

/// Most tokens of a passage: the first tokens of a text have inputs of their own kind, and are to be few.
const PASSAGE_TOKENS: usize = 1024;
/// Tokens in front of a passage that are written and not read again.
const LEAD_TOKENS: usize = 32;
/// Seed of the random numbers: the same model writes the same text.
const SEED: u64 = 0;

/// A text of the model's own: passages that go on as the model finds likely (temperature 1), after Liu et al., "LLM-QAT: Data-Free
/// Quantization Aware Training for Large Language Models" (2023), section 2.1. Each begins with a token that the model has written behind
/// a random one; those leads are not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnText {
    /// Tokens of all passages; the leads, up to 32 tokens for each passage, come on top.
    pub tokens: usize,
}

impl OwnText {
    /// Writes it with the products of `recorder`, which looks at the inputs of all passages. `on_tokens` is told, after each token that is
    /// read, how many more of theirs are done, and may end the run.
    pub(super) fn write(
        self,
        model: &LanguageModel,
        recorder: &mut Recorder<'_>,
        on_tokens: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<(), LlmError> {
        let mut beginnings = ChaCha8Rng::seed_from_u64(SEED);
        let mut sampler = Sampler::new(Sampling {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            seed: SEED,
        });
        let mut left = self.tokens;
        while left > 0 {
            // Any token may be one that no text begins with, and that the rest would never forget: what follows it begins another one.
            let any = beginnings.random_range(0..model.config().vocabulary as u32);
            recorder.is_looking = false;
            let first = passage(model, recorder, &mut sampler, any, LEAD_TOKENS, &mut || on_tokens(0))?;
            recorder.is_looking = true;
            let most = left.min(PASSAGE_TOKENS);
            passage(model, recorder, &mut sampler, first, most, &mut || {
                left -= 1;
                on_tokens(1)
            })?;
        }
        Ok(())
    }
}

/// Reads a token and what the model writes behind it, up to `most` tokens, at least one; the last one that was written, or read where
/// the text has ended with it.
fn passage(
    model: &LanguageModel,
    linear: &mut dyn LinearLayers,
    sampler: &mut Sampler,
    first: u32,
    most: usize,
    on_token: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<u32, LlmError> {
    let config = model.config();
    let mut cache = Cache::new(config);
    let mut token = first;
    for _ in 0..most.min(config.positions) {
        let logits = model.forward(linear, &mut cache, &[token], Logits::Last)?;
        go_on(on_token())?;
        let next = sampler.choose(&logits);
        if config.end_tokens.contains(&next) {
            break;
        }
        token = next;
    }
    Ok(token)
}
