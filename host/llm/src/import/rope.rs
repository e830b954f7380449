//! Rotary embeddings: the order of the rows that they rotate, and how their frequencies are scaled for long texts.
//!
//! A rotary embedding rotates pairs of a head's values. Meta's checkpoints, llama2.c and GGUF pair neighbours: value 2i with
//! value 2i + 1. Hugging Face pairs value i of a head's first half with value i of its second half. The same model is
//! in both conventions if the rows of the query and the key matrix are reordered, alike in both, within each head: Hugging
//! Face's row j * d/2 + i is row 2 i + j of the others (j = 0 or 1, d values per head). Values and outputs are not
//! rotated and keep their order.

use super::config::number;
use serde_json::{Value, json};
use std::f64::consts::TAU;

/// Puts the rows of a query or key matrix, which pairs neighbours, into Hugging Face's order. `values` has `heads` * d
/// rows of equal length, and d is even.
pub(super) fn neighbours_to_halves(values: &[f32], heads: usize, columns: usize) -> Vec<f32> {
    let rows_per_head = values.len() / (heads * columns);
    let half = rows_per_head / 2;
    let mut reordered = Vec::with_capacity(values.len());
    for head in values.chunks_exact(rows_per_head * columns) {
        for row in 0..rows_per_head {
            let from = 2 * (row % half) + row / half;
            reordered.extend_from_slice(&head[from * columns..(from + 1) * columns]);
        }
    }
    reordered
}

/// How the frequencies are scaled, in Hugging Face's terms.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RopeScaling {
    /// All frequencies divided by the factor.
    Linear { factor: f32 },
    /// YaRN.
    Yarn {
        factor: f32,
        original_context: usize,
        attention_factor: Option<f32>,
        beta_fast: Option<f32>,
        beta_slow: Option<f32>,
    },
    /// Llama 3: low frequencies divided by the factor, high ones kept, a ramp between them.
    Llama3 { factor: f32, original_context: usize },
}

/// Wavelengths longer than the original context divided by this are divided by the whole factor. All published models that
/// scale this way use these two numbers, and GGUF files do not keep them: [`RopeScaling::from_factors`] checks that they fit.
const LOW_FREQUENCY_FACTOR: f64 = 1.0;
/// Wavelengths shorter than the original context divided by this are kept.
const HIGH_FREQUENCY_FACTOR: f64 = 4.0;
/// The converters compute with binary32.
const LARGEST_RELATIVE_DIFFERENCE: f64 = 1e-3;

impl RopeScaling {
    /// The value of `rope_scaling` in `config.json`.
    pub fn to_json(&self) -> Value {
        match *self {
            RopeScaling::Linear { factor } => json!({"rope_type": "linear", "factor": number(factor)}),
            RopeScaling::Yarn {
                factor,
                original_context,
                attention_factor,
                beta_fast,
                beta_slow,
            } => {
                let mut yarn = json!({
                    "rope_type": "yarn",
                    "factor": number(factor),
                    "original_max_position_embeddings": original_context,
                });
                let optional = [
                    ("attention_factor", attention_factor),
                    ("beta_fast", beta_fast),
                    ("beta_slow", beta_slow),
                ];
                for (name, value) in optional {
                    if let Some(value) = value {
                        yarn[name] = number(value);
                    }
                }
                yarn
            }
            RopeScaling::Llama3 {
                factor,
                original_context,
            } => json!({
                "rope_type": "llama3",
                "factor": number(factor),
                "low_freq_factor": LOW_FREQUENCY_FACTOR,
                "high_freq_factor": HIGH_FREQUENCY_FACTOR,
                "original_max_position_embeddings": original_context,
            }),
        }
    }

    /// The scaling that divides the frequencies by these factors (one per pair of a head): none at all, or Llama 3's with one
    /// of the original contexts given.
    ///
    /// # Errors
    /// Where no such scaling gives the factors.
    pub fn from_factors(factors: &[f32], theta: f32, original_contexts: &[usize]) -> Result<Option<Self>, ()> {
        if factors.iter().all(|&factor| factor == 1.0) {
            return Ok(None);
        }
        // The last pair has the lowest frequency, and so the whole factor.
        let factor = *factors.last().ok_or(())?;
        let fits = |&original_context: &usize| {
            llama3_factors(factors.len(), theta.into(), factor.into(), original_context)
                .zip(factors)
                .all(|(expected, &found)| (f64::from(found) / expected - 1.0).abs() <= LARGEST_RELATIVE_DIFFERENCE)
        };
        let original_context = original_contexts
            .iter()
            .copied()
            .find(|context| fits(context))
            .ok_or(())?;
        Ok(Some(RopeScaling::Llama3 {
            factor,
            original_context,
        }))
    }
}

