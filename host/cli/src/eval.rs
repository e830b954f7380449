//! `seedlm eval`

pub mod baseline;
pub mod named;
mod passage;
mod picture;
mod prepared;
mod reference;
mod report;
pub mod squares;
mod tables;

use crate::bench::machine::Machine;
use crate::bench::table::Style;
use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::output_file::OutputFile;
use crate::stdout::{print, print_json};
use crate::talk::{Talk, Volume};
use crate::threads::Threads;
use clap::Args;
use indicatif::HumanCount;
use named::Named;
use passage::{Cut, Passage};
use prepared::{Prepared, prepare};
use reference::Reference;
use report::{ERRORS, Member, Run, roundings, variants};
use seedlm_llm::ActivationRounding;
use seedlm_llm::evaluate::{Comparison, Step, Variant, compare};
use seedlm_model::{ModelError, Progress};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Measure what compression changes in what a language model says: perplexity, divergence, agreement
///
/// Every variant reads the same windows of a text as the reference does. In each the matrices that compress takes by default
/// are replaced, and nothing else, so that all of them compare like with like. All variants are held in memory, 4 bytes per
/// weight each.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Eval {
    /// The model as it was before compression, a Hugging Face folder; the small model in the program if not given
    #[arg(value_name = "REFERENCE")]
    reference: Option<PathBuf>,
    /// What is held against it, separated by commas: paths of the compressed model; codes, to which it is compressed in memory,
    /// as paper-4b, chained-4b or progressive-4b; baselines without calibration: int4-g128, nf4-g64 (as in bench quality), q4_0, q4_k (as
    /// llama.cpp's, by candle)
    #[arg(long, value_name = "VARIANT,...", value_delimiter = ',', value_parser = Named::parse)]
    against: Vec<Named>,
    /// The text that is read, in UTF-8; the model in the program has one of its own
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Run everything also with activations rounded, separated by commas: int8, int16 (a scale for each vector), int8-g64 (for
    /// each 64 neighbours)
    #[arg(long, value_name = "WIDTH,...", value_delimiter = ',')]
    activations: Vec<ActivationRounding>,
    /// Tokens of a window; 1024, or as many as the model has positions, if not given
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(1..))]
    window: Option<u32>,
    /// Tokens from the start of a window to that of the next; less than a window makes them slide, so that each prediction has
    /// more before it; a window if not given
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(1..))]
    stride: Option<u32>,
    /// Windows at most
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    windows: u32,
    /// Add tables of the matrices; JSON has them always
    #[arg(long)]
    tensors: bool,
    /// Write the result as JSON, to a file or in place of the tables
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    json: Option<PathBuf>,
    /// Write the tables in Markdown
    #[arg(long)]
    markdown: bool,
    /// Write a picture: divergence over stored bits per weight
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    volume: Volume,
}

