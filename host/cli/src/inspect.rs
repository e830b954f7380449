//! `seedlm inspect`

use crate::outcome::{EXIT_CODES, Outcome};
use crate::stdout::{decibels, print, print_json, printable};
use clap::Args;
use indicatif::{DecimalBytes, HumanCount};
use seedlm_codec::Code;
use seedlm_model::{ContainerInspection, Inspection, MatrixSummary, Model, PlainInspection, inspect};
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// Say what is in a model, compressed or not, without reading its weights
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Inspect {
    /// A .safetensors file or a model folder
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// The JSON of a run.
#[derive(Serialize)]
struct Run {
    input: String,
    #[serde(flatten)]
    inspection: Inspection,
}

impl Inspect {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let inspection = inspect(&Model::open(&self.input)?);
        let input = self.input.display().to_string();
        if self.json {
            print_json(&Run { input, inspection })?;
        } else {
            print(&match inspection {
                Inspection::Plain(plain) => plain_text(&input, &plain),
                Inspection::Container(container) => container_text(&input, &container),
            })?;
        }
        Ok(Outcome::Done)
    }
}

fn plain_text(input: &str, plain: &PlainInspection) -> String {
    let mut text = format!(
        "{input}: not compressed, {} tensors, {} weights, {}\n",
        plain.tensors.len(),
        HumanCount(plain.weights),
        DecimalBytes(plain.file_bytes)
    );
    for tensor in &plain.tensors {
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "{} {:?} {}  {}",
            printable(&tensor.name),
            tensor.shape,
            tensor.dtype,
            DecimalBytes(tensor.bytes)
        );
    }
    text
}

fn parameters(code: &Code) -> String {
    match code {
        Code::Block(code) => format!(
            "C={} P={} K={}, {} bits per block",
            code.block_size(),
            code.latent_dimension(),
            code.lfsr().length(),
            code.word_bits()
        ),
        Code::Chained(code) => {
            let fields = code.map().fields().iter().map(|masks| masks.len().to_string());
            format!(
                "k={} K={}, fields of {} bits",
                code.bits_per_weight(),
                code.map().length(),
                fields.collect::<Vec<_>>().join(" + ")
            )
        }
    }
}

/// The error after each layer.
fn layer_errors(matrix: &MatrixSummary) -> String {
    let errors = matrix.layers.iter().map(|layer| format!("{:.4}", layer.relative_error));
    errors.collect::<Vec<_>>().join(", ")
}

fn container_text(input: &str, container: &ContainerInspection) -> String {
    let mut text = format!(
        "{input}: SeedLM container version {} by {}, {}\n",
        container.version,
        container.generator,
        DecimalBytes(container.file_bytes)
    );
    for (label, code) in &container.codes {
        let _ = writeln!(
            text,
            "  code {}: {}, {:.3} bits/weight",
            printable(label),
            parameters(code),
            code.bits_per_weight()
        );
    }
    let _ = writeln!(
        text,
        "  {} of {} weights compressed: {:.3} bits/weight (words and scales), relative error {:.4}, {}",
        HumanCount(container.compressed_weights),
        HumanCount(container.weights),
        container.bits_per_compressed_weight,
        container.relative_error,
        decibels(container.sqnr_db)
    );
    let _ = writeln!(
        text,
        "  whole model (whole files): {:.3} bits/weight",
        container.bits_per_weight
    );
    for prefix in container.prefixes.iter().filter(|_| container.prefixes.len() > 1) {
        let _ = writeln!(
            text,
            "  up to layer {}: {:.3} bits/weight, relative error {:.4}; the first {} of the file",
            prefix.layers,
            prefix.bits_per_compressed_weight,
            prefix.relative_error,
            DecimalBytes(prefix.read_bytes)
        );
    }
    for matrix in &container.matrices {
        let _ = writeln!(
            text,
            "{} {:?} {} -> {} {:.2} bits/weight  relative error {}  {}{}{}",
            printable(&matrix.name),
            matrix.shape,
            matrix.source_dtype,
            matrix.code,
            matrix.bits_per_weight,
            layer_errors(matrix),
            decibels(matrix.sqnr_db),
            if matrix.rotation.is_some() { "  rotated" } else { "" },
            matrix
                .scale_group
                .map_or(String::new(), |group| format!("  a scale for every {group} columns"))
        );
    }
    for tensor in &container.kept {
        let bytes = DecimalBytes(tensor.bytes);
        let _ = writeln!(
            text,
            "{} {:?} {} kept  {bytes}",
            printable(&tensor.name),
            tensor.shape,
            tensor.dtype
        );
    }
    text
}
