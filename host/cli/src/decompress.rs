//! `seedlm decompress`

use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::stdout::{codes, print, print_json};
use crate::talk::Talk;
use crate::writing::Writing;
use anyhow::{Context, bail};
use clap::{ArgAction, Args, ValueEnum};
use indicatif::DecimalBytes;
use seedlm_model::{
    CompressedMatrix, Container, DecompressOptions, DecompressReport, FloatDtype, decompress, describe_layers,
    matrices_with_layer, receive,
};
use serde::Serialize;
use std::io::stdin;
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempPath};

/// Turn a compressed model back into plain safetensors that any tool loads
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Decompress {
    /// A container file, or a folder that compress has written; - for what comes through a pipe, which may end early
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where to write; a file for a file, a folder for a folder
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Decode the first N layers only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    layers: Option<u64>,
    /// Decode the whole layers of a file that is cut off
    #[arg(long)]
    partial: bool,
    /// Check each layer and each kept tensor against its checksum before it is used; =false takes them as they are, for what is left of
    /// a damaged file. A scale or a word that means nothing is refused all the same
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    verify: bool,
    /// Type of the decoded matrices; kept tensors stay as they are
    #[arg(long, value_enum, default_value_t)]
    dtype: Dtype,
    #[command(flatten)]
    writing: Writing,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Dtype {
    /// As it was before compression
    #[default]
    Source,
    /// IEEE 754 binary32
    F32,
    /// IEEE 754 binary16
    F16,
    /// bfloat16
    Bf16,
}

/// The JSON of a run.
#[derive(Serialize)]
struct Run {
    input: String,
    output: String,
    #[serde(flatten)]
    report: DecompressReport,
}

impl Decompress {
    /// Opens the input. What comes through a pipe is put into a file beside the output, which is removed with the second value.
    fn open(&self) -> anyhow::Result<(Container, Option<TempPath>)> {
        if self.input != Path::new("-") {
            let opened = match self.partial {
                true => Container::open_cut(&self.input)?,
                false => Container::open(&self.input)?,
            };
            interrupt::listen()?;
            return Ok((opened, None));
        }
        // Before the stream is read, which may come once only.
        let shown = self.output.display();
        if self.output.is_dir() {
            bail!("{shown}: is a folder, and the output is a file; name a file in it");
        }
        if self.output.symlink_metadata().is_ok() && !self.writing.force {
            bail!("{shown}: exists already; -f (--force) replaces it");
        }
        interrupt::listen()?;
        let talk = Talk::new(self.writing.volume, 0);
        let folder = match self.output.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let received = NamedTempFile::new_in(folder).with_context(|| format!("{}: cannot write", folder.display()))?;
        let received = received.into_temp_path();
        receive(&mut stdin().lock(), &received, &talk)?;
        let container = Container::open_cut(&received).context("what came through the pipe cannot be decoded")?;
        talk.say(&format!(
            "received {}",
            describe_layers(&matrices_with_layer(&container))
        ));
        Ok((container, Some(received)))
    }

    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let (mut container, _received) = self.open()?;
        if let Some(layers) = self.layers {
            container.keep_layers(layers as usize);
        }
        let options = DecompressOptions {
            dtype: match self.dtype {
                Dtype::Source => None,
                Dtype::F32 => Some(FloatDtype::F32),
                Dtype::F16 => Some(FloatDtype::F16),
                Dtype::Bf16 => Some(FloatDtype::BF16),
            },
            replace: self.writing.force,
        };
        let talk = Talk::new(
            self.writing.volume,
            container.matrices().iter().map(CompressedMatrix::weights).sum(),
        );
        if !self.verify {
            container = container.without_checksums();
            talk.say("checksums are not checked: wrong bytes become wrong weights; seedlm verify names the tensors of a file");
        }
        let result = self
            .writing
            .threads
            .run(|| decompress(&container, &self.output, &options, &talk));
        talk.end();
        let report = result??;
        let (input, output) = (self.input.display().to_string(), self.output.display().to_string());
        if self.writing.json {
            print_json(&Run { input, output, report })?;
        } else {
            print(&format!(
                "{output}: {} matrices decoded, {} tensors copied, {} -> {}, {:.1} s{}\n",
                report.matrices,
                report.kept_tensors,
                DecimalBytes(report.input_bytes),
                DecimalBytes(report.output_bytes),
                report.seconds,
                codes(&report.codes, report.rotated_matrices)
            ))?;
        }
        Ok(Outcome::Done)
    }
}
