//! Options of the verbs that write a model.

use crate::talk::Volume;
use crate::threads::Threads;
use clap::Args;

/// How a model is written, and what is said about it.
#[derive(Debug, Args)]
pub struct Writing {
    /// Write the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Replace the output if it exists
    #[arg(short, long)]
    pub force: bool,
    #[command(flatten)]
    pub threads: Threads,
    #[command(flatten)]
    pub volume: Volume,
}
