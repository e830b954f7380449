//! The forms of a report, and the files they go to.

use super::output::{Output, print_bytes};
use anyhow::{Result, bail};
use clap::Args;
use seedlm_sim::report::{Report, SpokenReport};
use seedlm_sim::shape::ShapeReport;
use std::path::{Path, PathBuf};

/// Which forms are wanted.
#[derive(Args)]
pub struct ReportArguments {
    /// Write the report as JSON to a file, or to standard output (-) in place of the text
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report's lowest level as CSV: of a run cycles per format, matrix, unit and state (- as with --json)
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the report's picture (- as with --json)
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl ReportArguments {
    /// Refuses the forms that are all about cycles, before any work.
    pub fn without_cycles(&self) -> Result<()> {
        for (option, path) in [("--csv", &self.csv), ("--svg", &self.svg)] {
            if path.is_some() {
                bail!(
                    "{option}: it shows cycles, and without a machine there are none; leave it out, or take --backend simulator"
                );
            }
        }
        Ok(())
    }
}

/// A report in all its forms.
pub trait Forms {
    /// For a terminal.
    fn text(&self) -> String;
    /// Everything.
    fn json(&self) -> String;
    /// Its lowest level.
    fn csv(&self) -> Result<String, csv::Error>;
    /// The picture, where there is one.
    fn svg(&self) -> Option<String>;
}

impl Forms for Report {
    fn text(&self) -> String {
        self.to_text()
    }
    fn json(&self) -> String {
        self.to_json()
    }
    fn csv(&self) -> Result<String, csv::Error> {
        self.to_csv()
    }
    fn svg(&self) -> Option<String> {
        Some(self.to_svg())
    }
}

impl Forms for ShapeReport {
    fn text(&self) -> String {
        self.to_text()
    }
    fn json(&self) -> String {
        self.to_json()
    }
    fn csv(&self) -> Result<String, csv::Error> {
        self.to_csv()
    }
    fn svg(&self) -> Option<String> {
        None
    }
}

/// Its lowest level and its picture are of cycles: see [`ReportArguments::without_cycles`].
impl Forms for SpokenReport {
    fn text(&self) -> String {
        self.to_text()
    }
    fn json(&self) -> String {
        self.to_json()
    }
    fn csv(&self) -> Result<String, csv::Error> {
        Ok(String::new())
    }
    fn svg(&self) -> Option<String> {
        None
    }
}

/// The files asked for, and standard output.
pub struct ReportFiles {
    json: Option<Output>,
    csv: Option<Output>,
    svg: Option<Output>,
}

impl ReportFiles {
    /// Opens the files, so that a place that cannot be written is found before the work is done. None may be named twice, or be
    /// `another` output or one of the inputs.
    pub fn create(arguments: &ReportArguments, another: &Option<PathBuf>, inputs: &[&Path]) -> Result<Self> {
        let named = [&arguments.json, &arguments.csv, &arguments.svg, another];
        let named: Vec<&PathBuf> = named.into_iter().flatten().collect();
        for (index, path) in named.iter().enumerate() {
            if named[..index].contains(path) {
                bail!("{} is named for two outputs", path.display());
            }
        }
        let create = |path: &Option<PathBuf>| path.as_ref().map(|path| Output::create(path, inputs)).transpose();
        Ok(ReportFiles {
            json: create(&arguments.json)?,
            csv: create(&arguments.csv)?,
            svg: create(&arguments.svg)?,
        })
    }

    /// Whether one of the forms goes to standard output, in place of the text.
    pub fn take_standard_output(&self) -> bool {
        let outputs = [&self.json, &self.csv, &self.svg];
        outputs.into_iter().flatten().any(Output::is_standard)
    }

    /// Writes everything, then names the files. The text goes to standard output, unless something else does.
    pub fn write(self, report: &dyn Forms) -> Result<()> {
        let is_taken = self.take_standard_output();
        if let Some(output) = &self.json {
            output.write(&report.json())?;
        }
        if let Some(output) = &self.csv {
            output.write(&report.csv()?)?;
        }
        if let Some(output) = &self.svg {
            match report.svg() {
                Some(picture) => output.write(&picture)?,
                None => bail!("--svg: there is no picture of this report; leave it out"),
            }
        }
        for output in [self.json, self.csv, self.svg].into_iter().flatten() {
            output.finish()?;
        }
        if is_taken {
            Ok(())
        } else {
            print_bytes(report.text().as_bytes())
        }
    }
}
