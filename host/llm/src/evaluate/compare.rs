//! Several variants of a model against one reference, in one run over a text.

use super::scores::{ReferenceScores, TokenScore, VariantScores};
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

/// Reads all windows with the reference and with all variants. `on_window` is told of the number of windows that are
/// finished, and of what is known so far; it may end the run, which then gives the scores so far.
///
/// # Errors
/// As [`LanguageModel::forward`].
pub fn compare(
    reference: &mut Variant,
    variants: &mut [Variant],
    windows: &[Window],
    on_window: &mut dyn FnMut(usize, &Comparison) -> ControlFlow<()>,
) -> Result<Comparison, LlmError> {
    let mut scores: Vec<Vec<TokenScore>> = vec![Vec::new(); variants.len().max(1)];
    let mut comparison = summary(&scores, variants.len());
    for (number, window) in windows.iter().enumerate() {
        let mut caches: Vec<Cache> = (0..=variants.len())
            .map(|_| Cache::new(reference.language.config()))
            .collect();
        let pieces = window.read().chunks(PREDICTIONS_AT_A_TIME);
        for (piece, (tokens, targets)) in pieces.zip(window.targets().chunks(PREDICTIONS_AT_A_TIME)).enumerate() {
            let skipped = window
                .counted_before
                .saturating_sub(piece * PREDICTIONS_AT_A_TIME)
                .min(tokens.len());
            let expected = read(reference, &mut caches[variants.len()], tokens)?;
            let score = |logits: &[f32]| -> Vec<TokenScore> {
                let vocabulary = expected.len() / tokens.len();
                let rows = expected.par_chunks(vocabulary).zip(logits.par_chunks(vocabulary));
                let scored = rows.zip(targets).skip(skipped);
                scored.map(|((p, q), &target)| TokenScore::of(p, q, target)).collect()
            };
            // Without variants the reference is held against itself.
            if variants.is_empty() {
                scores[0].extend(score(&expected));
            }
            for (place, variant) in variants.iter_mut().enumerate() {
                let logits = read(variant, &mut caches[place], tokens)?;
                scores[place].extend(score(&logits));
            }
        }
        comparison = summary(&scores, variants.len());
        if on_window(number + 1, &comparison).is_break() {
            break;
        }
    }
    Ok(comparison)
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
