//! What came of a run.

use super::passage::PassageFacts;
use super::prepared::{Prepared, TensorFigures};
use crate::bench::machine::Machine;
use seedlm_llm::ActivationRounding;
use seedlm_llm::evaluate::{Comparison, Estimate, ReferenceScores, VariantScores};
use seedlm_model::figures::relative_error;
use serde::Serialize;

/// How errors are defined.
pub const ERRORS: &str = "one standard error of the mean over the predicted tokens, as if they were independent; neighbours in a \
                          text are not quite, so the true error is somewhat larger";

/// A run.
#[derive(Serialize)]
pub struct Run {
    #[serde(flatten)]
    pub machine: Machine,
    /// Threads that worked.
    pub threads: usize,
    /// Path or name of the model.
    pub reference: String,
    #[serde(flatten)]
    pub passage: PassageFacts,
    /// Windows that are finished.
    pub finished_windows: usize,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// Matrices that differ from variant to variant, and their weights.
    pub matrices: usize,
    pub weights: u64,
    /// How the errors in it are defined.
    pub standard_errors: &'static str,
    pub reference_bits_per_weight: f64,
    pub reference_scores: ReferenceScores,
    pub variants: Vec<VariantFigures>,
    pub roundings: Vec<RoundingFigures>,
    pub notes: Vec<String>,
    /// Time until all variants were ready, and for reading, in seconds.
    pub prepare_seconds: f64,
    pub read_seconds: f64,
}

/// A variant, perhaps with rounded activations.
#[derive(Clone, Debug, Serialize)]
pub struct VariantFigures {
    /// Name, with the rounding.
    pub name: String,
    /// Name without it.
    pub weights_of: String,
    /// What it is: reference, code, baseline, compressed, plain.
    pub kind: &'static str,
    /// How activations are rounded.
    pub activations: Option<String>,
    pub bits_per_weight: f64,
    pub relative_error: f64,
    pub perplexity_rise_percent: f64,
    pub perplexity_rise_percent_error: f64,
    #[serde(flatten)]
    pub scores: VariantScores,
    /// Matrix by matrix; once, where activations are not rounded.
    pub tensors: Vec<TensorFigures>,
}

/// What the rounding of activations adds to the divergence of a variant.
#[derive(Clone, Debug, Serialize)]
pub struct RoundingFigures {
    pub activations: String,
    pub weights_of: String,
    /// Without the rounding, and with it.
    pub divergence_before: f64,
    pub divergence: f64,
    /// The second less the first, token by token.
    pub divergence_added: Estimate,
    /// As a share of the first; none of the reference, which has no divergence before.
    pub share_percent: Option<f64>,
}

/// What a list of variants is made of: weights, each without and with every rounding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    /// Number of the prepared variant; none for the reference.
    pub prepared: Option<usize>,
    /// How activations are rounded.
    pub rounding: Option<ActivationRounding>,
}

impl Member {
    /// The variants of a run, in the order in which they are read: the reference itself only with rounded activations.
    pub fn all(prepared: usize, roundings: &[ActivationRounding]) -> Vec<Member> {
        let rounded = || roundings.iter().copied().map(Some);
        let of_reference = rounded().map(|rounding| Member {
            prepared: None,
            rounding,
        });
        let others = (0..prepared).flat_map(|number| {
            let roundings = [None].into_iter().chain(rounded());
            roundings.map(move |rounding| Member {
                prepared: Some(number),
                rounding,
            })
        });
        of_reference.chain(others).collect()
    }

    /// Its name in reports.
    pub fn name(self, prepared: &[Prepared]) -> String {
        let weights = self.weights_of(prepared);
        match self.rounding {
            None => weights,
            Some(rounding) => format!("{weights} + {rounding}"),
        }
    }

    fn weights_of(self, prepared: &[Prepared]) -> String {
        self.prepared
            .map_or_else(|| "reference".into(), |number| prepared[number].name.clone())
    }
}

/// The figures of all variants.
pub fn variants(
    members: &[Member],
    prepared: &[Prepared],
    reference_bits_per_weight: f64,
    comparison: &Comparison,
) -> Vec<VariantFigures> {
    let with_scores = members.iter().zip(&comparison.variants);
    let figures = with_scores.map(|(member, scores)| {
        let tensors = member.prepared.map_or(&[][..], |number| &prepared[number].tensors);
        let sum = |value: fn(&TensorFigures) -> f64| tensors.iter().map(value).sum::<f64>();
        let weights = sum(|tensor| (tensor.rows * tensor.columns) as f64);
        let ratio = scores.nats_above_reference.mean.exp();
        VariantFigures {
            name: member.name(prepared),
            weights_of: member.weights_of(prepared),
            kind: member.prepared.map_or("reference", |number| prepared[number].kind),
            activations: member.rounding.map(|rounding| rounding.to_string()),
            bits_per_weight: match tensors {
                [] => reference_bits_per_weight,
                _ => sum(|tensor| tensor.stored_bits as f64) / weights,
            },
            relative_error: relative_error(sum(|tensor| tensor.squares.error), sum(|tensor| tensor.squares.norm)),
            perplexity_rise_percent: 100.0 * (ratio - 1.0),
            perplexity_rise_percent_error: 100.0 * ratio * scores.nats_above_reference.standard_error,
            scores: scores.clone(),
            tensors: match member.rounding {
                None => tensors.to_vec(),
                Some(_) => Vec::new(),
            },
        }
    });
    figures.collect()
}

/// What every rounding adds to every variant, and to the reference: one for each variant with rounded activations, in their
/// order.
pub fn roundings(variants: &[VariantFigures]) -> Vec<RoundingFigures> {
    let rounded = variants.iter().filter_map(|variant| {
        let activations = variant.activations.clone()?;
        let without = |other: &&VariantFigures| other.activations.is_none() && other.weights_of == variant.weights_of;
        let after = &variant.scores;
        let before = variants.iter().find(without).map(|before| &before.scores);
        // The reference does not diverge from itself.
        let zeros = || vec![0.0; after.token_divergences.len()];
        let tokens_before = before.map_or_else(zeros, |before| before.token_divergences.clone());
        let divergence_before = before.map_or(0.0, |before| before.divergence.mean);
        let divergence_added = Estimate::of_differences(&tokens_before, &after.token_divergences);
        Some(RoundingFigures {
            activations,
            weights_of: variant.weights_of.clone(),
            divergence_before,
            divergence: after.divergence.mean,
            divergence_added,
            share_percent: (divergence_before > 0.0).then(|| 100.0 * divergence_added.mean / divergence_before),
        })
    });
    rounded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_read_with_rounded_activations_only() {
        let rounding: ActivationRounding = "int8".parse().unwrap();
        let member = |prepared, rounding| Member { prepared, rounding };
        assert_eq!(
            Member::all(2, &[rounding]),
            [
                member(None, Some(rounding)),
                member(Some(0), None),
                member(Some(0), Some(rounding)),
                member(Some(1), None),
                member(Some(1), Some(rounding)),
            ]
        );
        assert_eq!(Member::all(0, &[]), []);
        assert_eq!(member(None, Some(rounding)).name(&[]), "reference + int8");
    }
}
