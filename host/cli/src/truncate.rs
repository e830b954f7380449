//! `seedlm truncate`

use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::stdout::{print, print_json};
use crate::talk::Talk;
use crate::writing::Writing;
use clap::{ArgGroup, Args};
use indicatif::DecimalBytes;
use seedlm_model::{Container, TruncateLimit, TruncateOptions, TruncateReport, describe_layers, truncate};
use serde::Serialize;
use std::path::PathBuf;

/// Make a smaller model of one that is compressed in layers: nothing is encoded again, layers are left out
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES, group = ArgGroup::new("limit").required(true))]
pub struct Truncate {
    /// A container file, or a folder that compress has written
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where to write; a file for a file, a folder for a folder
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Keep the first N layers of every matrix
    #[arg(long, value_name = "N", group = "limit")]
    layers: Option<usize>,
    /// Keep at most so many bits per compressed weight; the layers that lose the least error per byte go first
    #[arg(long, value_name = "B", group = "limit")]
    bits: Option<f64>,
    /// Keep at most so many bytes, all weight files together; the layers that lose the least error per byte go first
    #[arg(long, value_name = "N", group = "limit")]
    max_bytes: Option<u64>,
    #[command(flatten)]
    writing: Writing,
}

/// The JSON of a run.
#[derive(Serialize)]
struct Run {
    input: String,
    output: String,
    #[serde(flatten)]
    report: TruncateReport,
}

impl Truncate {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let limit = match (self.layers, self.bits, self.max_bytes) {
            (Some(layers), ..) => TruncateLimit::Layers(layers),
            (_, Some(bits), _) => TruncateLimit::BitsPerWeight(bits),
            (.., bytes) => TruncateLimit::Bytes(bytes.unwrap_or(0)),
        };
        let options = TruncateOptions {
            limit,
            replace: self.writing.force,
        };
        let container = Container::open(&self.input)?;
        interrupt::listen()?;
        let talk = Talk::new(self.writing.volume, 0);
        let result = (self.writing.threads).run(|| truncate(&container, &self.output, &options, &talk));
        talk.end();
        let report = result??;
        let (input, output) = (self.input.display().to_string(), self.output.display().to_string());
        if self.writing.json {
            print_json(&Run { input, output, report })?;
        } else {
            print(&format!(
                "{output}: {}\n  size             {} -> {}\n  bits per weight  {:.3} of the compressed matrices (words and scales)\n  \
                 relative error   {:.4} -> {:.4}\n",
                describe_layers(&report.matrices_with_layer),
                DecimalBytes(report.input_bytes),
                DecimalBytes(report.output_bytes),
                report.bits_per_compressed_weight,
                report.relative_error_before,
                report.relative_error
            ))?;
        }
        Ok(Outcome::Done)
    }
}