impl Eval {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        named::check(&self.against)?;
        let json_path = self.json.as_deref().filter(|path| *path != Path::new("-"));
        let paths = self.against.iter().filter_map(Named::path).cloned();
        let inputs: Vec<PathBuf> = paths.chain(self.reference.clone()).chain(self.text.clone()).collect();
        let create = |path: Option<&Path>| path.map(|path| OutputFile::create(path, &inputs)).transpose();
        let (json, svg) = (create(json_path)?, create(self.svg.as_deref())?);
        interrupt::listen()?;
        let run = self.threads.run(|| self.measure())??;
        let interrupted = run.interrupted;
        if let Some(file) = json {
            file.write(&format!("{}\n", serde_json::to_string_pretty(&run)?))?;
        }
        if let Some(file) = svg {
            file.write(&picture::svg(&run))?;
        }
        if self.json.is_some() && json_path.is_none() {
            print_json(&run)?;
        } else {
            let style = if self.markdown { Style::Markdown } else { Style::Text };
            print(&tables::text(&run, style, self.tensors))?;
        }
        Ok(if interrupted {
            Outcome::Interrupted
        } else {
            Outcome::Done
        })
    }

    fn measure(&self) -> anyhow::Result<Run> {
        let begun = Instant::now();
        let reference = Reference::open(self.reference.as_deref())?;
        let cut = Cut {
            window: self.window.map(|tokens| tokens as usize),
            stride: self.stride.map(|tokens| tokens as usize),
            windows: self.windows as usize,
        };
        let passage = Passage::read(self.text.as_deref(), self.reference.is_none(), &reference, cut)?;
        let prepared = self.prepare(&reference)?;
        let prepare_seconds = begun.elapsed().as_secs_f64();
        let members = Member::all(prepared.len(), &self.activations);
        let begun = Instant::now();
        let (finished_windows, comparison) = self.compare(&reference, &prepared, &members, &passage)?;
        let weights = reference.weights();
        let reference_bits_per_weight = reference.stored_bits() as f64 / weights as f64;
        let variants = variants(&members, &prepared, reference_bits_per_weight, &comparison);
        let notes = prepared.iter().flat_map(|prepared| &prepared.notes);
        Ok(Run {
            machine: Machine::this(),
            threads: rayon::current_num_threads(),
            reference: reference.package.name.clone(),
            interrupted: finished_windows < passage.windows.len(),
            finished_windows,
            passage: passage.facts,
            matrices: reference.matched.len(),
            weights,
            standard_errors: ERRORS,
            reference_bits_per_weight,
            reference_scores: comparison.reference,
            roundings: roundings(&variants),
            variants,
            notes: notes.cloned().collect(),
            prepare_seconds,
            read_seconds: begun.elapsed().as_secs_f64(),
        })
    }

    fn prepare(&self, reference: &Reference) -> anyhow::Result<Vec<Prepared>> {
        let talk = Talk::new(self.volume, reference.weights() * self.against.len() as u64);
        let prepared = self.against.iter().map(|named| {
            let begun = Instant::now();
            let prepared = prepare(named, reference, &talk)?;
            talk.detail(&format!(
                "{}: ready after {:.1} s",
                prepared.name,
                begun.elapsed().as_secs_f64()
            ));
            Ok(prepared)
        });
        let prepared = prepared.collect();
        talk.end();
        prepared
    }

    /// Reads the windows; gives how many are finished, at least one.
    fn compare(
        &self,
        reference: &Reference,
        prepared: &[Prepared],
        members: &[Member],
        passage: &Passage,
    ) -> anyhow::Result<(usize, Comparison)> {
        let language = &reference.package.language;
        let variant = |name: String, language: &_, dense: &seedlm_llm::DenseLayers, rounding| Variant {
            name,
            language: Clone::clone(language),
            linear: Box::new(dense.with_rounding(rounding)),
        };
        let mut first = variant("reference".into(), language, &reference.dense, None);
        let mut others: Vec<Variant> = members
            .iter()
            .map(|member| {
                let (language, dense) = member.prepared.map_or((language, &reference.dense), |number| {
                    (&prepared[number].language, &prepared[number].dense)
                });
                variant(member.name(prepared), language, dense, member.rounding)
            })
            .collect();
        let count = passage.windows.len();
        let talk = Talk::new(self.volume, passage.tokens_read() * (1 + members.len() as u64));
        talk.say(&format!(
            "reading {} tokens in {count} windows {} with {} models",
            HumanCount(passage.tokens_read()),
            passage.facts.cut(),
            1 + members.len()
        ));
        talk.now_at(format!("window 1 of {count}"));
        let mut finished_windows = 0;
        let on_step = &mut |step: Step<'_>| {
            match step {
                Step::Read(tokens) => talk.advance(tokens),
                Step::Window { finished, comparison } => {
                    finished_windows = finished;
                    talk.now_at(format!("window {} of {count}", (finished + 1).min(count)));
                    talk.detail(&format!(
                        "window {finished} of {count}: perplexity {:.4} so far",
                        comparison.reference.perplexity
                    ));
                }
            }
            talk.go_on()
        };
        let comparison = compare(&mut first, &mut others, &passage.windows, on_step);
        talk.end();
        let comparison = comparison?;
        if finished_windows == 0 {
            return Err(ModelError::Interrupted.into());
        }
        if finished_windows < count {
            talk.say(&format!(
                "seedlm: interrupted; the result is that of the {finished_windows} of {count} windows that are finished"
            ));
        }
        Ok((finished_windows, comparison))
    }
}
