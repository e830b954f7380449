//! What of the Verilog may be chosen without changing what it computes, or in which cycle.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The look-up tables and carry chains that the Verilog is written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Plain Verilog for every tool and every chip. This is what is committed.
    #[default]
    Portable,
    /// 7-series and UltraScale: tables of six inputs, with two outputs beside carry chains.
    Xc7,
    /// ECP5: tables of four inputs, which are part of the carry chain's cells.
    Ecp5,
    /// iCE40: tables of four inputs, of which a carry chain's leave one free.
    Ice40,
}

impl Target {
    /// All of them.
    pub const ALL: [Target; 4] = [Target::Portable, Target::Xc7, Target::Ecp5, Target::Ice40];

    /// The name as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Target::Portable => "portable",
            Target::Xc7 => "xc7",
            Target::Ecp5 => "ecp5",
            Target::Ice40 => "ice40",
        }
    }

    /// The target of that name.
    pub fn named(name: &str) -> Option<Target> {
        Target::ALL.into_iter().find(|target| target.name() == name)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the Verilog of a configuration is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What it is written for.
    pub target: Target,
    /// Rows of adders in plain Verilog in place of the chip's cells: for simulators, and what the cells are held against.
    pub plain_rows: bool,
}

impl Options {
    /// The usual ones for a target.
    pub const fn written_for(target: Target) -> Self {
        Options {
            target,
            plain_rows: false,
        }
    }
}
