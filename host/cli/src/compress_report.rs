//! `--report` of `seedlm compress`: what became of each matrix, in files for programs and for people.

mod columns;
mod markdown;
mod picture;

use crate::output_file::OutputFile;
use anyhow::bail;
use clap::Args;
use seedlm_model::{BitChoice, CompressReport, MatrixReport};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Matrices that are named as the worst.
const WORST: usize = 10;

/// Which reports are written.
#[derive(Clone, Debug, Args)]
pub struct ReportOptions {
    /// Write what became of each matrix to a file as well; its ending says in which form: .json, .csv, .md or .svg (a picture);
    /// repeatable
    #[arg(long = "report", value_name = "FILE", value_parser = ReportPath::parse, conflicts_with = "dry_run")]
    reports: Vec<ReportPath>,
}

/// A file to be written, and its form.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ReportPath {
    path: PathBuf,
    form: Form,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
    Markdown,
    Svg,
}

impl ReportPath {
    fn parse(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        let ending = path.extension().and_then(|ending| ending.to_str());
        let form = match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("json") => Form::Json,
            Some("csv") => Form::Csv,
            Some("md") => Form::Markdown,
            Some("svg") => Form::Svg,
            _ => return Err("the ending says the form; give the file one of .json, .csv, .md and .svg".into()),
        };
        Ok(ReportPath { path, form })
    }
}

impl ReportOptions {
    /// Opens the files, so that a place that cannot be written is found before the work is done. None may be named twice, or be
    /// the input or the output, or lie in one of them.
    pub fn create(&self, input: &Path, output: &Path) -> anyhow::Result<ReportFiles> {
        let mut files: Vec<(OutputFile, Form)> = Vec::new();
        for ReportPath { path, form } in &self.reports {
            let file = OutputFile::create(path, &[input.into()])?;
            if files.iter().any(|(other, _)| other.path() == file.path()) {
                bail!("{}: is named for two reports; choose another name", path.display());
            }
            if lies_in(file.path(), output) {
                bail!("{}: is the output, or in it; choose another name", path.display());
            }
            files.push((file, *form));
        }
        Ok(ReportFiles { files })
    }
}

/// Whether a path that begins with its true folder is the output or in it. The output need not be there yet; one that is there
/// may be replaced, and with it all that lies in it.
fn lies_in(whole: &Path, output: &Path) -> bool {
    let folder = match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let named = folder.canonicalize().ok();
    let named = named.and_then(|folder| Some(folder.join(output.file_name()?)));
    [named, output.canonicalize().ok()]
        .into_iter()
        .flatten()
        .any(|output| whole.starts_with(output))
}

/// The files of the reports, not yet written.
pub struct ReportFiles {
    files: Vec<(OutputFile, Form)>,
}

/// What the reports are about.
#[derive(Clone, Copy, Serialize)]
pub struct Compressed<'a> {
    /// Path of the model as it was.
    pub input: &'a str,
    /// Path of the compressed one.
    pub output: &'a str,
    /// What came of it.
    #[serde(flatten)]
    pub report: &'a CompressReport,
    /// Why each matrix has its code, where a mean number of bits was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<&'a BitChoice>,
}

/// The JSON of a report: as `--json` has it, and the worst matrices.
#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    compressed: Compressed<'a>,
    worst_matrices: Vec<&'a MatrixReport>,
}

impl ReportFiles {
    /// Writes the reports, each whole or not at all.
    pub fn write(self, compressed: Compressed<'_>) -> anyhow::Result<()> {
        for (file, form) in self.files {
            let text = match form {
                Form::Json => json(compressed)?,
                Form::Csv => columns::csv(compressed.report)?,
                Form::Markdown => markdown::markdown(compressed),
                Form::Svg => picture::svg(compressed),
            };
            file.write(&text)?;
        }
        Ok(())
    }
}

fn json(compressed: Compressed<'_>) -> anyhow::Result<String> {
    let mut worst_matrices = worst_first(compressed.report);
    worst_matrices.truncate(WORST);
    let json = Json {
        compressed,
        worst_matrices,
    };
    Ok(format!("{}\n", serde_json::to_string_pretty(&json)?))
}

/// All matrices, the largest relative error first; equal ones by name.
fn worst_first(report: &CompressReport) -> Vec<&MatrixReport> {
    let mut matrices: Vec<&MatrixReport> = report.matrices.iter().collect();
    matrices.sort_by(|left, right| {
        let by_error = right.relative_error.total_cmp(&left.relative_error);
        by_error.then_with(|| left.name.cmp(&right.name))
    });
    matrices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_the_form() {
        let form = |text: &str| ReportPath::parse(text).map(|report| report.form);
        assert_eq!(form("a/run.json"), Ok(Form::Json));
        assert_eq!(form("run.CSV"), Ok(Form::Csv));
        assert_eq!(form("a.csv.md"), Ok(Form::Markdown));
        assert_eq!(form("./run.svg"), Ok(Form::Svg));
        for text in ["", "run", "run.", "run.txt", ".json", "run.json/"] {
            let refused = form(text);
            assert_eq!(refused.is_err(), text != "run.json/", "{text}: {refused:?}");
        }
    }

    #[test]
    fn an_output_that_is_not_there_yet_is_known_by_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().canonicalize().unwrap().join("out.csv");
        assert!(lies_in(&whole, &folder.path().join("out.csv")));
        assert!(lies_in(&whole, &folder.path().join(".").join("out.csv")));
        assert!(!lies_in(&whole, &folder.path().join("out.md")));
        // A folder that is there.
        assert!(lies_in(&whole, folder.path()));
    }
}
