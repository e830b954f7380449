//! Rotary position embedding (RoFormer, arXiv 2104.09864), with its changes for longer texts, as Hugging Face's
//! transformers define them (`modeling_rope_utils.py`).

use crate::config::{RopeConfig, RopeScaling};
use std::f64::consts::PI;

/// Cosines and sines of all angles at all positions. Value `i` of a head is turned together with value `i + size / 2`.
#[derive(Clone, Debug)]
pub(crate) struct Rope {
    half: usize,
    /// Position by position: cosine and sine of each angle.
    turns: Vec<(f32, f32)>,
}

impl Rope {
    /// The turns of heads of an even size. All in binary64 with functions that are the same on every machine, rounded once.
    pub(crate) fn new(config: &RopeConfig, head_size: usize, positions: usize) -> Self {
        let frequencies = frequencies(config, head_size);
        let scale = match config.scaling {
            RopeScaling::Yarn { attention_factor, .. } => attention_factor,
            _ => 1.0,
        };
        let turns = (0..positions).flat_map(|position| {
            frequencies.iter().map(move |frequency| {
                let (sine, cosine) = libm::sincos(position as f64 * frequency);
                ((cosine * scale) as f32, (sine * scale) as f32)
            })
        });
        Rope {
            half: head_size / 2,
            turns: turns.collect(),
        }
    }

    /// Turns one head's values for a position.
    pub(crate) fn turn(&self, position: usize, head: &mut [f32]) {
        let (low, high) = head.split_at_mut(self.half);
        let turns = &self.turns[position * self.half..(position + 1) * self.half];
        for ((low, high), (cosine, sine)) in low.iter_mut().zip(high).zip(turns) {
            (*low, *high) = (*low * cosine - *high * sine, *high * cosine + *low * sine);
        }
    }
}

/// Angles per position, in radians.
fn frequencies(config: &RopeConfig, head_size: usize) -> Vec<f64> {
    let half = head_size / 2;
    let plain = |index: usize| libm::pow(config.theta, -(index as f64) / half as f64);
    match config.scaling {
        RopeScaling::Default => (0..half).map(plain).collect(),
        RopeScaling::Linear { factor } => (0..half).map(|index| plain(index) / factor).collect(),
        RopeScaling::Llama3 {
            factor,
            low_frequency_factor,
            high_frequency_factor,
            original_positions,
        } => (0..half)
            .map(|index| {
                let frequency = plain(index);
                let turns = original_positions * frequency / (2.0 * PI);
                let passage = (turns - low_frequency_factor) / (high_frequency_factor - low_frequency_factor);
                let kept = passage.clamp(0.0, 1.0);
                frequency * (kept + (1.0 - kept) / factor)
            })
            .collect(),
        RopeScaling::Yarn {
            factor,
            beta_fast,
            beta_slow,
            original_positions,
            ..
        } => {
            // The number of the angle that makes so many turns in the original length.
            let number = |turns: f64| {
                let ratio = original_positions / (turns * 2.0 * PI);
                half as f64 * libm::log(ratio) / libm::log(config.theta)
            };
            let low = number(beta_fast).floor().max(0.0);
            let high = number(beta_slow).ceil().min(head_size as f64 - 1.0);
            let width = if high > low { high - low } else { 0.001 };
            (0..half)
                .map(|index| {
                    let divided = ((index as f64 - low) / width).clamp(0.0, 1.0);
                    plain(index) * (1.0 - divided + divided / factor)
                })
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(scaling: RopeScaling) -> RopeConfig {
        RopeConfig {
            theta: 10_000.0,
            scaling,
        }
    }

    #[test]
    fn the_product_of_two_turned_heads_depends_on_their_distance_alone() {
        let rope = Rope::new(&config(RopeScaling::Default), 8, 64);
        let query = [0.3, -1.0, 0.5, 2.0, -0.25, 0.75, 1.5, -0.5];
        let key = [1.0, 0.5, -0.75, 0.25, 2.0, -1.5, 0.125, 0.6];
        let product = |at: usize, from: usize| {
            let (mut query, mut key) = (query, key);
            rope.turn(at, &mut query);
            rope.turn(from, &mut key);
            query.iter().zip(&key).map(|(a, b)| a * b).sum::<f32>()
        };
        for distance in [0, 1, 7] {
            let expected = product(distance, 0);
            for from in [1, 20, 50] {
                assert!(
                    (product(from + distance, from) - expected).abs() < 1e-4,
                    "{distance} {from}"
                );
            }
        }
        assert!((product(7, 0) - product(0, 0)).abs() > 0.1);
    }

    #[test]
    fn first_and_last_angles_are_what_the_paper_says() {
        let plain = frequencies(&config(RopeScaling::Default), 128);
        assert_eq!(plain[0], 1.0);
        assert!((plain[63] - 10_000_f64.powf(-126.0 / 128.0)).abs() < 1e-18);
        let linear = frequencies(&config(RopeScaling::Linear { factor: 4.0 }), 128);
        assert_eq!(linear[5], plain[5] / 4.0);
    }

    /// Fast angles are kept, slow ones divided, those between are between.
    #[test]
    fn longer_texts_slow_the_slow_angles_only() {
        let plain = frequencies(&config(RopeScaling::Default), 64);
        let llama3 = RopeScaling::Llama3 {
            factor: 8.0,
            low_frequency_factor: 1.0,
            high_frequency_factor: 4.0,
            original_positions: 8192.0,
        };
        let yarn = RopeScaling::Yarn {
            factor: 8.0,
            beta_fast: 32.0,
            beta_slow: 1.0,
            original_positions: 4096.0,
            attention_factor: 1.2,
        };
        for scaling in [llama3, yarn] {
            let changed = frequencies(&config(scaling), 64);
            assert_eq!(changed[0], plain[0]);
            assert!((changed[31] * 8.0 - plain[31]).abs() < 1e-15, "{scaling:?}");
            let ratios: Vec<f64> = plain
                .iter()
                .zip(&changed)
                .map(|(plain, changed)| plain / changed)
                .collect();
            assert!(ratios.is_sorted(), "{scaling:?}");
            assert!(ratios.iter().any(|ratio| (1.1..7.9).contains(ratio)), "{scaling:?}");
        }
    }
}
