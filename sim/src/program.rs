//! Command line of `sim`.

mod backend;
mod explore;
mod interrupt;
mod machine_arguments;
mod output;
mod presets;
mod prompt;
mod report_files;
mod rtl;
mod run;
mod run_shape;
mod speak;
mod tradeoff;

use clap::{CommandFactory, Parser, Subcommand};
use std::io::ErrorKind;
use std::process::ExitCode;

/// Exit code for wrong usage, wrong input, and wrong results.
const FAILURE: u8 = 2;

/// Cycle-accurate simulator of the SeedLM accelerator.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 all results right; 2 wrong usage or input, or a wrong result; 130 interrupted."
)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a model or a product, and report where every cycle went
    Run(Box<run::RunArguments>),
    /// Report which of memory, decoder and MACs limits each format, over bandwidth and batch size
    Tradeoff(Box<tradeoff::TradeOffArguments>),
    /// Measure many codes on many machines, and find those that no other beats
    Explore(Box<explore::ExploreArguments>),
    /// List the weight formats, memories, model shapes and tables of energies there are
    Presets,
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Runs the program.
pub fn main() -> ExitCode {
    let verb = Arguments::parse().verb;
    interrupt::listen();
    let outcome = match verb {
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Tradeoff(arguments) => tradeoff::tradeoff(&arguments),
        Verb::Explore(arguments) => explore::run(&arguments),
        Verb::Presets => presets::print(),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "sim", &mut script);
            output::print_bytes(&script)
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sim: {}", message(&error));
            ExitCode::from(FAILURE)
        }
    }
}

/// The error and its causes, without those that the text before them says already.
fn message(error: &anyhow::Error) -> String {
    error
        .chain()
        .fold(String::new(), |text, cause| match cause.to_string() {
            cause if text.is_empty() => cause,
            cause if text.contains(&cause) => text,
            cause => format!("{text}: {cause}"),
        })
}

/// Whether the reader of the output has gone away, as `head` does: no error of ours.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == ErrorKind::BrokenPipe)
}
