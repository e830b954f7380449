//! `seedlm balance`

use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::stdout::{print, print_json};
use crate::talk::Talk;
use crate::writing::Writing;
use anyhow::{Context, bail};
use clap::Args;
use indicatif::DecimalBytes;
use seedlm_llm::{Balance, CONFIG_FILE, LlmError, ModelConfig, balance};
use seedlm_model::{Model, ModelError, RescaleReport, check_output, rescale};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Make an equal language model that is easier to compress: its columns get one size
///
/// Columns of the matrices are multiplied by powers of two, and what makes their inputs is divided by them: the model says what it said,
/// bit for bit, and no text is needed. Give the result to compress, and to eval as the reference.
#[derive(Debug, Args)]
#[command(name = "balance", after_help = EXIT_CODES)]
pub struct BalanceVerb {
    /// The Hugging Face folder of a Llama-family model, or its .safetensors file with config.json beside it; not compressed
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where to write; a file for a file, a folder for a folder
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    #[command(flatten)]
    writing: Writing,
}

/// The JSON of a run.
#[derive(Serialize)]
struct Run {
    input: String,
    output: String,
    inputs: usize,
    changed_inputs: usize,
    least_column_exponent: i16,
    most_column_exponent: i16,
    #[serde(flatten)]
    report: RescaleReport,
    seconds: f64,
}

impl BalanceVerb {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let begun = Instant::now();
        let shown = self.input.display();
        let Model::Plain(source) = Model::open(&self.input)? else {
            bail!("{shown}: is compressed; balance the model that it was made of, and compress the result");
        };
        let config = config_beside(&self.input)?;
        check_output(&source, &self.output, self.writing.force)?;
        interrupt::listen()?;
        // Each weight is read once, and written once.
        let talk = Talk::new(self.writing.volume, 2 * source.weights());
        let result = self
            .writing
            .threads
            .run(|| -> anyhow::Result<(Balance, RescaleReport)> {
                let balance = balance(&config, &source, &talk).map_err(told)?;
                let report = rescale(&source, &self.output, &balance.scalings, self.writing.force, &talk)?;
                Ok((balance, report))
            });
        talk.end();
        let (balance, report) = result??;
        let (input, output) = (shown.to_string(), self.output.display().to_string());
        let [least, most] = balance.column_exponents;
        let seconds = begun.elapsed().as_secs_f64();
        if self.writing.json {
            print_json(&Run {
                input,
                output,
                inputs: balance.inputs,
                changed_inputs: balance.changed_inputs,
                least_column_exponent: least,
                most_column_exponent: most,
                report,
                seconds,
            })?;
        } else {
            let rounded = match report.rounded_weights {
                0 => "every weight exact".to_string(),
                count => format!("{count} weights too small for their type and rounded"),
            };
            print(&format!(
                "{output}: {} of {} inputs have other columns, times 2^{least} to 2^{most}; {} tensors changed, {} as they were; \
                 {rounded}, {}, {seconds:.1} s\n",
                balance.changed_inputs,
                balance.inputs,
                report.changed_tensors,
                report.copied_tensors,
                DecimalBytes(report.output_bytes),
            ))?;
        }
        Ok(Outcome::Done)
    }
}

/// The architecture in the model's folder, or beside its file.
fn config_beside(input: &Path) -> anyhow::Result<ModelConfig> {
    let folder = match input.is_dir() {
        true => input,
        false => input.parent().unwrap_or(Path::new("")),
    };
    let file = folder.join(CONFIG_FILE);
    let shown = file.display().to_string();
    let text = fs::read_to_string(&file)
        .with_context(|| format!("{shown}: cannot read; balance needs to know which matrix follows which"))?;
    Ok(ModelConfig::from_json(&shown, &text)?)
}

/// An interruption is one whoever was interrupted: the exit code tells.
fn told(error: LlmError) -> anyhow::Error {
    match error {
        LlmError::Model(error @ ModelError::Interrupted) => error.into(),
        other => other.into(),
    }
}
