//! `sim run --prompt`: the options of a text.

use clap::Args;
use seedlm_llm::Sampling;
use std::num::NonZeroUsize;

#[derive(Args)]
pub struct PromptArguments {
    /// Let the model continue this text, every matrix product of its layers on the simulated machine, or where --backend
    /// says. The text comes first, then the report. MODEL is a Hugging Face folder, or a compressed one
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["workload", "image", "model_shape", "vcd"])]
    pub prompt: Option<String>,
    /// Tokens to write
    #[arg(long, value_name = "COUNT", default_value_t = 64, requires = "prompt")]
    pub tokens: usize,
    /// What the logits are divided by before a token is drawn; at 0 it is always the most likely one
    #[arg(long, default_value_t = 0.0, requires = "prompt", value_parser = temperature, allow_negative_numbers = true)]
    temperature: f32,
    /// Draw from the most likely tokens only, so many of them; 0 for all
    #[arg(long, value_name = "COUNT", default_value_t = 0, requires = "prompt")]
    top_k: usize,
    /// Draw from the most likely tokens only, those that together reach this share
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, requires = "prompt", value_parser = share)]
    top_p: f32,
    /// Decode speculatively: the first layer drafts up to so many tokens, all layers verify them; the same text, greedily. Of a
    /// model in layers, or with --layers
    #[arg(long, value_name = "COUNT", requires = "prompt", conflicts_with = "temperature")]
    pub speculate: Option<NonZeroUsize>,
    /// Seed of the draws
    #[arg(long, default_value_t = 1, requires = "prompt")]
    seed: u64,
}

impl PromptArguments {
    /// How tokens are drawn.
    pub fn sampling(&self) -> Sampling {
        Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            seed: self.seed,
        }
    }
}

fn temperature(text: &str) -> Result<f32, String> {
    let value = text.parse().map_err(|_| "not a number")?;
    match (0.0..=100.0).contains(&value) {
        true => Ok(value),
        false => Err("must be 0 to 100".into()),
    }
}

fn share(text: &str) -> Result<f32, String> {
    let value = text.parse().map_err(|_| "not a number")?;
    match value > 0.0 && value <= 1.0 {
        true => Ok(value),
        false => Err("must be above 0, and 1 at most".into()),
    }
}
