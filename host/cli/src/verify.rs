//! `seedlm verify`

use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::stdout::{codes, print, print_json};
use crate::talk::{Talk, Volume};
use clap::Args;
use indicatif::DecimalBytes;
use seedlm_model::{VerifyReport, verify};
use serde::Serialize;
use std::path::PathBuf;

/// Check every bit of a compressed model's weight files against their checksums, and a shard index against the files
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Verify {
    /// A container file, or a folder that compress has written
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
    /// Say nothing; the exit code is the answer
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
}

/// The JSON of a run.
#[derive(Serialize)]
struct Run {
    input: String,
    intact: bool,
    #[serde(flatten)]
    report: VerifyReport,
}

impl Verify {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        interrupt::listen()?;
        let volume = Volume {
            quiet: self.quiet,
            verbose: false,
        };
        let report = verify(&self.input, &Talk::new(volume, 0))?;
        let intact = report.problems.is_empty();
        let input = self.input.display().to_string();
        if self.json {
            print_json(&Run { input, intact, report })?;
        } else if !self.quiet {
            print(&text(&input, &report))?;
        }
        Ok(if intact { Outcome::Done } else { Outcome::Damage })
    }
}

fn text(input: &str, report: &VerifyReport) -> String {
    if report.problems.is_empty() {
        return format!(
            "{input}: intact: {} matrices, {} kept tensors, {} (weight files: {}){}\n",
            report.matrices,
            report.kept_tensors,
            DecimalBytes(report.bytes),
            report.files,
            codes(&report.codes, report.rotated_matrices)
        );
    }
    if !report.is_container {
        return format!("{}\n", report.problems.join("\n"));
    }
    let mut text = format!("{input}: DAMAGED (problems: {})\n", report.problems.len());
    for problem in &report.problems {
        text.push_str(&format!("  {problem}\n"));
    }
    text
}
