//! `seedlm import`

use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::stdout::{print, print_json};
use crate::talk::{Talk, Volume};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use indicatif::DecimalBytes;
use seedlm_llm::{ImportError, ImportedModel, WriteReport};
use seedlm_model::{FloatDtype, ModelError, Progress};
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Begins every GGUF file.
const GGUF_MAGIC: &[u8] = b"GGUF";

/// Make a Hugging Face folder of a GGUF file or of a checkpoint of llama2.c
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Import {
    /// A GGUF file of the architecture llama, or a llama2.c checkpoint of version 0
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The tokenizer file of a llama2.c checkpoint; a GGUF file holds its own
    #[arg(short, long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// The folder to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Type of the weights that are written
    #[arg(long, value_enum, default_value_t)]
    dtype: Dtype,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
    /// Replace the output if it exists
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    volume: Volume,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Dtype {
    /// IEEE 754 binary32: every weight exactly
    #[default]
    F32,
    /// IEEE 754 binary16, rounded to nearest
    F16,
    /// bfloat16, rounded to nearest
    Bf16,
}

/// The JSON of a run.
#[derive(Serialize)]
struct Run {
    input: String,
    output: String,
    dtype: FloatDtype,
    #[serde(flatten)]
    report: WriteReport,
    seconds: f64,
}

/// Hears what is read, whose size nobody knows yet: no progress bar.
struct Reading(Talk);

impl Progress for Reading {
    fn checking_matrix(&self, name: &str) {
        self.0.detail(&format!("reading {}", crate::stdout::printable(name)));
    }

    fn stop_requested(&self) -> bool {
        interrupt::stop_requested()
    }
}

impl Import {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let start = Instant::now();
        let dtype = match self.dtype {
            Dtype::F32 => FloatDtype::F32,
            Dtype::F16 => FloatDtype::F16,
            Dtype::Bf16 => FloatDtype::BF16,
        };
        interrupt::listen()?;
        ImportedModel::check_output(&self.output, self.force)?;
        self.check_apart()?;
        let model = self.read()?;
        let weights = model.tensors.iter().map(|tensor| tensor.values.len() as u64).sum();
        let talk = Talk::new(self.volume, weights);
        let written = model.write_with(&self.output, dtype, self.force, &talk);
        talk.end();
        let report = written.map_err(told)?;
        let seconds = start.elapsed().as_secs_f64();
        let (input, output) = (self.input.display().to_string(), self.output.display().to_string());
        if self.json {
            print_json(&Run {
                input,
                output,
                dtype,
                report,
                seconds,
            })?;
        } else {
            let rounded = match report.rounded_weights {
                0 => "every weight exact".to_string(),
                count => format!("{count} weights rounded"),
            };
            print(&format!(
                "{output}: {} tensors with {} weights in {dtype}, {rounded}, {}, {seconds:.1} s\n",
                report.tensors,
                report.weights,
                DecimalBytes(report.output_bytes),
            ))?;
        }
        Ok(Outcome::Done)
    }

    /// Refuses to replace a folder that the input lies in.
    fn check_apart(&self) -> anyhow::Result<()> {
        let Ok(output) = self.output.canonicalize() else {
            return Ok(());
        };
        let inputs = self.tokenizer.iter().chain([&self.input]);
        if inputs
            .filter_map(|input| input.canonicalize().ok())
            .any(|input| input.starts_with(&output))
        {
            bail!("{}: holds the input; choose another name", self.output.display());
        }
        Ok(())
    }

    fn read(&self) -> anyhow::Result<ImportedModel> {
        let reading = Reading(Talk::new(self.volume, 0));
        let input = self.input.display();
        let model = match (&self.tokenizer, is_gguf(&self.input)?) {
            (None, true) => ImportedModel::from_gguf_with(&self.input, &reading),
            (Some(tokenizer), false) => ImportedModel::from_llama2c_with(&self.input, tokenizer, &reading),
            (Some(_), true) => bail!("{input}: a GGUF file, which holds its own tokenizer; leave --tokenizer out"),
            (None, false) => bail!(
                "{input}: not a GGUF file; if it is a checkpoint of llama2.c, name its tokenizer file with --tokenizer"
            ),
        };
        model.map_err(told)
    }
}

/// Whether the file begins as GGUF files do, whatever its name.
fn is_gguf(path: &Path) -> anyhow::Result<bool> {
    let context = || format!("{}: cannot read", path.display());
    let file = File::open(path).with_context(context)?;
    let mut magic = Vec::new();
    file.take(GGUF_MAGIC.len() as u64)
        .read_to_end(&mut magic)
        .with_context(context)?;
    Ok(magic == GGUF_MAGIC)
}

/// An interruption is one whoever was interrupted: the exit code tells.
fn told(error: ImportError) -> anyhow::Error {
    match error {
        ImportError::Interrupted => ModelError::Interrupted.into(),
        other => other.into(),
    }
}
