//! `seedlm compare`

mod columns;
mod text;

use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::output_file::OutputFile;
use crate::stdout::{print, print_json};
use crate::talk::{Talk, Volume};
use crate::threads::Threads;
use anyhow::bail;
use clap::Args;
use indicatif::HumanCount;
use seedlm_model::{CompareReport, Comparison, Model, Source};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Compare two models tensor by tensor, each plain or compressed
///
/// Compressed matrices are decoded on the fly, to binary32. What differs is a result, not an error: the exit code is 0.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Compare {
    /// The first model: a .safetensors file or a folder, plain or compressed. Differences are relative to it
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The second model, in the same forms
    #[arg(value_name = "B")]
    b: PathBuf,
    /// The model as it was before compression: the errors of A and of B against it are measured as well, and which is better
    #[arg(long, value_name = "R")]
    reference: Option<PathBuf>,
    /// Write the result, with all tensors, as JSON
    #[arg(long)]
    json: bool,
    /// Write a line for each tensor, the largest relative difference first, as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    volume: Volume,
}

/// The result of a run.
#[derive(Serialize)]
struct Run {
    a: String,
    b: String,
    reference: Option<String>,
    #[serde(flatten)]
    report: CompareReport,
}

impl Compare {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let reference = self.reference.as_deref().map(open_reference).transpose()?;
        let (a, b) = (Model::open(&self.a)?, Model::open(&self.b)?);
        let comparison = Comparison::new(&a, &b, reference.as_ref())?;
        let inputs: Vec<PathBuf> = [Some(&self.a), Some(&self.b), self.reference.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        let csv = self.csv.as_deref().map(|path| OutputFile::create(path, &inputs));
        let csv = csv.transpose()?;
        interrupt::listen()?;
        let talk = Talk::new(self.volume, comparison.weights());
        talk.detail(&format!("comparing {} weights", HumanCount(comparison.weights())));
        let result = self.threads.run(|| comparison.run(&talk));
        talk.end();
        let run = Run {
            a: self.a.display().to_string(),
            b: self.b.display().to_string(),
            reference: self.reference.map(|path| path.display().to_string()),
            report: result??,
        };
        if let Some(file) = csv {
            file.write(&columns::csv(&run.report)?)?;
        }
        if self.json {
            print_json(&run)?;
        } else {
            print(&text::text(&run))?;
        }
        Ok(Outcome::Done)
    }
}

/// The reference is what nothing was lost of.
fn open_reference(path: &Path) -> anyhow::Result<Source> {
    match Model::open(path)? {
        Model::Plain(source) => Ok(source),
        Model::Container(_) => bail!(
            "{}: it is compressed, and no reference; name the model as it was before compression",
            path.display()
        ),
    }
}
