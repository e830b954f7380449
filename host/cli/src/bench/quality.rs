//! `seedlm bench quality`

use super::formats::{Figures, Format, Measured};
use super::gaussian::parse_shape;
use super::machine::TOOL;
use super::reference::REFERENCES;
use super::table::{Style, table};
use super::workload::Workload;
use super::written::write;
use crate::code_options::{Quantizer, Rotate, presets};
use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::stdout::printable;
use crate::talk::{Talk, Volume};
use crate::threads::Threads;
use clap::{Args, ValueEnum};
use indicatif::HumanCount;
use seedlm_codec::Code;
use seedlm_model::{Encoding, MatrixEncoder, ModelError, Progress, Rules};
use serde::Serialize;
use std::path::PathBuf;

/// Compare codes, int4 and NF4 on the same matrices: bits per weight, error, encoding speed
///
/// int4-g128 is int4, rounded to nearest, symmetric, with groups of 128 weights (4.125 bits per weight); nf4-g64 is the NF4 of
/// QLoRA with groups of 64 (4.25 bits). Both have binary16 scales, and none of the formats is calibrated.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Quality {
    /// Models as they are before compression, each a .safetensors file or a folder; without one the small model in the program
    #[arg(value_name = "MODEL")]
    models: Vec<PathBuf>,
    /// The codes, separated by commas
    #[arg(
        long,
        visible_alias = "preset",
        value_name = "CODE",
        value_delimiter = ',',
        default_values = ["paper-4b", "paper-3b", "chained-4b", "chained-3b", "chained-2b"],
        value_parser = presets()
    )]
    code: Vec<String>,
    /// How the paper's codes choose coefficients
    #[arg(long, value_enum, default_value_t)]
    quantizer: Quantizer,
    /// Which matrices are rotated, as with compress
    #[arg(long, value_enum, default_value_t)]
    rotate: Rotate,
    /// Shape of the matrix of normally distributed weights that is measured too
    #[arg(long, value_name = "ROWSxCOLUMNS", default_value = "64x4096", value_parser = parse_shape)]
    gaussian: [usize; 2],
    /// For a quick look take only the first matrices and rows, up to that many weights of each model
    #[arg(long, value_name = "WEIGHTS")]
    limit_weights: Option<u64>,
    /// Measure the tensors that match, even where compress would keep them; repeatable
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Leave the tensors that match; goes before --include; repeatable
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Write the result as JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Write the tables in Markdown
    #[arg(long)]
    markdown: bool,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    volume: Volume,
}

/// The JSON of a run.
#[derive(Serialize)]
struct Run {
    tool: &'static str,
    threads: usize,
    rotate: String,
    workloads: Vec<WorkloadFigures>,
}

/// A model, or the normally distributed weights.
#[derive(Serialize)]
struct WorkloadFigures {
    name: String,
    matrices: usize,
    weights: u64,
    formats: Vec<Figures>,
}

impl Quality {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let limit = self.limit_weights.unwrap_or(u64::MAX);
        let rules = Rules::new(&self.include, &self.exclude)?;
        let mut workloads = vec![Workload::of_gaussian(self.gaussian, limit)];
        if self.models.is_empty() {
            workloads.push(Workload::of_model(None, &rules, limit)?);
        }
        for path in &self.models {
            workloads.push(Workload::of_model(Some(path), &rules, limit)?);
        }
        interrupt::listen()?;
        let run = self.threads.run(|| self.measure_all(&workloads))??;
        write(&run, self.json, self.markdown, text)?;
        Ok(Outcome::Done)
    }

    fn measure_all(&self, workloads: &[Workload]) -> anyhow::Result<Run> {
        let mut formats = Vec::new();
        for name in &self.code {
            let encoder = MatrixEncoder::new(&Encoding::new(
                Code::preset(name)?,
                self.quantizer.into(),
                self.rotate.into(),
            ))?;
            formats.push(Format::Code(name.clone(), Box::new(encoder)));
        }
        formats.extend(REFERENCES.map(Format::Reference));
        let weights: u64 = workloads.iter().map(Workload::weights).sum();
        let talk = Talk::new(self.volume, weights * formats.len() as u64);
        let threads = rayon::current_num_threads();
        let measured: anyhow::Result<Vec<WorkloadFigures>> = workloads
            .iter()
            .map(|workload| measure(workload, &formats, threads, &talk))
            .collect();
        talk.end();
        Ok(Run {
            tool: TOOL,
            threads,
            rotate: self
                .rotate
                .to_possible_value()
                .map_or_else(String::new, |value| value.get_name().into()),
            workloads: measured?,
        })
    }
}

fn measure(workload: &Workload, formats: &[Format], threads: usize, talk: &Talk) -> anyhow::Result<WorkloadFigures> {
    let mut measured: Vec<Vec<Measured>> = formats.iter().map(|_| Vec::new()).collect();
    for part in &workload.parts {
        let matrix = workload.matrix(part)?;
        for (format, measured) in formats.iter().zip(&mut measured) {
            if talk.stop_requested() {
                return Err(ModelError::Interrupted.into());
            }
            talk.now_at(format!("{} {}", format.name(), printable(&part.name)));
            let advance = |weights: usize| {
                talk.advance(weights);
                talk.go_on()
            };
            measured.push(format.measure(&matrix, &advance)?);
        }
    }
    let figures = formats.iter().zip(&measured);
    Ok(WorkloadFigures {
        name: workload.name.clone(),
        matrices: workload.parts.len(),
        weights: workload.weights(),
        formats: figures
            .map(|(format, measured)| Figures::new(format, workload, measured, threads))
            .collect(),
    })
}

fn text(run: &Run, style: Style) -> String {
    let mut text = format!("{}: threads {}, rotation {}\n", run.tool, run.threads, run.rotate);
    for workload in &run.workloads {
        text.push_str(&format!(
            "\n{}: {} weights in {}\n\n",
            workload.name,
            HumanCount(workload.weights),
            match workload.matrices {
                1 => "1 matrix".into(),
                count => format!("{count} matrices"),
            }
        ));
        let header = [
            "format",
            "bits per weight",
            "relative error",
            "median",
            "largest",
            "rotated",
            "encoding, s",
            "weights/s and core",
            "largest in",
        ];
        let rows: Vec<Vec<String>> = workload
            .formats
            .iter()
            .map(|figures| {
                vec![
                    figures.format.clone(),
                    format!("{:.3}", figures.bits_per_weight),
                    format!("{:.4}", figures.relative_error),
                    format!("{:.4}", figures.median_relative_error),
                    format!("{:.4}", figures.largest_relative_error),
                    figures.rotated_matrices.to_string(),
                    format!("{:.2}", figures.encode_seconds),
                    HumanCount(figures.weights_per_s_and_core as u64).to_string(),
                    printable(&figures.largest_relative_error_name),
                ]
            })
            .collect();
        text.push_str(&table(style, &header, &rows));
    }
    text
}
