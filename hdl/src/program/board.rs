//! `hdl board`: the decoder's self-test for a board, and its bitstream.

use super::generate::write;
use anyhow::{Context, Result, bail};
use clap::Args;
use seedlm_hdl::board::project::{BOARDS, Board, Project};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Args)]
pub struct BoardArguments {
    /// The board
    #[arg(long, value_parser = BOARDS.map(|board| board.name))]
    board: String,
    /// Code of the tensor that is regenerated: a preset of the chained code
    #[arg(long, default_value = "chained-4b")]
    weights: String,
    /// Folder to write to; it is made if need be
    #[arg(long, short, value_name = "FOLDER")]
    out: PathBuf,
    /// Make the bitstream, with yosys, nextpnr and the family's packer
    #[arg(long)]
    bitstream: bool,
}

/// Writes the files of a board, and makes the bitstream when that is asked for.
pub fn board(arguments: &BoardArguments) -> Result<()> {
    let board = Board::named(&arguments.board).expect("clap has checked it");
    let project = board.project(&arguments.weights, board.timing())?;
    write(&arguments.out, &project.files)?;
    let shown = arguments.out.display();
    println!(
        "{}: {} files in {shown}. {} weights from a ROM of {} bits; their CRC-32 must be {:08X}.",
        board.title,
        project.files.len(),
        project.weights,
        project.rom_bits,
        project.expected.0
    );
    if arguments.bitstream {
        make_bitstream(&board, &project, &arguments.out)?;
    }
    Ok(())
}

fn make_bitstream(board: &Board, project: &Project, folder: &Path) -> Result<()> {
    let [place, pack] = board.tools;
    let mut script = Command::new("bash");
    script.arg("build.sh").current_dir(folder).stdin(Stdio::null());
    for (variable, program) in [("YOSYS", "yosys"), ("NEXTPNR", place), ("PACK", pack)] {
        script.env(variable, tool(program)?);
    }
    let output = script.output().context("bash does not start")?;
    if !output.status.success() {
        bail!(
            "{}: build.sh has failed:\n{}{}",
            folder.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    let path = folder.join("report.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{}: cannot read", path.display()))?;
    let report: Report = serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?;
    let clock_mhz = board.clock_hz as f64 / 1e6;
    for (clock, frequency) in &report.fmax {
        println!(
            "{clock}: {:.1} MHz, and the board's clock has {clock_mhz} MHz",
            frequency.achieved
        );
        if frequency.achieved < clock_mhz {
            bail!("the design is too slow for the board");
        }
    }
    if report.fmax.is_empty() {
        bail!("{}: nextpnr says nothing of a clock", path.display());
    }
    for (cells, used) in report.utilization.iter().filter(|(_, used)| used.used > 0) {
        println!("{cells}: {} of {}", used.used, used.available);
    }
    println!(
        "{}: send it with openFPGALoader --board {} {0}; the UART will say CRC {:08X} PASS",
        folder.join(board.bitstream).display(),
        board.loader_name,
        project.expected.0
    );
    Ok(())
}

/// What nextpnr reports.
#[derive(Deserialize)]
struct Report {
    fmax: BTreeMap<String, Frequency>,
    utilization: BTreeMap<String, Used>,
}

#[derive(Deserialize)]
struct Frequency {
    /// In MHz.
    achieved: f64,
}

#[derive(Deserialize)]
struct Used {
    used: u64,
    available: u64,
}

/// A tool of the project, from .tools of the checkout that this is run in, or from PATH.
fn tool(program: &str) -> Result<PathBuf> {
    let here = std::env::current_dir().context("the current folder")?;
    let own = [program.to_string(), format!("yowasp-{program}")];
    let in_checkout = here.ancestors().map(|folder| folder.join(".tools/bin"));
    let mut candidates = in_checkout.flat_map(|folder| own.clone().map(|name| folder.join(name)));
    if let Some(found) = candidates.find(|path| path.is_file()) {
        return Ok(found);
    }
    match Command::new(program).arg("--version").stdin(Stdio::null()).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("{program} is not installed: run bash testbenches/tools.sh, or put it on PATH")
        }
        Err(error) => Err(anyhow::Error::new(error).context(format!("{program} does not start"))),
        Ok(_) => Ok(program.into()),
    }
}
