//! Statistics over predicted tokens.

use serde::Serialize;

/// A mean with its standard error: that of independent tokens. Neighbours in a text are not quite independent, so the true
/// error is somewhat larger.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
}

impl Estimate {
    /// The mean of `after - before`, pair by pair: what two variants have in common drops out of its error.
    pub fn of_differences(before: &[f64], after: &[f64]) -> Self {
        Estimate::of(before.iter().zip(after).map(|(before, after)| after - before))
    }

    /// The mean of some values; 0 of none.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count() as f64;
        if count == 0.0 {
            return Estimate {
                mean: 0.0,
                standard_error: 0.0,
            };
        }
        let mean = values.clone().sum::<f64>() / count;
        let squares: f64 = values.map(|value| (value - mean) * (value - mean)).sum();
        let variance = if count > 1.0 { squares / (count - 1.0) } else { 0.0 };
        Estimate {
            mean,
            standard_error: (variance / count).sqrt(),
        }
    }
}

/// What the reference says of a text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReferenceScores {
    /// Predicted tokens.
    pub tokens: usize,
    /// Mean of `-ln p(token)`, in nats.
    pub nats_per_token: Estimate,
    /// `exp` of that.
    pub perplexity: f64,
}

/// What a variant says of a text, beside the reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantScores {
    /// Mean of `-ln p(token)`, in nats.
    pub nats_per_token: Estimate,
    /// `exp` of that.
    pub perplexity: f64,
    /// Variant less reference, token by token: the logarithm of the ratio of both perplexities.
    pub nats_above_reference: Estimate,
    /// Kullback-Leibler divergence of the variant from the reference, in nats per token: `sum p ln(p / q)`.
    pub divergence: Estimate,
    /// Divergence that 99 % of the tokens do not exceed, in nats.
    pub divergence_99_percent: f64,
    /// Share of the tokens for which both hold the same token for the most likely one.
    pub top_1_agreement: Estimate,
    /// The divergence of every token, in nats, in the text's order: two variants of one run can be compared token by token.
    #[serde(skip)]
    pub token_divergences: Vec<f64>,
}

/// What both say of one token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenScore {
    pub(crate) reference_nats: f64,
    pub(crate) nats: f64,
    pub(crate) divergence: f64,
    pub(crate) agrees: bool,
}

/// What the reference says of one token, worked out once for all variants.
pub(crate) struct ReferenceToken<'a> {
    logits: &'a [f32],
    log_sum: f64,
    probabilities: Vec<f32>,
    most_likely: usize,
    target: usize,
}

impl<'a> ReferenceToken<'a> {
    /// Of a row of logits, of which `target` came out.
    pub(crate) fn of(logits: &'a [f32], target: u32) -> Self {
        let log_sum = log_sum(logits);
        let probability = |&logit: &f32| libm::expf((f64::from(logit) - log_sum) as f32);
        ReferenceToken {
            logits,
            log_sum,
            probabilities: logits.iter().map(probability).collect(),
            most_likely: most_likely(logits),
            target: target as usize,
        }
    }

    /// Holds the row of a variant against it.
    pub(crate) fn score(&self, variant: &[f32]) -> TokenScore {
        let variant_log_sum = log_sum(variant);
        let mut divergence = 0.0;
        for ((&probability, &p), &q) in self.probabilities.iter().zip(self.logits).zip(variant) {
            let (p, q) = (f64::from(p) - self.log_sum, f64::from(q) - variant_log_sum);
            divergence += f64::from(probability) * (p - q);
        }
        TokenScore {
            reference_nats: self.log_sum - f64::from(self.logits[self.target]),
            nats: variant_log_sum - f64::from(variant[self.target]),
            divergence,
            agrees: self.most_likely == most_likely(variant),
        }
    }
}

/// Logarithm of the sum of exponentials.
fn log_sum(logits: &[f32]) -> f64 {
    let largest = logits
        .iter()
        .fold(f32::NEG_INFINITY, |largest, &logit| largest.max(logit));
    let sum: f64 = logits.iter().map(|logit| f64::from(libm::expf(logit - largest))).sum();
    f64::from(largest) + libm::log(sum)
}

/// The first of the most likely tokens.
fn most_likely(logits: &[f32]) -> usize {
    let mut best = 0;
    for (token, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = token;
        }
    }
    best
}

impl ReferenceScores {
    pub(crate) fn of(scores: &[TokenScore]) -> Self {
        let nats_per_token = Estimate::of(scores.iter().map(|score| score.reference_nats));
        ReferenceScores {
            tokens: scores.len(),
            perplexity: libm::exp(nats_per_token.mean),
            nats_per_token,
        }
    }
}

impl VariantScores {
    pub(crate) fn of(scores: &[TokenScore]) -> Self {
        let nats_per_token = Estimate::of(scores.iter().map(|score| score.nats));
        let token_divergences: Vec<f64> = scores.iter().map(|score| score.divergence).collect();
        let mut divergences = token_divergences.clone();
        divergences.sort_unstable_by(f64::total_cmp);
        // As many tokens as are 99 % of them, or one more.
        let many = (divergences.len() as f64 * 0.99).ceil() as usize;
        VariantScores {
            perplexity: libm::exp(nats_per_token.mean),
            nats_per_token,
            nats_above_reference: Estimate::of(scores.iter().map(|score| score.nats - score.reference_nats)),
            divergence: Estimate::of(scores.iter().map(|score| score.divergence)),
            divergence_99_percent: divergences.get(many.saturating_sub(1)).copied().unwrap_or(0.0),
            top_1_agreement: Estimate::of(scores.iter().map(|score| f64::from(u8::from(score.agrees)))),
            token_divergences,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn divergence_is_never_negative_and_zero_of_equals(
            pairs in prop::collection::vec((-9.0..9.0_f32, -9.0..9.0_f32), 2..50),
            shift in -5.0..5.0_f32,
        ) {
            let (p, q): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            prop_assert!(ReferenceToken::of(&p, 0).score(&q).divergence > -1e-5);
            let shifted: Vec<f32> = p.iter().map(|logit| logit + shift).collect();
            let score = ReferenceToken::of(&p, 1).score(&shifted);
            prop_assert!(score.divergence.abs() < 1e-5);
            prop_assert!((score.nats - score.reference_nats).abs() < 1e-5);
        }
    }

    #[test]
    fn scores_of_two_tokens_are_what_they_are_by_hand() {
        // p = (1/4, 3/4), q = (1/2, 1/2).
        let (p, q) = ([0.0, 3.0_f32.ln()], [1.0, 1.0]);
        let score = ReferenceToken::of(&p, 1).score(&q);
        assert!((score.reference_nats - (4.0 / 3.0_f64).ln()).abs() < 1e-6);
        assert!((score.nats - 2.0_f64.ln()).abs() < 1e-6);
        let divergence = 0.25 * 0.5_f64.ln() + 0.75 * 1.5_f64.ln();
        assert!((score.divergence - divergence).abs() < 1e-6);
        assert!(!score.agrees);
        let estimate = Estimate::of([1.0, 3.0].into_iter());
        assert_eq!(
            estimate,
            Estimate {
                mean: 2.0,
                standard_error: 1.0
            }
        );
    }
}
