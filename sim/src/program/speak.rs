//! A language model that speaks through the machine, or through its arithmetic without one.

use super::backend::Backend;
use super::output::print_bytes;
use super::prompt::PromptArguments;
use anyhow::{Result, bail};
use seedlm_llm::{
    GoldenMachine, IntegerLayers, IntegerMachine, Linear, Package, SoftwareMachine, SpeculationStatistics, generate,
    generate_speculatively,
};
use seedlm_sim::language::LanguageMachine;
use seedlm_sim::report::{FormatReport, GeneratedText, SpeculationReport, SpokenFormat, SpokenReport};
use seedlm_sim::workload::Pass;
use seedlm_sim::{Machine, SystemConfig};
use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

/// The language model of a run.
pub struct Speaker<'a> {
    arguments: &'a PromptArguments,
    prompt: &'a str,
    package: Package,
    prompt_tokens: Vec<u32>,
    /// Whether the text is printed as it comes.
    prints: bool,
}

/// A text, and what was read for it.
struct Written {
    text: GeneratedText,
    /// The most tokens that a round drafts, and what came of it, where the text was written speculatively.
    speculation: Option<(NonZeroUsize, SpeculationStatistics)>,
    /// Tokens that have to be read for it: the last one of a text need not be.
    needed_tokens: u64,
    seconds: f64,
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

    /// Writes the text with the matrices of one pass on a machine.
    pub fn speak(&self, pass: Pass, system: &SystemConfig, machine: Machine) -> Result<FormatReport> {
        let spoken = Spoken::of(&pass);
        let matrices = LanguageMachine::matrices_of(&pass);
        let machine = LanguageMachine::new(pass, system.clone(), machine)?;
        let Package { language, model, .. } = &self.package;
        let mut layers = IntegerLayers::new(language, model, matrices, machine, system.datapath.activation_bits)?;
        let written = self.write(&spoken, &mut layers)?;
        let machine = layers.machine();
        let mut report = machine.report(written.speculation.as_ref().map(|_| written.needed_tokens));
        report.speculation = written.speculation.map(|(draft_tokens, statistics)| {
            let (draft_cycles, full_cycles) = machine.cycles_per_pass();
            SpeculationReport::new(draft_tokens.get(), statistics, draft_cycles, full_cycles)
        });
        report.generated = Some(GeneratedText {
            wall_tokens_per_s: report.passes as f64 / written.seconds,
            ..written.text
        });
        Ok(report)
    }

    /// Writes the text by the machine's arithmetic alone: [`Backend::Golden`], or the software's.
    pub fn speak_without_machine(&self, pass: Pass, backend: Backend, activation_bits: u32) -> Result<SpokenFormat> {
        let spoken = Spoken::of(&pass);
        let (format, layers, relative_error) = (pass.format.label(), pass.layers, pass.relative_error);
        let bases = pass.matrices.iter().filter(|named| named.layer == 1);
        let weights = bases.map(|named| (named.matrix.rows() * named.matrix.columns()) as u64);
        let weights = weights.sum();
        let described = LanguageMachine::matrices_of(&pass);
        let matrices = pass.matrices.into_iter().map(|named| named.matrix).collect();
        let machine: Box<dyn IntegerMachine> = match backend {
            Backend::Golden => Box::new(GoldenMachine::new(matrices)),
            _ => Box::new(SoftwareMachine::new(matrices)),
        };
        let Package { language, model, .. } = &self.package;
        let mut integer_layers = IntegerLayers::new(language, model, described, machine, activation_bits)?;
        let written = self.write(&spoken, &mut integer_layers)?;
        Ok(SpokenFormat {
            format,
            layers,
            relative_error,
            weights,
            generated: written.text,
            speculation: written.speculation.map(|(_, statistics)| statistics),
        })
    }

    /// Writes the text with the products of a backend, as it comes.
    fn write<M: IntegerMachine>(&self, spoken: &Spoken, layers: &mut IntegerLayers<M>) -> Result<Written> {
        if self.arguments.speculate.is_some() && !spoken.has_layers && spoken.is_coded {
            bail!(
                "--speculate: {} has one layer here, and a draft needs a second one behind it; give --layers 2, or a model that was \
                 compressed with --layers",
                spoken.format
            );
        }
        let Package {
            language, tokenizer, ..
        } = &self.package;
        let config = language.config();
        let all_weights: u64 = Linear::all(config)
            .map(|linear| linear.shape(config).iter().product::<usize>() as u64)
            .sum();
        let host_weights = all_weights - layers.weights_on_machine();
        // A failure to print ends the text, and is the error of the run.
        let printing = RefCell::new(self.print(&format!("{}: {}", spoken.label, self.prompt)));
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
        let draft_tokens = self.arguments.speculate.filter(|_| spoken.has_layers);
        let (generated, speculation) = match draft_tokens {
            None => {
                let sampling = self.arguments.sampling();
                let generated = generate(language, layers, tokenizer, prompt, count, sampling, &mut on_text)?;
                (generated, None)
            }
            Some(draft_tokens) => {
                let (generated, statistics) =
                    generate_speculatively(language, layers, tokenizer, prompt, count, draft_tokens, &mut on_text)?;
                (generated, Some((draft_tokens, statistics)))
            }
        };
        let seconds = started.elapsed().as_secs_f64();
        printing.into_inner()?;
        self.print("\n\n")?;
        let needed_tokens = (prompt.len() + generated.tokens.len()).saturating_sub(1) as u64;
        Ok(Written {
            text: GeneratedText {
                prompt: self.prompt.into(),
                text: generated.text,
                prompt_tokens: prompt.len(),
                tokens: generated.tokens,
                host_weights,
                wall_tokens_per_s: needed_tokens as f64 / seconds,
            },
            speculation,
            needed_tokens,
            seconds,
        })
    }

    fn print(&self, text: &str) -> Result<()> {
        if self.prints {
            print_bytes(text.as_bytes())
        } else {
            Ok(())
        }
    }
}

/// What is said and asked of a pass while its text is written.
struct Spoken {
    format: String,
    /// The format, with the number of layers where one was asked for.
    label: String,
    has_layers: bool,
    is_coded: bool,
}

impl Spoken {
    fn of(pass: &Pass) -> Self {
        let format = pass.format.label();
        let with_layers = |layers| format!("{format}, layers: {layers}");
        Spoken {
            label: pass.layers.map_or(format.clone(), with_layers),
            has_layers: pass.matrices.iter().any(|named| named.layer > 1),
            is_coded: pass.format.code().is_some(),
            format,
        }
    }
}

/// The report of texts that were written without a machine.
pub fn spoken_report(
    workload: String,
    backend: Backend,
    activation_bits: u32,
    formats: Vec<SpokenFormat>,
) -> SpokenReport {
    let (name, description) = match backend {
        Backend::Golden => ("golden", "every weight is decoded anew in every product"),
        _ => ("software", "the same integers from weights that are decoded once"),
    };
    SpokenReport::new(workload, name.into(), description, activation_bits, formats)
}
