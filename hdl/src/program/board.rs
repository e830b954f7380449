//! `hdl board`: the decoder's self-test for a board, and its bitstream.

use super::generate::write;
use anyhow::{Context, Result, bail};
use clap::Args;
use seedlm_hdl::board::project::{BOARDS, Board, Project};
use seedlm_hdl::synthesis::timing::read_summary;
use seedlm_hdl::synthesis::tools::{Program, Tool};
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
    for (variable, program) in [("YOSYS", Program::Yosys), ("NEXTPNR", place), ("PACK", pack)] {
        script.env(variable, Tool::find(program)?.path());
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
    let report = read_summary(&text).with_context(|| format!("{}", path.display()))?;
    let clock_mhz = board.clock_hz as f64 / 1e6;
    for (clock, &fmax_mhz) in &report.fmax_mhz {
        println!("{clock}: {fmax_mhz:.1} MHz, and the board's clock has {clock_mhz} MHz");
        if fmax_mhz < clock_mhz {
            bail!("the design is too slow for the board");
        }
    }
    if report.fmax_mhz.is_empty() {
        bail!("{}: nextpnr says nothing of a clock", path.display());
    }
    for (cells, used) in report.used.iter().filter(|(_, used)| used.used > 0) {
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
