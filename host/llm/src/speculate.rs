//! Self-speculative decoding: a cheap reading of the same weights writes some tokens ahead, and the full model reads them all at
//! once and keeps those that it would have written itself (speculative decoding, arXiv 2211.17192, with greedy choice).
//!
//! * [`DraftingLayers`]: matrix products that switch between a draft and the full resolution;
//! * [`generate_speculatively`]: the text of plain greedy decoding, in rounds;
//! * [`SpeculationStatistics`]: what the rounds read and what they gave;
//! * [`SpeculationCost`]: what that costs on a machine that waits for its weights.

mod cost;
mod layers;
mod rounds;
mod statistics;

pub use cost::SpeculationCost;
pub use layers::{DraftAndFull, DraftingLayers};
pub use statistics::SpeculationStatistics;

use crate::error::LlmError;
use crate::generate::{Ending, Generated};
use crate::language_model::LanguageModel;
use crate::text::TextTokenizer;
use crate::written_text::WrittenText;
use rounds::Rounds;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

/// Continues a prompt by up to `count` tokens, each the most likely one to the full model. In every round the draft writes
/// up to `draft_tokens` tokens ahead, and the full model reads them in one forward pass. Both read the prompt token by token.
/// `on_text` is told of the text as it comes, and may end it.
///
/// The text, its pieces and its ending are those of [`crate::generate`] with [`crate::Sampling::GREEDY`] and the full model,
/// whatever the draft says. That holds for backends in which the product with a vector does not depend on the vectors that are
/// read with it: [`crate::IntegerLayers`] on every machine. `DenseLayers` multiplies several vectors in another order than
/// one, so that last bits differ, and with them, where two tokens are nearly as likely, the token.
///
/// When it returns, `layers` is at the full resolution, after an error too.
///
/// # Errors
/// As [`crate::generate`], for the draft as for the full model.
pub fn generate_speculatively(
    model: &LanguageModel,
    layers: &mut dyn DraftingLayers,
    tokenizer: &TextTokenizer,
    prompt: &[u32],
    count: usize,
    draft_tokens: NonZeroUsize,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<(Generated, SpeculationStatistics), LlmError> {
    let mut written = WrittenText::new(model.config(), tokenizer, prompt.len(), count, on_text)?;
    let mut rounds = Rounds::new(model, layers, prompt)?;
    let mut ending = match written.tokens_left() {
        0 => Some(Ending::Length),
        _ => written.add(rounds.first_token())?,
    };
    let ending = loop {
        if let Some(ending) = ending {
            break ending;
        }
        // A round gives one token more than the draft has written; more than are left would be thrown away.
        let ahead = draft_tokens.get().min(written.tokens_left() - 1);
        for &token in rounds.round(layers, ahead)? {
            ending = written.add(token)?;
            if ending.is_some() {
                break;
            }
        }
    };
    Ok((written.finish(ending)?, rounds.statistics()))
}
