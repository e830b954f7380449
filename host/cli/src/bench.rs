//! `seedlm bench`: measurements that anybody can repeat.

mod best_of;
mod compiled;
mod counter;
mod decode;
mod encode;
mod formats;
pub mod gaussian;
mod int4;
pub mod machine;
mod naive;
mod nf4;
mod quality;
pub mod reference;
mod speed_options;
pub mod table;
mod workload;
mod written;

use crate::outcome::Outcome;
use clap::{Args, Subcommand};

/// Measure the codes: their quality on models, and how fast matrices are encoded and decoded
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Quality(quality::Quality),
    Encode(encode::Encode),
    Decode(decode::Decode),
}

impl Bench {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        match self.what {
            What::Quality(verb) => verb.run(),
            What::Encode(verb) => verb.run(),
            What::Decode(verb) => verb.run(),
        }
    }
}
