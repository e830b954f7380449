//! Several variants of a model against one reference, in one run over a text.

use super::scores::{ReferenceScores, ReferenceToken, TokenScore, VariantScores};
use super::windows::Window;
use crate::cache::Cache;
use crate::error::LlmError;
use crate::language_model::{LanguageModel, Logits};
use crate::linear::LinearLayers;
use rayon::prelude::*;
use std::ops::ControlFlow;

/// Predictions whose logits are held at a time, per model.
const PREDICTIONS_AT_A_TIME: usize = 256;

/// A way to work out the matrix products of the same model.
pub struct Variant {
    /// What it is called.
    pub name: String,
    /// The model between the products: of a compressed model that keeps other tensors than the reference it may be another
    /// one.
    pub language: LanguageModel,
    /// The products.
    pub linear: Box<dyn LinearLayers>,
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Of the reference.
    pub reference: ReferenceScores,
    /// Of each variant, in their order.
    pub variants: Vec<VariantScores>,
}

/// What [`compare`] tells of while it works.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// The reference or a variant has read that many more tokens.
    Read(usize),
    /// A window is finished.
    Window {
        /// Windows that are finished by now.
        finished: usize,
        /// What is known by now.
        comparison: &'a Comparison,
    },
}

/// Reads all windows with the reference and with all variants. `on_step` may end the run, which then gives the scores of the
/// windows that are finished.
///
/// # Errors
/// As [`LanguageModel::forward`].
pub fn compare(
    reference: &mut Variant,
    variants: &mut [Variant],
    windows: &[Window],
    on_step: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Comparison, LlmError> {
    // Without variants the reference is held against itself.
    let mut scores: Vec<Vec<TokenScore>> = vec![Vec::new(); variants.len().max(1)];
    let mut comparison = summary(&scores, variants.len());
    for (number, window) in windows.iter().enumerate() {
        let Some(of_window) = compare_window(reference, variants, window, on_step)? else {
            break;
        };
        for (all, new) in scores.iter_mut().zip(of_window) {
            all.extend(new);
        }
        comparison = summary(&scores, variants.len());
        let step = Step::Window {
            finished: number + 1,
            comparison: &comparison,
        };
        if on_step(step).is_break() {
            break;
        }
    }
    Ok(comparison)
}

/// The scores of one window, variant by variant; none when the run is to end.
fn compare_window(
    reference: &mut Variant,
    variants: &mut [Variant],
    window: &Window,
    on_step: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Option<Vec<Vec<TokenScore>>>, LlmError> {
    let mut scores: Vec<Vec<TokenScore>> = vec![Vec::new(); variants.len().max(1)];
    let mut caches: Vec<Cache> = (0..=variants.len())
        .map(|_| Cache::new(reference.language.config()))
        .collect();
    let pieces = window.read().chunks(PREDICTIONS_AT_A_TIME);
    for (piece, (tokens, targets)) in pieces.zip(window.targets().chunks(PREDICTIONS_AT_A_TIME)).enumerate() {
        let counted_before = window.counted_before.saturating_sub(piece * PREDICTIONS_AT_A_TIME);
        let skipped = counted_before.min(tokens.len());
        let logits = read(reference, &mut caches[variants.len()], tokens)?;
        let vocabulary = logits.len() / tokens.len();
        let rows = logits.par_chunks(vocabulary).zip(targets).skip(skipped);
        let expected: Vec<ReferenceToken> = rows.map(|(row, &target)| ReferenceToken::of(row, target)).collect();
        let score = |logits: &[f32]| -> Vec<TokenScore> {
            let rows = logits.par_chunks(vocabulary).skip(skipped);
            rows.zip(&expected).map(|(row, expected)| expected.score(row)).collect()
        };
        if variants.is_empty() {
            scores[0].extend(score(&logits));
        }
        if on_step(Step::Read(tokens.len())).is_break() {
            return Ok(None);
        }
        for (place, variant) in variants.iter_mut().enumerate() {
            let logits = read(variant, &mut caches[place], tokens)?;
            scores[place].extend(score(&logits));
            if on_step(Step::Read(tokens.len())).is_break() {
                return Ok(None);
            }
        }
    }
    Ok(Some(scores))
}

fn read(variant: &mut Variant, cache: &mut Cache, tokens: &[u32]) -> Result<Vec<f32>, LlmError> {
    variant
        .language
        .forward(variant.linear.as_mut(), cache, tokens, Logits::All)
}

fn summary(scores: &[Vec<TokenScore>], variants: usize) -> Comparison {
    Comparison {
        reference: ReferenceScores::of(&scores[0]),
        variants: scores[..variants]
            .iter()
            .map(|scores| VariantScores::of(scores))
            .collect(),
    }
}
