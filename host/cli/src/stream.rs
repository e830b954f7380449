//! `seedlm stream`

use crate::outcome::{EXIT_CODES, Outcome};
use anyhow::bail;
use clap::Args;
use indicatif::DecimalBytes;
use seedlm_model::{Container, describe_layers, prefix, write_prefix};
use std::io::{IsTerminal, stdout};
use std::path::PathBuf;

/// Write the start of a compressed file to a pipe: as many layers as fit so many bytes; decompress reads it
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Stream {
    /// A container of one file
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Most bytes to write; it ends with a whole tensor. All of the file if not given
    #[arg(long, value_name = "N", conflicts_with = "layers")]
    max_bytes: Option<u64>,
    /// Write the first N layers of every matrix
    #[arg(long, value_name = "N")]
    layers: Option<usize>,
    /// Say nothing on stderr
    #[arg(short, long)]
    quiet: bool,
}

impl Stream {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let container = Container::open(&self.input)?;
        let most_bytes = match self.layers {
            Some(0) => bail!("a model has at least one layer; give --layers 1 or more"),
            Some(layers) => Some(container.prefix_bytes(layers).iter().sum()),
            None => self.max_bytes,
        };
        let prefix = prefix(&container, most_bytes)?;
        if stdout().is_terminal() {
            bail!(
                "the {} would go to the terminal; send them on: seedlm stream {} | seedlm decompress - -o OUT",
                DecimalBytes(prefix.bytes),
                self.input.display()
            );
        }
        write_prefix(&container, &prefix, &mut stdout().lock())?;
        if !self.quiet {
            eprintln!(
                "{} of {}: {}",
                DecimalBytes(prefix.bytes),
                DecimalBytes(container.source().file_bytes()),
                describe_layers(&prefix.matrices_with_layer)
            );
        }
        Ok(Outcome::Done)
    }
}
