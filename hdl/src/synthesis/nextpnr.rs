//! Packing, placing and routing with nextpnr.

use super::SynthesisError;
use super::device::Device;
use super::timing::{self, Report};
use super::tools::{Program, Tool};
use crate::options::Target;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A nextpnr that has been found.
#[derive(Clone, Debug)]
pub struct Nextpnr {
    tool: Tool,
    version: String,
    target: Target,
}

impl Nextpnr {
    /// Finds the one of a target; there is none where nothing open places.
    ///
    /// # Errors
    /// As [`Tool::find`] and [`Tool::version`].
    pub fn find(target: Target) -> Result<Option<Self>, SynthesisError> {
        let program = match target {
            Target::Ecp5 => Program::NextpnrEcp5,
            Target::Ice40 => Program::NextpnrIce40,
            Target::Portable | Target::Xc7 => return Ok(None),
        };
        let tool = Tool::find(program)?;
        Ok(Some(Nextpnr {
            version: tool.version()?,
            tool,
            target,
        }))
    }

    /// Name and version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Packs the netlist in a folder into cells of the chip: how many of the kind with look-up tables it takes.
    ///
    /// # Errors
    /// When nextpnr fails, or its report cannot be read.
    pub fn pack(&self, folder: &Path, netlist: &str, device: &Device) -> Result<u64, SynthesisError> {
        let mut command = self.command(folder, netlist, device);
        command.args(["--pack-only", "--report", "packed.json", "-l", "pack.log"]);
        if self.target == Target::Ecp5 {
            command.arg("--out-of-context");
        }
        self.tool.run(command)?;
        let packed = timing::read_summary(&read(&folder.join("packed.json"))?)?;
        let used = packed.used.get(packed_cell(self.target));
        used.map(|cells| cells.used)
            .ok_or_else(|| SynthesisError::unreadable("nextpnr's report", "the chip's cells are missing"))
    }

    /// Places and routes the netlist in a folder, with a goal for the clock in MHz.
    ///
    /// # Errors
    /// When nextpnr fails, which it does when a design does not fit, or its report cannot be read.
    pub fn place(
        &self,
        folder: &Path,
        netlist: &str,
        device: &Device,
        goal_mhz: f64,
        seed: u32,
    ) -> Result<Report, SynthesisError> {
        let report = format!("seed-{seed}.json");
        let mut command = self.command(folder, netlist, device);
        command.args(["--freq", &goal_mhz.to_string(), "--seed", &seed.to_string()]);
        command.args([
            "--report",
            &report,
            "-l",
            &format!("seed-{seed}.log"),
            "--timing-allow-fail",
        ]);
        self.tool.run(command)?;
        timing::read(&read(&folder.join(report))?)
    }

    fn command(&self, folder: &Path, netlist: &str, device: &Device) -> Command {
        let mut command = self.tool.command(folder);
        command.args([&format!("--{}", device.name), "--package", &device.package]);
        if let Some(grade) = device.speed_grade {
            command.args(["--speed", &grade.to_string()]);
        }
        let unconstrained = match self.target {
            Target::Ice40 => "--pcf-allow-unconstrained",
            _ => "--lpf-allow-unconstrained",
        };
        command.args(["--json", netlist, unconstrained, "-q"]);
        command
    }
}

/// The cells with look-up tables, as nextpnr calls them: a table and perhaps its carry on ECP5, a table with its carry and its
/// flip-flop on iCE40.
pub fn packed_cell(target: Target) -> &'static str {
    match target {
        Target::Ice40 => "ICESTORM_LC",
        _ => "TRELLIS_COMB",
    }
}

fn read(path: &Path) -> Result<String, SynthesisError> {
    fs::read_to_string(path).map_err(SynthesisError::io(path))
}
