//! Options that the measurements of speed share.

use crate::talk::{Talk, Volume};
use crate::threads;
use clap::Args;
use clap::builder::PossibleValuesParser;
use seedlm_encoder::Instructions;

/// Which instructions and how many threads, and how the result is written.
#[derive(Debug, Args)]
pub struct SpeedOptions {
    /// The instruction sets, separated by commas: all that this machine has, the best of them, or by name. Without it all, or
    /// the one that the environment variable SEEDLM_SIMD names
    #[arg(long, value_name = "INSTRUCTIONS", value_delimiter = ',', value_parser = PossibleValuesParser::new(NAMES))]
    instructions: Vec<String>,
    /// Most threads; all cores if not given. Every instruction set is measured on one thread, the best one also on that many
    #[arg(short = 'j', long, value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Write the result as JSON
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// Write the tables in Markdown
    #[arg(long)]
    pub markdown: bool,
    /// Say nothing but results and errors
    #[arg(short, long)]
    quiet: bool,
}

const NAMES: [&str; 5] = ["all", "best", "scalar", "avx2", "avx512"];

/// Instructions and threads of one measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The instructions.
    pub instructions: Instructions,
    /// The number of threads.
    pub threads: usize,
}

impl SpeedOptions {
    /// What is to be measured, in this order: all instruction sets on one thread, then the best one on all threads.
    ///
    /// # Errors
    /// When an instruction set is unknown or not there.
    pub fn settings(&self) -> anyhow::Result<Vec<Setting>> {
        let available = Instructions::available();
        let mut chosen = Vec::new();
        if self.instructions.is_empty() {
            match std::env::var_os(seedlm_instructions::VARIABLE) {
                Some(_) => chosen.push(Instructions::choose()?),
                None => chosen.clone_from(&available),
            }
        }
        for name in &self.instructions {
            match name.as_str() {
                "all" => chosen.extend(&available),
                "best" => chosen.extend(available.last()),
                name => chosen.push(named(name)?),
            }
        }
        chosen.sort_unstable();
        chosen.dedup();
        let mut settings: Vec<Setting> = chosen
            .iter()
            .map(|&instructions| Setting {
                instructions,
                threads: 1,
            })
            .collect();
        let threads = self.threads();
        if let (Some(&instructions), true) = (chosen.last(), threads > 1) {
            settings.push(Setting { instructions, threads });
        }
        Ok(settings)
    }

    /// Most threads.
    pub fn threads(&self) -> usize {
        self.threads.map_or_else(threads::available, usize::from)
    }

    /// Speaks of a job of so many weights.
    pub fn talk(&self, weights: u64) -> Talk {
        let volume = Volume {
            quiet: self.quiet,
            verbose: false,
        };
        Talk::new(volume, weights)
    }
}

/// The instructions of that name; the error does not blame the environment.
fn named(name: &str) -> anyhow::Result<Instructions> {
    Instructions::named(name).map_err(|error| anyhow::anyhow!("--instructions: {} {}", error.name, error.reason))
}
