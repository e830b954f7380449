//! `sim run --prompt`: a language model that speaks through the machine.

use super::output::print_bytes;
use anyhow::{Result, bail};
use clap::Args;
use seedlm_llm::{IntegerLayers, Linear, Package, Sampling, generate, generate_speculatively};
use seedlm_sim::language::LanguageMachine;
use seedlm_sim::report::{FormatReport, GeneratedText, SpeculationReport};
use seedlm_sim::workload::Pass;
use seedlm_sim::{Machine, SystemConfig};
use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

#[derive(Args)]
pub struct PromptArguments {
    /// Let the model continue this text, every matrix product of its layers on the simulated machine; with --rtl on the
    /// Verilog itself. The text comes first, then the report. MODEL is a Hugging Face folder, or a compressed one
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["workload", "image", "model_shape", "vcd"])]
    pub prompt: Option<String>,
    /// Tokens to write
    #[arg(long, value_name = "COUNT", default_value_t = 64, requires = "prompt")]
    tokens: usize,
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
    speculate: Option<NonZeroUsize>,
    /// Seed of the draws
    #[arg(long, default_value_t = 1, requires = "prompt")]
    seed: u64,
}

impl PromptArguments {
    fn sampling(&self) -> Sampling {
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

/// The language model of a run.
pub struct Speaker<'a> {
    arguments: &'a PromptArguments,
    prompt: &'a str,
    package: Package,
    prompt_tokens: Vec<u32>,
    /// Whether the text is printed as it comes.
    prints: bool,
}

impl<'a> Speaker<'a> {
    /// Opens the model; `prints` says whether the text goes to standard output.
    pub fn open(arguments: &'a PromptArguments, prompt: &'a str, model: Option<&Path>, prints: bool) -> Result<Self> {
        let package = match model {
            Some(path) => Package::open(path)?,
            None => Package::embedded()?,
        };
        let prompt_tokens = package.tokenizer.encode(prompt, true)?;
        let positions = package.language.config().positions;
        if prompt_tokens.is_empty() {
            bail!("--prompt: the prompt has no tokens; give at least one character");
        }
        if prompt_tokens.len() > positions {
            bail!(
                "--prompt: the prompt has {} tokens, and the model reads {positions} at most; shorten it",
                prompt_tokens.len()
            );
        }
        Ok(Speaker {
            arguments,
            prompt,
            package,
            prompt_tokens,
            prints,
        })
    }

    /// What the report says of the run.
    pub fn workload(&self, model: &str) -> String {
        format!("{:?} continued by {model}", self.prompt)
    }

    /// Writes the text with the matrices of one pass.
    pub fn speak(&self, pass: Pass, system: &SystemConfig, machine: Machine) -> Result<FormatReport> {
        let label = pass.format.label();
        let label = pass
            .layers
            .map_or(label.clone(), |layers| format!("{label}, layers: {layers}"));
        let has_layers = pass.matrices.iter().any(|named| named.layer > 1);
        if self.arguments.speculate.is_some() && !has_layers && pass.format.code().is_some() {
            bail!(
                "--speculate: {} has one layer here, and a draft needs a second one behind it; give --layers 2, or a model that was \
                 compressed with --layers",
                pass.format.label()
            );
        }
        let matrices = LanguageMachine::matrices_of(&pass);
        let machine = LanguageMachine::new(pass, system.clone(), machine)?;
        let Package {
            language,
            model,
            tokenizer,
            ..
        } = &self.package;
        let bits = system.datapath.activation_bits;
        let mut layers = IntegerLayers::new(language, model, matrices, machine, bits)?;
        let config = language.config();
        let all_weights: u64 = Linear::all(config)
            .map(|linear| linear.shape(config).iter().product::<usize>() as u64)
            .sum();
        let host_weights = all_weights - layers.weights_on_machine();
        // A failure to print ends the text, and is the error of the run.
        let printing = RefCell::new(self.print(&format!("{label}: {}", self.prompt)));
        let mut on_text = |piece: &str| {
            let mut printing = printing.borrow_mut();
            if printing.is_ok() {
                *printing = self.print(piece);
            }
            match printing.is_ok() {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        };
        let started = Instant::now();
        let (prompt, count) = (&self.prompt_tokens, self.arguments.tokens);
        let draft_tokens = self.arguments.speculate.filter(|_| has_layers);
        let (generated, statistics) = match draft_tokens {
            None => {
                let sampling = self.arguments.sampling();
                let generated = generate(language, &mut layers, tokenizer, prompt, count, sampling, &mut on_text)?;
                (generated, None)
            }
            Some(draft_tokens) => {
                let (generated, statistics) = generate_speculatively(
                    language,
                    &mut layers,
                    tokenizer,
                    prompt,
                    count,
                    draft_tokens,
                    &mut on_text,
                )?;
                (generated, Some((draft_tokens, statistics)))
            }
        };
        let seconds = started.elapsed().as_secs_f64();
        printing.into_inner()?;
        self.print("\n\n")?;
        // The last token of a text need not be read.
        let needed = (prompt.len() + generated.tokens.len()).saturating_sub(1) as u64;
        let machine = layers.machine();
        let mut report = machine.report(statistics.map(|_| needed));
        report.speculation = statistics.map(|(draft_tokens, statistics)| {
            let (draft_cycles, full_cycles) = machine.cycles_per_pass();
            SpeculationReport::new(draft_tokens.get(), statistics, draft_cycles, full_cycles)
        });
        report.generated = Some(GeneratedText {
            prompt: self.prompt.into(),
            text: generated.text,
            prompt_tokens: self.prompt_tokens.len(),
            tokens: generated.tokens,
            host_weights,
            wall_tokens_per_s: report.passes as f64 / seconds,
        });
        Ok(report)
    }

    fn print(&self, text: &str) -> Result<()> {
        if self.prints {
            print_bytes(text.as_bytes())
        } else {
            Ok(())
        }
    }
}