/// What Llama 3's scaling divides each pair's frequency by.
fn llama3_factors(pairs: usize, theta: f64, factor: f64, original_context: usize) -> impl Iterator<Item = f64> {
    (0..pairs).map(move |pair| {
        let wavelength = TAU * theta.powf(pair as f64 / pairs as f64);
        let turns = original_context as f64 / wavelength;
        if turns > HIGH_FREQUENCY_FACTOR {
            1.0
        } else if turns < LOW_FREQUENCY_FACTOR {
            factor
        } else {
            let kept = (turns - LOW_FREQUENCY_FACTOR) / (HIGH_FREQUENCY_FACTOR - LOW_FREQUENCY_FACTOR);
            1.0 / ((1.0 - kept) / factor + kept)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the converters to GGUF do: Hugging Face's order to pairs of neighbours.
    fn halves_to_neighbours(values: &[f32], heads: usize, columns: usize) -> Vec<f32> {
        let rows_per_head = values.len() / (heads * columns);
        let mut reordered = values.to_vec();
        for head in 0..heads {
            for pair in 0..rows_per_head / 2 {
                for part in 0..2 {
                    let to = (head * rows_per_head + 2 * pair + part) * columns;
                    let from = (head * rows_per_head + part * rows_per_head / 2 + pair) * columns;
                    reordered[to..to + columns].copy_from_slice(&values[from..from + columns]);
                }
            }
        }
        reordered
    }

    fn rotate(first: f64, second: f64, angle: f64) -> (f64, f64) {
        let (sine, cosine) = angle.sin_cos();
        (first * cosine - second * sine, first * sine + second * cosine)
    }

    /// A head's values at a position, in either convention: `places` gives the two values of a pair.
    fn rotated(head: &[f32], position: f64, places: impl Fn(usize) -> (usize, usize)) -> Vec<f64> {
        let mut result = vec![0.0; head.len()];
        for pair in 0..head.len() / 2 {
            let angle = position * 10_000_f64.powf(-(pair as f64) / (head.len() as f64 / 2.0));
            let (first, second) = places(pair);
            (result[first], result[second]) = rotate(head[first].into(), head[second].into(), angle);
        }
        result
    }

    fn dot(left: &[f64], right: &[f64]) -> f64 {
        left.iter().zip(right).map(|(left, right)| left * right).sum()
    }

    proptest! {
        #[test]
        fn undoing_the_permutation_gives_the_matrix_back(heads in 1_usize..5, half in 1_usize..6, columns in 1_usize..5) {
            let values: Vec<f32> = (0..heads * half * 2 * columns).map(|value| value as f32).collect();
            let there = halves_to_neighbours(&values, heads, columns);
            prop_assert_eq!(neighbours_to_halves(&there, heads, columns), values);
        }

        /// The law that attention rests on: scores do not depend on the convention.
        #[test]
        fn attention_scores_agree_in_both_conventions(
            numbers in prop::collection::vec(-1_f32..1.0, 16),
            query_position in 0_u32..500,
            key_position in 0_u32..500,
        ) {
            let (query, key) = numbers.split_at(8);
            let neighbours = |pair| (2 * pair, 2 * pair + 1);
            let halves = |pair| (pair, pair + 4);
            let (query_position, key_position) = (query_position.into(), key_position.into());
            let before = dot(&rotated(query, query_position, neighbours), &rotated(key, key_position, neighbours));
            // One head, one column: a vector is reordered like the rows of the matrix that made it.
            let query = neighbours_to_halves(query, 1, 1);
            let key = neighbours_to_halves(key, 1, 1);
            let after = dot(&rotated(&query, query_position, halves), &rotated(&key, key_position, halves));
            prop_assert!((before - after).abs() < 1e-9, "{before} {after}");
        }

        #[test]
        fn factors_of_llama3_are_recognised(factor in 2_f32..64.0, context in prop::sample::select(vec![4096_usize, 8192])) {
            let factors: Vec<f32> = llama3_factors(32, 500_000.0, factor.into(), context).map(|factor| factor as f32).collect();
            let found = RopeScaling::from_factors(&factors, 500_000.0, &[context]);
            prop_assert_eq!(found, Ok(Some(RopeScaling::Llama3 { factor, original_context: context })));
            prop_assert!(RopeScaling::from_factors(&factors, 500_000.0, &[context / 4]).is_err());
        }
    }

    #[test]
    fn factors_that_follow_no_rule_are_refused() {
        assert_eq!(RopeScaling::from_factors(&[1.0; 4], 10_000.0, &[8192]), Ok(None));
        assert_eq!(
            RopeScaling::from_factors(&[1.0, 5.0, 2.0, 8.0], 10_000.0, &[8192]),
            Err(())
        );
        assert_eq!(RopeScaling::from_factors(&[f32::NAN; 4], 10_000.0, &[8192]), Err(()));
    }
}
