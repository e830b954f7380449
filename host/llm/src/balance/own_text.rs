//! Text that a model writes to know its own inputs by, where no other text is at hand.

use super::sizes::Recorder;
use crate::cache::Cache;
use crate::error::LlmError;
use crate::language_model::{LanguageModel, Logits};
use crate::linear::LinearLayers;
use crate::sampler::{Sampler, Sampling};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Most tokens of a passage: the first tokens of a text have inputs of their own kind, and are to be few.
const PASSAGE_TOKENS: usize = 1024;
/// Tokens in front of a passage that are written and not read again.
const LEAD_TOKENS: usize = 32;
/// Seed of the random numbers: the same model writes the same text.
const SEED: u64 = 0;

/// A text of the model's own: passages that begin with any token and go on as the model finds likely (temperature 1), as in Liu et al.,
/// "LLM-QAT: Data-Free Quantization Aware Training for Large Language Models" (2023), section 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnText {
    /// Tokens in all.
    pub tokens: usize,
}

impl OwnText {
    /// Writes it with the products of `recorder`, which counts the inputs of all passages. `on_token` is told of each of their tokens.
    pub(super) fn write(
        self,
        model: &LanguageModel,
        recorder: &mut Recorder,
        on_token: &mut dyn FnMut() -> Result<(), LlmError>,
    ) -> Result<(), LlmError> {
        let config = model.config();
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
            let any = beginnings.random_range(0..config.vocabulary as u32);
            recorder.is_counting = false;
            let next = passage(model, recorder, &mut sampler, any, LEAD_TOKENS, &mut || Ok(()))?;
            recorder.is_counting = true;
            let most = left.min(PASSAGE_TOKENS);
            // A model that ends every text at once still reads a token each time.
            passage(model, recorder, &mut sampler, next.unwrap_or(any), most, &mut || {
                left -= 1;
                on_token()
            })?;
        }
        Ok(())
    }
}

/// Reads a token and what the model writes behind it, up to `most` tokens; the token that follows them, or none where the text has ended.
fn passage(
    model: &LanguageModel,
    linear: &mut dyn LinearLayers,
    sampler: &mut Sampler,
    first: u32,
    most: usize,
    on_token: &mut dyn FnMut() -> Result<(), LlmError>,
) -> Result<Option<u32>, LlmError> {
    let config = model.config();
    let mut cache = Cache::new(config);
    let mut token = first;
    for _ in 0..most.min(config.positions) {
        let logits = model.forward(linear, &mut cache, &[token], Logits::Last)?;
        on_token()?;
        token = sampler.choose(&logits);
        if config.end_tokens.contains(&token) {
            return Ok(None);
        }
    }
    Ok(Some(token))
}
