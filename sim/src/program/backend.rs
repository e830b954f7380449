//! Who works out the products of a run: the simulated machine, its Verilog, or the same arithmetic without a machine.

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Who works out the products of a text. All give the same integers, so the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// The golden model: every weight decoded anew in every product
    Golden,
    /// The same integers from weights that are decoded once
    Software,
    /// The cycle-accurate machine
    Simulator,
    /// The accelerator's Verilog, as with --rtl
    Verilog,
}

impl Backend {
    /// Whether it has the machine's arithmetic and no cycles.
    pub fn is_without_machine(self) -> bool {
        matches!(self, Backend::Golden | Backend::Software)
    }
}

#[derive(Args)]
pub struct BackendArguments {
    /// Who works out the products of --prompt. The text is the same from each; golden and software have no machine, so their report
    /// has no cycles, and memory, clock and energies are not used. Without it the simulator does
    #[arg(long, value_enum, requires = "prompt")]
    backend: Option<Backend>,
    /// Run on the accelerator's Verilog, built with Verilator, in place of the model: the same report. The program hdl writes
    /// the Verilog; `cargo build --release --bin hdl` puts it next to this one
    #[arg(long)]
    rtl: bool,
    /// As --rtl, with Verilog that is there already: a folder from `hdl generate`, or one with such a folder for each format
    /// (from `hdl presets`)
    #[arg(long, value_name = "FOLDER")]
    pub rtl_from: Option<PathBuf>,
}

impl BackendArguments {
    /// The one that the options name together.
    pub fn chosen(&self) -> Result<Backend> {
        let rtl = match (self.rtl, &self.rtl_from) {
            (true, _) => Some("--rtl"),
            (false, Some(_)) => Some("--rtl-from"),
            (false, None) => None,
        };
        match (self.backend, rtl) {
            (None, None) => Ok(Backend::Simulator),
            (None | Some(Backend::Verilog), _) => Ok(Backend::Verilog),
            (Some(backend), None) => Ok(backend),
            (Some(_), Some(option)) => {
                bail!("--backend: {option} asks for the Verilog, and --backend for another one; leave one of them out")
            }
        }
    }
}
