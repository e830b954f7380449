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
/// As [`LanguageModel::forward`]; [`LlmError::Text`] for a token outside the vocabulary.
pub fn compare(
    reference: &mut Variant,
    variants: &mut [Variant],
    windows: &[Window],
    on_step: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Comparison, LlmError> {
    compare_in_pieces(reference, variants, windows, PREDICTIONS_AT_A_TIME, on_step)
}

/// The same with another number of predictions at a time.
fn compare_in_pieces(
    reference: &mut Variant,
    variants: &mut [Variant],
    windows: &[Window],
    predictions: usize,
    on_step: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Comparison, LlmError> {
    let vocabulary = reference.language.config().vocabulary;
    let mut targets = windows.iter().flat_map(Window::targets);
    if let Some(token) = targets.find(|&&token| token as usize >= vocabulary) {
        return Err(LlmError::Text(format!(
            "token {token} is outside the vocabulary of {vocabulary}"
        )));
    }
    // Without variants the reference is held against itself.
    let mut scores: Vec<Vec<TokenScore>> = vec![Vec::new(); variants.len().max(1)];
    let mut comparison = summary(&scores, variants.len());
    for (number, window) in windows.iter().enumerate() {
        let Some(of_window) = compare_window(reference, variants, window, predictions, on_step)? else {
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
    predictions: usize,
    on_step: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Option<Vec<Vec<TokenScore>>>, LlmError> {
    let mut scores: Vec<Vec<TokenScore>> = vec![Vec::new(); variants.len().max(1)];
    let mut caches: Vec<Cache> = (0..=variants.len())
        .map(|_| Cache::new(reference.language.config()))
        .collect();
    let pieces = window.read().chunks(predictions);
    for (piece, (tokens, targets)) in pieces.zip(window.targets().chunks(predictions)).enumerate() {
        let counted_before = window.counted_before.saturating_sub(piece * predictions);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{ActivationRounding, DenseLayers, ScaleGroup};
    use crate::evaluate::Windows;
    use crate::package::Package;
    use seedlm_model::embedded::SHAKESPEARE_SAMPLE_TEXT;

    /// A window read in pieces says what it says when it is read at once, where windows overlap too.
    #[test]
    fn pieces_of_a_window_change_nothing() {
        let package = Package::embedded().unwrap();
        let rounding = ActivationRounding {
            bits: 6,
            group: ScaleGroup::Vector,
        };
        let dense = DenseLayers::new(&package.language, &package.model, None).unwrap();
        let variant = |rounding| Variant {
            name: "any".into(),
            language: package.language.clone(),
            linear: Box::new(dense.with_rounding(rounding)),
        };
        let mut tokens = package.tokenizer.encode(&SHAKESPEARE_SAMPLE_TEXT[..131], true).unwrap();
        let windows = Windows {
            length: 60,
            stride: 25,
            count: usize::MAX,
        };
        let scores = |predictions: usize, tokens: &[u32]| {
            let go_on = &mut |_: Step<'_>| ControlFlow::Continue(());
            let (mut reference, mut rounded) = (variant(None), [variant(Some(rounding))]);
            let windows = windows.cut(tokens).unwrap();
            compare_in_pieces(&mut reference, &mut rounded, &windows, predictions, go_on)
        };
        let whole = scores(256, &tokens).unwrap();
        assert_eq!(whole.reference.tokens, 130);
        for predictions in [1, 7, 25, 60] {
            let pieces = scores(predictions, &tokens).unwrap();
            assert_eq!(pieces.reference.tokens, 130);
            let difference = (pieces.reference.nats_per_token.mean - whole.reference.nats_per_token.mean).abs();
            assert!(difference < 1e-4, "{predictions}: {difference}");
            let (one, other) = (&pieces.variants[0].divergence, &whole.variants[0].divergence);
            // Last bits of a product may decide how an activation is rounded.
            assert!(
                (one.mean / other.mean - 1.0).abs() < 0.05,
                "{predictions}: {one:?} {other:?}"
            );
        }
        *tokens.last_mut().unwrap() = 256;
        assert!(
            scores(7, &tokens)
                .unwrap_err()
                .to_string()
                .contains("token 256 is outside the vocabulary")
        );
    }
}
