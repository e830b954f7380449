//! The one place that runs yosys: Verilog in, a netlist and the counts of its cells out.

use super::SynthesisError;
use super::area::Cells;
use super::tools::{Program, Tool};
use crate::generate::GeneratedFile;
use crate::options::Target;
use std::fs;
use std::path::Path;

/// A yosys that has been found.
#[derive(Clone, Debug)]
pub struct Yosys {
    tool: Tool,
    version: String,
}

/// The command that makes a netlist for a target.
///
/// ECP5: without tables wider than four inputs, which take more of the chip than they save. Xilinx: without pads, since a
/// decoder is part of a larger design and has more ports than there are pins.
///
/// # Panics
/// For [`Target::Portable`], which is no chip.
pub fn synthesis_command(target: Target) -> &'static str {
    match target {
        Target::Xc7 => "synth_xilinx -family xc7 -flatten -noiopad",
        Target::Ecp5 => "synth_ecp5 -nowidelut",
        Target::Ice40 => "synth_ice40 -dsp",
        Target::Portable => panic!("no chip is called portable"),
    }
}

/// The script that makes a netlist of some files and counts its cells in `cells.json`; the netlist goes to `netlist.json` if
/// somebody needs it.
pub fn script(files: &[GeneratedFile], target: Target, top: &str, with_netlist: bool) -> String {
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let netlist = if with_netlist { "; write_json netlist.json" } else { "" };
    format!(
        "read_verilog {}; {} -top {top}; tee -q -o cells.json stat -json{netlist}",
        names.join(" "),
        synthesis_command(target)
    )
}

impl Yosys {
    /// Finds the program.
    ///
    /// # Errors
    /// As [`Tool::find`] and [`Tool::version`].
    pub fn find() -> Result<Self, SynthesisError> {
        let tool = Tool::find(Program::Yosys)?;
        Ok(Yosys {
            version: tool.version()?,
            tool,
        })
    }

    /// Name and version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Runs a script of [`script`] in a folder, into which the files are written: how many cells of each type there are.
    ///
    /// # Errors
    /// When yosys fails, or a file cannot be written or read.
    pub fn run(&self, folder: &Path, files: &[GeneratedFile], script: &str) -> Result<Cells, SynthesisError> {
        for file in files {
            let path = folder.join(&file.name);
            fs::write(&path, &file.text).map_err(SynthesisError::io(path))?;
        }
        let mut command = self.tool.command(folder);
        command.args(["-q", "-l", "yosys.log", "-p", script]);
        self.tool.run(command)?;
        let path = folder.join("cells.json");
        let text = fs::read_to_string(&path).map_err(SynthesisError::io(path))?;
        counts(&text)
    }
}

/// The counts of all cells in what `stat -json` says.
fn counts(text: &str) -> Result<Cells, SynthesisError> {
    let wrong = |reason: String| SynthesisError::unreadable("what yosys has counted", reason);
    let all: serde_json::Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let cells = all["design"]["num_cells_by_type"].clone();
    serde_json::from_value(cells).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As yosys 0.70 writes it, shortened.
    const STATISTICS: &str = r#"{
        "creator": "Yosys 0.70",
        "modules": {"\\seedlm_lanes": {"num_cells": 3, "num_cells_by_type": {"$scopeinfo": 1, "LUT4": 2}}},
        "design": {"num_wires": 9, "num_cells": 46, "num_cells_by_type": {"$scopeinfo": 3, "CCU2C": 1, "LUT4": 42}}
    }"#;

    #[test]
    fn the_counts_of_the_whole_design_are_read() {
        let expected = [("$scopeinfo", 3), ("CCU2C", 1), ("LUT4", 42)];
        let expected: Cells = expected.map(|(name, count)| (name.to_string(), count)).into();
        assert_eq!(counts(STATISTICS).unwrap(), expected);
        for text in ["", "{}", r#"{"design": {"num_cells_by_type": {"LUT4": "many"}}}"#] {
            let error = counts(text).unwrap_err().to_string();
            assert!(error.starts_with("what yosys has counted: "), "{error}");
        }
    }
}
