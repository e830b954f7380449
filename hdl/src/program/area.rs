//! `hdl area`: what decoding takes, as yosys counts it.

use super::settings::MapArguments;
use anyhow::{Context, Result, bail};
use clap::Args;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{Code, WeightFormat};
use seedlm_hdl::generate::lane_files;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How many weights are decoded in a cycle, at least: those of the paper's machine.
const WEIGHTS_PER_CYCLE: usize = 128;

#[derive(Args)]
pub struct AreaArguments {
    /// Formats to measure, with commas between them [default: all codes that have names]
    #[arg(long, value_delimiter = ',', conflicts_with = "map")]
    weights: Vec<String>,
    #[command(flatten)]
    map: MapArguments,
    /// Write the figures to this file as well, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What a family of FPGAs is given the design in.
#[derive(Clone, Copy)]
struct Family {
    name: &'static str,
    synthesis: &'static str,
    /// Beginnings of the names of cells that are a look-up table, or take the place of one.
    tables: &'static [&'static str],
    flip_flops: &'static [&'static str],
    carries: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family {
        name: "xc7",
        synthesis: "synth_xilinx -family xc7 -flatten",
        tables: &["LUT", "INV", "SRL", "RAM"],
        flip_flops: &["FD"],
        carries: "CARRY4",
    },
    Family {
        name: "ecp5",
        synthesis: "synth_ecp5 -nowidelut",
        tables: &["LUT4"],
        flip_flops: &["TRELLIS_FF"],
        carries: "CCU2C",
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
    areas: Vec<Area>,
}

/// Prints the table.
pub fn area(arguments: &AreaArguments) -> Result<()> {
    let formats = formats(arguments)?;
    let tool = yosys_version()?;
    println!(
        "Decode lanes of at least {WEIGHTS_PER_CYCLE} weights per cycle, mantissas and exponents as integers. {tool}\n"
    );
    println!(
        "| format | weights per cycle | xc7: LUT | CARRY4 | FF | LUT per weight | ecp5: LUT4 | CCU2C | FF | LUT4 + 2 CCU2C per weight |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut areas = Vec::new();
    for format in formats {
        let of_format = measure(&format).with_context(|| format.label())?;
        let [xc7, ecp5] = &of_format;
        println!(
            "| {} | {} | {} | {} | {} | {:.2} | {} | {} | {} | {:.2} |",
            xc7.format,
            xc7.weights_per_cycle,
            xc7.luts,
            xc7.carries,
            xc7.flip_flops,
            xc7.luts_per_weight,
            ecp5.luts,
            ecp5.carries,
            ecp5.flip_flops,
            ecp5.luts_per_weight
        );
        areas.extend(of_format);
    }
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&Report { tool, areas })?;
        std::fs::write(path, text + "\n").with_context(|| format!("{}: cannot write", path.display()))?;
    }
    Ok(())
}

fn formats(arguments: &AreaArguments) -> Result<Vec<WeightFormat>> {
    if let Some(format) = arguments.map.format()? {
        return Ok(vec![format]);
    }
    let mut names = arguments.weights.clone();
    if names.is_empty() {
        names = Code::presets().into_iter().map(String::from).collect();
    }
    names.iter().map(|name| Ok(WeightFormat::named(name)?)).collect()
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

fn measure(format: &WeightFormat) -> Result<[Area; 2]> {
    let lanes = WEIGHTS_PER_CYCLE.div_ceil(format.weights_per_word()) as u32;
    let config = DatapathConfig {
        lanes,
        tile_rows: lanes,
        ..DatapathConfig::reference(format)
    };
    let folder = tempfile::Builder::new()
        .prefix("seedlm-area-")
        .tempdir()
        .context("a temporary folder")?;
    let mut names = Vec::new();
    for file in lane_files(&config, format)? {
        let path = folder.path().join(&file.name);
        std::fs::write(&path, &file.text).with_context(|| format!("{}: cannot write", path.display()))?;
        names.push(file.name);
    }
    let of_family = |family: Family| -> Result<Area> {
        let cells = cells(folder.path(), &names, family).with_context(|| family.name)?;
        let count = |beginnings: &[&str]| -> u64 {
            let counted = |name: &str| beginnings.iter().any(|beginning| name.starts_with(beginning));
            cells
                .iter()
                .filter(|(name, _)| counted(name))
                .map(|(_, count)| count)
                .sum()
        };
        let weights_per_cycle = config.multipliers(format);
        let (luts, carries) = (count(family.tables), count(&[family.carries]));
        // The adders of the ECP5 are made of look-up tables, two in each CCU2C; those of the other stand beside them.
        let tables = if family.carries == "CCU2C" {
            luts + 2 * carries
        } else {
            luts
        };
        Ok(Area {
            format: format.label(),
            family: family.name,
            weights_per_cycle,
            luts,
            flip_flops: count(family.flip_flops),
            carries,
            luts_per_weight: tables as f64 / weights_per_cycle as f64,
            cells,
        })
    };
    Ok([of_family(FAMILIES[0])?, of_family(FAMILIES[1])?])
}

/// The cells of the netlist by their names.
fn cells(folder: &Path, files: &[String], family: Family) -> Result<BTreeMap<String, u64>> {
    let script = format!(
        "read_verilog {}; {} -top seedlm_lanes; tee -q -o cells.json stat -json",
        files.join(" "),
        family.synthesis
    );
    let output = Command::new("yosys")
        .current_dir(folder)
        .args(["-q", "-p", &script])
        .stdin(Stdio::null())
        .output()
        .context("yosys does not start")?;
    if !output.status.success() {
        bail!(
            "yosys has failed: {}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    let text = std::fs::read_to_string(folder.join("cells.json")).context("what yosys has counted")?;
    let all: serde_json::Value = serde_json::from_str(&text).context("what yosys has counted")?;
    let cells = all["design"]["num_cells_by_type"].clone();
    serde_json::from_value(cells).context("what yosys has counted")
}
