//! `seedlm image --check`

use crate::interrupt;
use crate::outcome::Outcome;
use crate::stdout::{print, print_json, printable};
use crate::talk::{Talk, Volume};
use indicatif::DecimalBytes;
use seedlm_model::{Container, ImageCheckReport, MemoryImage, ModelError};
use serde::Serialize;
use std::path::Path;

/// The JSON of a run.
#[derive(Serialize)]
struct Run {
    image: String,
    map: String,
    model: Option<String>,
    intact: bool,
    #[serde(flatten)]
    report: ImageCheckReport,
}

/// Checks an image, against a model if there is one.
pub fn run(image: &Path, map: &Path, model: Option<&Path>, json: bool, volume: Volume) -> anyhow::Result<Outcome> {
    let container = model.map(Container::open).transpose()?;
    interrupt::listen()?;
    let report = check(image, map, container.as_ref(), volume)?;
    let run = Run {
        image: image.display().to_string(),
        map: map.display().to_string(),
        model: model.map(|path| path.display().to_string()),
        intact: report.problems.is_empty(),
        report,
    };
    if json {
        print_json(&run)?;
    } else if !volume.quiet {
        print(&text(&run))?;
    }
    Ok(if run.intact { Outcome::Done } else { Outcome::Damage })
}

fn check(image: &Path, map: &Path, model: Option<&Container>, volume: Volume) -> Result<ImageCheckReport, ModelError> {
    let opened = match MemoryImage::open(image, map) {
        Err(error) if error.is_damage() => {
            return Ok(ImageCheckReport {
                problems: vec![error.to_string()],
                ..ImageCheckReport::default()
            });
        }
        other => other?,
    };
    let weights = opened
        .map()
        .matrices()
        .map(|(weights, _)| weights.rows as u64 * weights.columns as u64);
    let talk = Talk::new(volume, weights.fold(0, u64::saturating_add));
    let report = opened.check(model, &talk);
    talk.end();
    report
}

fn text(run: &Run) -> String {
    let report = &run.report;
    if run.intact {
        let model = run.model.as_ref().map(|model| format!(", the same as in {model}"));
        return format!(
            "{}: intact: {} matrices in {}, {}{}\n",
            run.image,
            report.matrices,
            printable(&report.code),
            DecimalBytes(report.bytes),
            model.unwrap_or_default()
        );
    }
    let mut text = format!("{}: DAMAGED (problems: {})\n", run.image, report.problems.len());
    for problem in &report.problems {
        text.push_str(&format!("  {problem}\n"));
    }
    text
}
