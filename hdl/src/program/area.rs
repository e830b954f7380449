//! `hdl area`: what decoding takes, as yosys counts it.

mod cache;

use super::settings::{MapArguments, free_code};
use anyhow::{Context, Result, bail};
use cache::Cache;
use clap::Args;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{Code, WeightFormat};
use seedlm_hdl::generate::{GeneratedFile, lane_files};
use seedlm_hdl::options::Options;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// What a family of FPGAs is given the design in.
struct Family {
    name: &'static str,
    synthesis: &'static str,
    /// Beginnings of the names of cells that are a look-up table, or take the place of one.
    tables: &'static [&'static str],
    flip_flops: &'static [&'static str],
    carries: &'static str,
    /// Look-up tables in a carry cell that are not counted beside it.
    tables_in_carry: u64,
    /// Headings of the family's columns.
    columns: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family {
        name: "xc7",
        synthesis: "synth_xilinx -family xc7 -flatten",
        tables: &["LUT", "INV", "SRL", "RAM"],
        flip_flops: &["FD"],
        carries: "CARRY4",
        tables_in_carry: 0,
        columns: "xc7: LUT | CARRY4 | FF | LUT per weight",
    },
    Family {
        name: "ecp5",
        synthesis: "synth_ecp5 -nowidelut",
        tables: &["LUT4"],
        flip_flops: &["TRELLIS_FF"],
        carries: "CCU2C",
        tables_in_carry: 2,
        columns: "ecp5: LUT4 | CCU2C | FF | LUT4 + 2 CCU2C per weight",
    },
];

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
    cells: BTreeMap<String, u64>,
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
    let families: Vec<&Family> = FAMILIES
        .iter()
        .filter(|family| arguments.family.iter().any(|name| name == family.name))
        .collect();
    let tool = yosys_version()?;
    let cache = arguments.cache.as_deref().map(Cache::at).transpose()?;
    let is_text = arguments.json.as_deref() != Some(Path::new("-"));
    if is_text {
        let columns: Vec<&str> = families.iter().map(|family| family.columns).collect();
        println!(
            "Decode lanes of at least {} weights per cycle, mantissas and exponents as integers. {tool}\n",
            arguments.weights_per_cycle
        );
        println!("| format | weights per cycle | {} |", columns.join(" | "));
        println!("|---|---|{}", "---|".repeat(4 * families.len()));
    }
    let mut areas = Vec::new();
    for format in formats {
        let design = Design::new(&format, arguments.weights_per_cycle.into())?;
        let of_format: Result<Vec<Option<Area>>> = families
            .iter()
            .map(|family| {
                let measured = design.measure(family, &tool, cache.as_ref(), arguments.cached_only);
                measured.with_context(|| format!("{}: {}", format.label(), family.name))
            })
            .collect();
        let of_format: Vec<Area> = of_format?.into_iter().flatten().collect();
        if is_text && of_format.len() == families.len() {
            let columns: Vec<String> = of_format.iter().map(Area::columns).collect();
            println!(
                "| {} | {} | {} |",
                format.label(),
                design.weights_per_cycle,
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

fn yosys_version() -> Result<String> {
    let output = Command::new("yosys").arg("-V").stdin(Stdio::null()).output();
    let output = output.map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow::Error::msg("yosys is not installed, or not on PATH"),
        _ => anyhow::Error::new(error).context("yosys does not start"),
    })?;
    let version = String::from_utf8_lossy(&output.stdout);
    // What follows says how this copy was built.
    let words: Vec<&str> = version.split_whitespace().take(2).collect();
    Ok(words.join(" "))
}

/// The decode lanes of one format, as Verilog.
struct Design {
    label: String,
    weights_per_cycle: usize,
    files: Vec<GeneratedFile>,
}

impl Design {
    fn new(format: &WeightFormat, weights_per_cycle: usize) -> Result<Self> {
        let lanes = weights_per_cycle.div_ceil(format.weights_per_word()) as u32;
        let config = DatapathConfig {
            lanes,
            tile_rows: lanes,
            ..DatapathConfig::reference(format)
        };
        Ok(Design {
            label: format.label(),
            weights_per_cycle: config.multipliers(format),
            files: lane_files(&config, format, &Options::default())?,
        })
    }

    /// The figures on a family, from the cache if they are there; nothing if only those are wanted.
    fn measure(&self, family: &Family, tool: &str, cache: Option<&Cache>, cached_only: bool) -> Result<Option<Area>> {
        let names: Vec<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        let script = format!(
            "read_verilog {}; {} -top seedlm_lanes; tee -q -o cells.json stat -json",
            names.join(" "),
            family.synthesis
        );
        let key = Cache::key(tool, &script, &self.files);
        let kept = cache.and_then(|cache| cache.get(&key));
        let cells = match kept {
            Some(cells) => cells,
            None if cached_only => return Ok(None),
            None => {
                let cells = self.count(&script)?;
                if let Some(cache) = cache {
                    cache.put(&key, &cells)?;
                }
                cells
            }
        };
        let count = |beginnings: &[&str]| -> u64 {
            let counted = |name: &str| beginnings.iter().any(|beginning| name.starts_with(beginning));
            let counted = cells.iter().filter(|(name, _)| counted(name));
            counted.map(|(_, count)| count).sum()
        };
        let (luts, carries) = (count(family.tables), count(&[family.carries]));
        let tables = luts + family.tables_in_carry * carries;
        Ok(Some(Area {
            format: self.label.clone(),
            family: family.name,
            weights_per_cycle: self.weights_per_cycle,
            luts,
            flip_flops: count(family.flip_flops),
            carries,
            luts_per_weight: tables as f64 / self.weights_per_cycle as f64,
            cells,
        }))
    }

    /// The cells of the netlist by their names, from yosys.
    fn count(&self, script: &str) -> Result<BTreeMap<String, u64>> {
        let folder = tempfile::Builder::new()
            .prefix("seedlm-area-")
            .tempdir()
            .context("a temporary folder")?;
        for file in &self.files {
            let path = folder.path().join(&file.name);
            std::fs::write(&path, &file.text).with_context(|| format!("{}: cannot write", path.display()))?;
        }
        let output = Command::new("yosys")
            .current_dir(folder.path())
            .args(["-q", "-p", script])
            .stdin(Stdio::null())
            .output()
            .context("yosys does not start")?;
        if !output.status.success() {
            bail!(
                "yosys has failed: {}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        let text = std::fs::read_to_string(folder.path().join("cells.json")).context("what yosys has counted")?;
        let all: serde_json::Value = serde_json::from_str(&text).context("what yosys has counted")?;
        let cells = all["design"]["num_cells_by_type"].clone();
        serde_json::from_value(cells).context("what yosys has counted")
    }
}
