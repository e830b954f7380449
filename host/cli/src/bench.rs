//! `seedlm bench`: measurements that anybody can repeat.

mod formats;
mod gaussian;
mod int4;
mod nf4;
mod quality;
mod reference;
mod table;
mod workload;

use crate::outcome::Outcome;
use clap::{Args, Subcommand};

/// Measure codes on models
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Quality(quality::Quality),
}

impl Bench {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        match self.what {
            What::Quality(verb) => verb.run(),
        }
    }
}
