//! The searches that ours are held against, as anybody would write them, measured in the same run.

mod block;
mod chained;

use super::best_of::{Effort, best_of};
use block::NaiveBlocks;
use chained::NaiveChain;
use seedlm_codec::Code;
use seedlm_encoder::Instructions;
use serde::Serialize;
use std::hint::black_box;

const EFFORT: Effort = Effort { runs: 5, seconds: 1.0 };

/// The tables of the naive searches of a code.
pub enum Naive {
    /// For every block all seeds, one after the other.
    Block(NaiveBlocks),
    /// For every weight all windows, one after the other.
    Chained(NaiveChain),
}

/// How a naive search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As anybody would write it.
    OneByOne,
    /// In vectors, 16 blocks at once: brute force done well.
    SixteenBlocks,
}

impl Form {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Form::OneByOne => "one by one",
            Form::SixteenBlocks => "16 blocks at once",
        }
    }
}

/// How fast it is, on one thread.
#[derive(Clone, Debug, Serialize)]
pub struct NaiveFigures {
    /// How it goes.
    pub form: Form,
    /// Weights that it got.
    pub weights: usize,
    /// `||W - W'|| / ||W||` of these: it is a search, not a dummy.
    pub relative_error: f64,
    /// Weights per second as the program is shipped: with the instructions that every machine has.
    pub baseline_weights_per_s: f64,
    /// The instruction set with which it is fastest on this machine.
    pub native_instructions: &'static str,
    /// Weights per second with these, as a build for this machine has it.
    pub native_weights_per_s: f64,
}

impl Naive {
    /// That of a code; none for a block code of a size that no preset has.
    pub fn new(code: &Code) -> Option<Self> {
        Some(match code {
            Code::Block(code) => Naive::Block(NaiveBlocks::new(code)?),
            Code::Chained(code) => Naive::Chained(NaiveChain::new(code)?),
        })
    }

    /// The searches that there are, the simplest first.
    pub fn forms(&self) -> &'static [Form] {
        match self {
            Naive::Block(_) => &[Form::OneByOne, Form::SixteenBlocks],
            Naive::Chained(_) => &[Form::OneByOne],
        }
    }

    /// Measures one of them on the first of the weights, as many as take some milliseconds.
    pub fn measure(&self, form: Form, values: &[f32]) -> anyhow::Result<NaiveFigures> {
        let values = &values[..values.len().min(self.enough())];
        let mut squared_error = 0.0;
        let mut speeds = Vec::new();
        for instructions in Instructions::available() {
            let seconds = best_of(EFFORT, || {
                squared_error = black_box(self.squared_error(form, instructions, black_box(values)));
                Ok(())
            })?;
            speeds.push((instructions, self.searched(values.len()) as f64 / seconds));
        }
        let (native, native_speed) = *speeds
            .iter()
            .max_by(|left, right| left.1.total_cmp(&right.1))
            .expect("every machine has an instruction set");
        let squared_norm: f64 = values.iter().map(|&value| f64::from(value).powi(2)).sum();
        Ok(NaiveFigures {
            form,
            weights: values.len(),
            relative_error: (squared_error / squared_norm).sqrt(),
            baseline_weights_per_s: speeds[0].1,
            native_instructions: native.name(),
            native_weights_per_s: native_speed,
        })
    }

    fn enough(&self) -> usize {
        match self {
            Naive::Block(naive) => naive.enough(),
            Naive::Chained(naive) => naive.enough(),
        }
    }

    /// How many of so many weights count as searched: a last block that is not full takes as long as a full one.
    fn searched(&self, weights: usize) -> usize {
        match self {
            Naive::Block(naive) => weights.next_multiple_of(naive.block_size()),
            Naive::Chained(_) => weights,
        }
    }

    fn squared_error(&self, form: Form, instructions: Instructions, values: &[f32]) -> f64 {
        match (self, form) {
            (Naive::Block(naive), Form::OneByOne) => naive.squared_error_one_by_one(instructions, values),
            (Naive::Block(naive), Form::SixteenBlocks) => naive.squared_error(instructions, values),
            (Naive::Chained(naive), _) => naive.squared_error(instructions, values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::gaussian::gaussian;

    #[test]
    fn the_naive_searches_find_good_words_with_every_instruction_set() {
        // Above the bound that no code of so many bits beats, 2^-bits: 0.0625 for 4, 0.125 for 3, 0.25 for 2.
        for (name, expected) in [
            ("paper-4b", 0.125),
            ("paper-3b", 0.229),
            ("chained-4b", 0.072),
            ("chained-2b-k12", 0.27),
        ] {
            let naive = Naive::new(&Code::preset(name).unwrap()).unwrap();
            let values = gaussian(1, 480).values;
            let norm: f64 = values.iter().map(|&value| f64::from(value).powi(2)).sum();
            for (instructions, &form) in Instructions::available()
                .into_iter()
                .flat_map(|set| naive.forms().iter().map(move |form| (set, form)))
            {
                let error = (naive.squared_error(form, instructions, &values) / norm).sqrt();
                assert!(
                    (error / expected - 1.0).abs() < 0.15,
                    "{name} {form:?} {instructions} {error}"
                );
            }
        }
    }
}
