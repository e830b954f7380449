//! `sim tradeoff`.

use super::machine_arguments::MachineArguments;
use super::report_files::{Forms, ReportArguments, ReportFiles};
use super::run::{formats, progress};
use super::run_shape::usual_formats;
use anyhow::{Context, Result, bail};
use clap::Args;
use rayon::prelude::*;
use seedlm_codec::WeightFormat;
use seedlm_sim::energy::operation_counts;
use seedlm_sim::shape::{ModelShape, estimate};
use seedlm_sim::tradeoff::{Differences, FormatLine, TradeOff};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct TradeOffArguments {
    /// Model whose tokens are counted: a preset (see `sim presets`) or a TOML file
    #[arg(long, value_name = "NAME", default_value = "llama-3-8b")]
    model_shape: String,
    /// Weight formats, separated by commas [default: fp16 and all codes with windows of 16 bits]. int8 and int4-g128 stand beside them
    #[arg(long, visible_alias = "preset", value_delimiter = ',')]
    weights: Option<Vec<String>>,
    #[command(flatten)]
    machine: MachineArguments,
    /// Batch sizes, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8, 16, 32, 64], value_parser = clap::value_parser!(u32).range(1..=65536))]
    batches: Vec<u32>,
    /// Multipliers that every format has in batches [default: the most among the formats' machines]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1048576))]
    multipliers: Option<u32>,
    /// Print what has changed against the JSON of an older report
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    #[command(flatten)]
    report: ReportArguments,
    /// Say nothing but the report
    #[arg(short, long)]
    quiet: bool,
}

/// The report, and what has changed.
struct Compared {
    report: TradeOff,
    differences: Option<Differences>,
}

impl Forms for Compared {
    fn text(&self) -> String {
        let text = self.report.to_text();
        match &self.differences {
            Some(differences) => format!("{text}\n{}", differences.to_text()),
            None => text,
        }
    }
    fn json(&self) -> String {
        self.report.to_json()
    }
    fn csv(&self) -> Result<String, csv::Error> {
        self.report.to_csv()
    }
    fn svg(&self) -> Option<String> {
        Some(self.report.to_svg())
    }
}

/// Simulates some rows of each shape in each format and writes the report.
pub fn tradeoff(arguments: &TradeOffArguments) -> Result<()> {
    let settings = arguments.machine.settings()?;
    let table = arguments.machine.energy()?;
    let shape = ModelShape::named(&arguments.model_shape)?;
    let formats = arguments.weights.as_deref().map_or_else(usual_formats, formats)?;
    let baseline = arguments.baseline.as_deref().map(read_baseline).transpose()?;
    let shape_file = Path::new(&arguments.model_shape);
    let inputs: Vec<&Path> = arguments
        .machine
        .inputs()
        .chain(arguments.baseline.as_deref())
        .chain([shape_file])
        .collect();
    let files = ReportFiles::create(&arguments.report, &None, &inputs)?;
    let bar = progress(arguments.quiet, "Simulating", formats.len() as u64);
    let lines = formats.par_iter().map(|format| -> Result<FormatLine> {
        let system = settings.system(format);
        let counts = operation_counts(&format.label());
        let estimated = estimate(&shape, format, &system, (&table, counts))?;
        bar.inc(1);
        Ok(FormatLine::simulated(&estimated, &system))
    });
    let mut lines: Vec<FormatLine> = lines.collect::<Result<_>>()?;
    bar.finish_and_clear();
    let system = settings.system(&WeightFormat::Binary16);
    lines.extend(FormatLine::models(&shape, &system, &table));
    let mut batches = arguments.batches.clone();
    batches.sort_unstable();
    batches.dedup();
    let report = TradeOff::new(
        &shape,
        &system,
        table.name,
        lines,
        (&batches, arguments.multipliers.map(|count| count as usize)),
    );
    let differences = baseline.map(|baseline| Differences::between(&baseline, &report));
    files.write(&Compared { report, differences })
}

fn read_baseline(path: &Path) -> Result<TradeOff> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("--baseline {shown}: cannot read"))?;
    let wrong = || format!("--baseline {shown}: this is no JSON of sim tradeoff; write one with --json");
    let value: serde_json::Value = serde_json::from_str(&text).with_context(wrong)?;
    // Before the rest, which another version may call by other names.
    match value["schema_version"].as_u64() {
        Some(version) if version != u64::from(TradeOff::SCHEMA_VERSION) => bail!(
            "--baseline {shown}: its form is version {version}, and this program knows {}; write it anew with --json",
            TradeOff::SCHEMA_VERSION
        ),
        _ => serde_json::from_value(value).with_context(wrong),
    }
}
