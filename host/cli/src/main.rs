//! The `seedlm` program: compresses models into LFSR seeds, and back. Each verb has its file.
#![deny(unsafe_code)]

mod balance;
mod bench;
mod calibration;
mod code_options;
mod comma_separated;
mod compare;
mod completions;
mod compress;
mod compress_report;
mod compress_text;
mod decompress;
mod drift;
mod effort;
mod eval;
mod image;
mod import;
mod inspect;
mod interrupt;
mod outcome;
mod output_file;
mod profile_options;
mod stdout;
mod stream;
mod svg_text;
mod talk;
mod target_options;
mod text_file;
mod threads;
mod truncate;
mod verify;
mod writing;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Compress the weights of neural networks into seeds of a linear-feedback shift register, and back.
#[derive(Debug, Parser)]
#[command(name = "seedlm", version, after_help = outcome::EXIT_CODES, propagate_version = true)]
#[command(arg_required_else_help = true)]
struct Program {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Compress(Box<compress::Compress>),
    Decompress(decompress::Decompress),
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
    Truncate(truncate::Truncate),
    Stream(stream::Stream),
    Compare(compare::Compare),
    Image(image::Image),
    Import(import::Import),
    Balance(balance::BalanceVerb),
    Bench(bench::Bench),
    Eval(eval::Eval),
    Drift(drift::Drift),
    Completions(completions::Completions),
}

fn main() -> ExitCode {
    let done = match Program::parse().verb {
        Verb::Compress(verb) => verb.run(),
        Verb::Decompress(verb) => verb.run(),
        Verb::Inspect(verb) => verb.run(),
        Verb::Verify(verb) => verb.run(),
        Verb::Truncate(verb) => verb.run(),
        Verb::Stream(verb) => verb.run(),
        Verb::Compare(verb) => verb.run(),
        Verb::Image(verb) => verb.run(),
        Verb::Import(verb) => verb.run(),
        Verb::Balance(verb) => verb.run(),
        Verb::Bench(verb) => verb.run(),
        Verb::Eval(verb) => verb.run(),
        Verb::Drift(verb) => verb.run(),
        Verb::Completions(verb) => verb.run(),
    };
    outcome::exit_code(done)
}
