//! `hdl area`: what decoding takes, as yosys counts it.

mod cache;

use super::settings::{MapArguments, free_code};
use anyhow::{Context, Result};
use cache::Cache;
use clap::Args;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{Code, WeightFormat};
use seedlm_hdl::options::Target;
use seedlm_hdl::synthesis::area::{Area as Counted, Cells};
use seedlm_hdl::synthesis::design::{Design, Top};
use seedlm_hdl::synthesis::yosys::{Yosys, script};
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct AreaArguments {
    /// Formats to measure, with commas between them [default: all codes that have names]
    #[arg(long, value_delimiter = ',', conflicts_with = "map")]
    weights: Vec<String>,
    /// Block codes of one's own to measure, as for `hdl generate`, for example C=8,P=3,K=12; repeatable
    #[arg(long, value_name = "CODE", conflicts_with = "map")]
    code: Vec<String>,
    #[command(flatten)]
    map: MapArguments,
    /// Families to measure on, with commas between them
    #[arg(long, value_delimiter = ',', default_values = ["xc7", "ecp5"], value_parser = ["xc7", "ecp5"])]
    family: Vec<String>,
    /// How many weights are decoded in a cycle, at least; the paper's machine has 128
    #[arg(long, value_name = "WEIGHTS", default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..=1024))]
    weights_per_cycle: u16,
    /// Write the figures to this file as well, as JSON, or to standard output (-) in place of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Keep the counts in this folder, and take those of the same Verilog, script and yosys from there
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    /// Leave out what is not in the cache
    #[arg(long, requires = "cache")]
    cached_only: bool,
}

/// Headings of a family's columns.
fn columns_of(family: Target) -> &'static str {
    match family {
        Target::Ecp5 => "ecp5: LUT4 | CCU2C | FF | LUT4 + 2 CCU2C per weight",
        _ => "xc7: LUT | CARRY4 | FF | LUT per weight",
    }
}

/// The figures of one format on one family.
#[derive(Serialize)]
struct Area {
    format: String,
    family: &'static str,
    weights_per_cycle: usize,
    luts: u64,
    flip_flops: u64,
    carries: u64,
    luts_per_weight: f64,
    cells: Cells,
}

/// All that is written as JSON.
#[derive(Serialize)]
struct Report {
    tool: String,
    generator: &'static str,
    areas: Vec<Area>,
}

/// Prints the table.
pub fn area(arguments: &AreaArguments) -> Result<()> {
    let formats = formats(arguments)?;
    let families: Vec<Target> = Target::ALL
        .into_iter()
        .filter(|family| arguments.family.iter().any(|name| name == family.name()))
        .collect();
    let yosys = Yosys::find()?;
    let tool = yosys.version().to_string();
    let cache = arguments.cache.as_deref().map(Cache::at).transpose()?;
    let is_text = arguments.json.as_deref() != Some(Path::new("-"));
    if is_text {
        let columns: Vec<&str> = families.iter().map(|&family| columns_of(family)).collect();
        println!(
            "Decode lanes of at least {} weights per cycle, mantissas and exponents as integers. {tool}\n",
            arguments.weights_per_cycle
        );
        println!("| format | weights per cycle | {} |", columns.join(" | "));
        println!("|---|---|{}", "---|".repeat(4 * families.len()));
    }
    let mut areas = Vec::new();
    for format in formats {
        let config = configuration(&format, arguments.weights_per_cycle.into());
        let of_format: Result<Vec<Option<Area>>> = families
            .iter()
            .map(|&family| {
                let measured = measure(&format, &config, family, &yosys, cache.as_ref(), arguments.cached_only);
                measured.with_context(|| format!("{}: {family}", format.label()))
            })
            .collect();
        let of_format: Vec<Area> = of_format?.into_iter().flatten().collect();
        if is_text && of_format.len() == families.len() {
            let columns: Vec<String> = of_format.iter().map(Area::columns).collect();
            println!(
                "| {} | {} | {} |",
                format.label(),
                config.multipliers(&format),
                columns.join(" | ")
            );
        }
        areas.extend(of_format);
    }
    if let Some(path) = &arguments.json {
        let generator = concat!("seedlm-hdl ", env!("CARGO_PKG_VERSION"));
        let report = Report { tool, generator, areas };
        let text = serde_json::to_string_pretty(&report)? + "\n";
        match is_text {
            true => std::fs::write(path, text).with_context(|| format!("{}: cannot write", path.display()))?,
            false => print!("{text}"),
        }
    }
    Ok(())
}

impl Area {
    /// The family's columns of the table.
    fn columns(&self) -> String {
        format!(
            "{} | {} | {} | {:.2}",
            self.luts, self.carries, self.flip_flops, self.luts_per_weight
        )
    }
}

fn formats(arguments: &AreaArguments) -> Result<Vec<WeightFormat>> {
    if let Some(format) = arguments.map.format()? {
        return Ok(vec![format]);
    }
    let mut names = arguments.weights.clone();
    if names.is_empty() && arguments.code.is_empty() {
        names = Code::presets().into_iter().map(String::from).collect();
    }
    let named = names.iter().map(|name| Ok(WeightFormat::named(name)?));
    named.chain(arguments.code.iter().map(|code| free_code(code))).collect()
}

/// The smallest machine that decodes at least so many weights in a cycle.
fn configuration(format: &WeightFormat, weights_per_cycle: usize) -> DatapathConfig {
    let lanes = weights_per_cycle.div_ceil(format.weights_per_word()) as u32;
    DatapathConfig {
        lanes,
        tile_rows: lanes,
        ..DatapathConfig::reference(format)
    }
}

/// The figures of a machine's lanes on a family, from the cache if they are there; nothing if only those are wanted.
fn measure(
    format: &WeightFormat,
    config: &DatapathConfig,
    family: Target,
    yosys: &Yosys,
    cache: Option<&Cache>,
    cached_only: bool,
) -> Result<Option<Area>> {
    // The Verilog that is committed, for every family: codes are compared here, not chips.
    let design = Design::new(Top::Lanes, config, format, Target::Portable)?;
    let script = script(&design.files, family, &design.module, false);
    let key = Cache::key(yosys.version(), &script, &design.files);
    let kept = cache.and_then(|cache| cache.get(&key));
    let cells = match kept {
        Some(cells) => cells,
        None if cached_only => return Ok(None),
        None => {
            let folder = tempfile::Builder::new().prefix("seedlm-area-").tempdir();
            let folder = folder.context("a temporary folder")?;
            let cells = yosys.run(folder.path(), &design.files, &script)?;
            if let Some(cache) = cache {
                cache.put(&key, &cells)?;
            }
            cells
        }
    };
    let area = Counted::of(family, &cells)?;
    // ECP5's carry cells are tables, which have a column of their own here.
    let tables_in_carries = if family == Target::Ecp5 { 2 * area.carries } else { 0 };
    Ok(Some(Area {
        format: design.format,
        family: family.name(),
        weights_per_cycle: design.weights_per_cycle,
        luts: area.luts - tables_in_carries,
        flip_flops: area.flip_flops,
        carries: area.carries,
        luts_per_weight: area.luts as f64 / design.weights_per_cycle as f64,
        cells,
    }))
}
