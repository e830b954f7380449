//! `seedlm image`

mod check;
mod machine_options;

use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::stdout::{codes, print, print_json, printable};
use crate::talk::{Talk, Volume};
use anyhow::bail;
use clap::Args;
use indicatif::DecimalBytes;
use machine_options::MachineOptions;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::image::DEFAULT_ALIGNMENT_BYTES;
use seedlm_model::{CompressedMatrix, Container, ImageOptions, ImageReport, write_image};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Names of tensors that are said where not all are asked for.
const NAMES_SAID: usize = 5;

/// Write a compressed model as one flat memory image with an address map, as the machine loads it
///
/// A simulator, a test bench or a board copies the file to memory and finds every weight stream in the map.
/// docs/format.md, section 11, has the layout.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Image {
    /// A container file, or a folder that compress has written. With --check: what the image is compared with
    #[arg(value_name = "MODEL", required_unless_present = "check")]
    input: Option<PathBuf>,
    /// Where to write the image
    #[arg(
        short,
        long,
        value_name = "OUT",
        required_unless_present = "check",
        conflicts_with = "check"
    )]
    output: Option<PathBuf>,
    /// The address map, as JSON; the image's name with ".json" behind it if not given
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Check an image: checksums, padding, and that its matrices decode back, to those of MODEL if it is given
    #[arg(long, value_name = "IMAGE")]
    check: Option<PathBuf>,
    /// Every region starts at a multiple of so many bytes; whole beats. The default is one row of a DDR3 or DDR4 module
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_ALIGNMENT_BYTES, conflicts_with = "check")]
    alignment: u64,
    /// Write text that $readmemh reads, one beat in a line, in place of bytes
    #[arg(long, conflicts_with = "check")]
    hex: bool,
    #[command(flatten)]
    machine: MachineOptions,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
    /// Replace the outputs if they exist
    #[arg(short, long, conflicts_with = "check")]
    force: bool,
    #[command(flatten)]
    volume: Volume,
}

/// The JSON of a run.
#[derive(Serialize)]
struct Run {
    input: String,
    output: String,
    map: String,
    #[serde(flatten)]
    report: ImageReport,
}

/// Where the map is if nothing is said of it.
fn map_of(image: &Path) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

impl Image {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        if let Some(image) = &self.check {
            let map = self.map.clone().unwrap_or_else(|| map_of(image));
            return check::run(image, &map, self.input.as_deref(), self.json, self.volume);
        }
        let (Some(input), Some(output)) = (&self.input, &self.output) else {
            bail!("MODEL and -o (--output) are both needed");
        };
        let map = self.map.clone().unwrap_or_else(|| map_of(output));
        let container = Container::open(input)?;
        // Without any matrix there is no code either; the image refuses such a model.
        let format = container
            .matrices()
            .first()
            .map(|info| WeightFormat::from(info.layers[0].code.clone()));
        let options = ImageOptions {
            machine: self.machine.machine(&format.unwrap_or(WeightFormat::Binary16))?,
            alignment_bytes: self.alignment,
            hex: self.hex,
            replace: self.force,
        };
        interrupt::listen()?;
        let weights = container.matrices().iter().map(CompressedMatrix::weights).sum();
        let talk = Talk::new(self.volume, weights);
        let result = write_image(&container, output, &map, &options, &talk);
        talk.end();
        let report = result?;
        self.say_skipped(&talk, &report.skipped_tensors);
        let run = Run {
            input: input.display().to_string(),
            output: output.display().to_string(),
            map: map.display().to_string(),
            report,
        };
        if self.json {
            print_json(&run)?;
        } else {
            print(&text(&run))?;
        }
        Ok(Outcome::Done)
    }

    /// Says which tensors are not in the image.
    fn say_skipped(&self, talk: &Talk, skipped: &[String]) {
        if skipped.is_empty() {
            return;
        }
        let said = if self.volume.verbose { skipped.len() } else { NAMES_SAID };
        let mut names: Vec<String> = skipped.iter().take(said).map(|name| printable(name)).collect();
        if skipped.len() > said {
            names.push(format!("and {} more (--verbose names all)", skipped.len() - said));
        }
        talk.say(&format!(
            "not in the image, because they are not compressed (the host computes with them): {}",
            names.join(", ")
        ));
    }
}

fn text(run: &Run) -> String {
    let report = &run.report;
    format!(
        "{}: {} matrices, {} of weights, image {}, memory {} with activations and results, {:.1} s{}\n{}: address map\n",
        run.output,
        report.matrices,
        DecimalBytes(report.weight_bytes),
        DecimalBytes(report.stored_bytes),
        DecimalBytes(report.total_bytes),
        report.seconds,
        codes(std::slice::from_ref(&report.code), report.rotated_matrices),
        run.map
    )
}
