//! Command line of `hdl`.

mod area;
mod board;
mod generate;
mod operations;
mod settings;
mod synth;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Exit code for wrong usage, configurations that cannot be built, and files that are out of date.
const FAILURE: u8 = 2;

/// The SeedLM datapath as Verilog.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done; 2 wrong usage, a configuration that cannot be built, or files out of date."
)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Write the Verilog of one configuration
    Generate(generate::GenerateArguments),
    /// Write the Verilog of every preset, one folder each, or check that it is up to date
    Presets(generate::PresetArguments),
    /// Print what the decode lanes of formats take on two FPGAs, as yosys counts it
    Area(area::AreaArguments),
    /// Measure area and clock on FPGAs, with yosys and nextpnr, of one configuration or of a table of them
    Synth(Box<synth::SynthArguments>),
    /// Print which chip keeps up with which memory, from rows that `hdl synth` has measured
    Chips(synth::ChipArguments),
    /// Write the decoder's self-test for a board, and make its bitstream
    Board(board::BoardArguments),
    /// Print the operations per weight of decoders and MACs, counted from the netlist
    Operations(operations::OperationArguments),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Generate(arguments) => generate::generate(&arguments),
        Verb::Presets(arguments) => generate::presets(&arguments),
        Verb::Area(arguments) => area::area(&arguments),
        Verb::Synth(arguments) => synth::synth(&arguments),
        Verb::Chips(arguments) => synth::chips(&arguments),
        Verb::Board(arguments) => board::board(&arguments),
        Verb::Operations(arguments) => operations::operations(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hdl: {error:#}");
            ExitCode::from(FAILURE)
        }
    }
}
