//! `seedlm drift`

mod prepared;
mod report;
mod sentences;

use crate::bench::machine::Machine;
use crate::bench::table::Style;
use crate::eval::named::{self, Named};
use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::output_file::OutputFile;
use crate::stdout::{print, print_json};
use crate::talk::{Talk, Volume};
use crate::threads::Threads;
use anyhow::Context;
use clap::Args;
use indicatif::HumanCount;
use prepared::{Reference, prepare};
use report::{Run, VariantFigures, nearest_sentences};
use seedlm_llm::SentenceEncoder;
use seedlm_llm::evaluate::EmbeddingDrift;
use seedlm_model::{ModelError, Progress};
use sentences::Sentences;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Measure how far compression moves the embeddings of sentences: cosines, and what a search among them finds
///
/// The reference and every variant embed the same sentences. The model is a BERT with the mean over its tokens, as sentence-transformers
/// has them. In each variant the matrices that compress takes by default are replaced, and nothing else. One variant at a time is in
/// memory beside the reference, 4 bytes per weight.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Drift {
    /// The model as it was before compression: a Hugging Face folder, as of all-MiniLM-L6-v2, with tensors named encoder.layer.0... and
    /// embeddings...
    #[arg(value_name = "REFERENCE")]
    reference: PathBuf,
    /// What is held against it: paths of the compressed model; codes, to which it is compressed in memory, as paper-4b or
    /// chained-4b; baselines: int4-g128, nf4-g64, q4_0, q4_k (as in eval)
    #[arg(value_name = "VARIANT", required = true, value_parser = Named::parse)]
    variants: Vec<Named>,
    /// A sentence in each line, in UTF-8; 40 English sentences in the program if not given
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Write the result as JSON, with the cosine of every sentence, to a file or in place of the table
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    json: Option<PathBuf>,
    /// Write the table in Markdown
    #[arg(long)]
    markdown: bool,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    volume: Volume,
}

impl Drift {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        named::check(&self.variants)?;
        let json_path = self.json.as_deref().filter(|path| *path != Path::new("-"));
        let paths = self.variants.iter().filter_map(Named::path).cloned();
        let inputs: Vec<PathBuf> = paths.chain([self.reference.clone()]).chain(self.text.clone()).collect();
        let json = json_path.map(|path| OutputFile::create(path, &inputs)).transpose()?;
        interrupt::listen()?;
        let run = self.threads.run(|| self.measure())??;
        if let Some(file) = json {
            file.write(&format!("{}\n", serde_json::to_string_pretty(&run)?))?;
        }
        if self.json.is_some() && json_path.is_none() {
            print_json(&run)?;
        } else {
            let style = if self.markdown { Style::Markdown } else { Style::Text };
            print(&report::text(&run, style))?;
        }
        Ok(Outcome::Done)
    }

    fn measure(&self) -> anyhow::Result<Run> {
        let begun = Instant::now();
        let reference = Reference::open(&self.reference)?;
        let sentences = Sentences::read(self.text.as_deref(), &reference.package)?;
        let talk = Talk::new(self.volume, reference.weights() * self.variants.len() as u64);
        talk.say(&format!(
            "embedding {} sentences with {} models",
            HumanCount(sentences.texts.len() as u64),
            1 + self.variants.len()
        ));
        let expected = embed(&reference.package.encoder, &sentences, &talk)?;
        // One variant in memory at a time.
        let variants = self.variants.iter().map(|named| {
            let prepared = prepare(named, &reference, &talk)?;
            let embeddings = embed(&prepared.encoder, &sentences, &talk).with_context(|| named.name())?;
            let drift = EmbeddingDrift::of(&expected, &embeddings);
            Ok(VariantFigures::new(prepared, reference.weights(), drift))
        });
        let variants: anyhow::Result<Vec<VariantFigures>> = variants.collect();
        talk.end();
        Ok(Run {
            machine: Machine::this(),
            threads: rayon::current_num_threads(),
            reference: reference.package.name.clone(),
            text: sentences.origin.clone(),
            sentences: sentences.texts.len(),
            tokens: sentences.tokens.iter().map(Vec::len).sum(),
            matrices: reference.matrices.len(),
            weights: reference.weights(),
            variants: variants?,
            reference_nearest: nearest_sentences(&sentences.texts, &expected),
            seconds: begun.elapsed().as_secs_f64(),
        })
    }
}

/// The embeddings of all sentences.
fn embed(encoder: &SentenceEncoder, sentences: &Sentences, talk: &Talk) -> anyhow::Result<Vec<Vec<f32>>> {
    let embeddings = sentences.tokens.iter().zip(&sentences.texts).map(|(tokens, text)| {
        if talk.stop_requested() {
            return Err(ModelError::Interrupted.into());
        }
        encoder.embed(tokens).with_context(|| format!("{text:?}"))
    });
    embeddings.collect()
}
