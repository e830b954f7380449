//! Options of a long job that change no byte of its result.

use bytesize::ByteSize;
use clap::Args;
use seedlm_model::RunOptions;

/// What a compression may take, and where it begins.
#[derive(Clone, Copy, Debug, Args)]
pub struct Effort {
    /// Most memory to use, such as 2GiB, 800MB or a number of bytes; no limit if not given. The output's bytes are the same
    /// for any value; one that is too small is refused before any work
    #[arg(long, value_name = "SIZE")]
    memory: Option<ByteSize>,
    /// Go on where a run that was stopped or killed had got to; input and options must be the same. Without it such a run is
    /// left alone, or discarded with --force
    #[arg(long)]
    resume: bool,
}

impl Effort {
    /// The same in the words of the library.
    pub fn run_options(self) -> RunOptions {
        RunOptions {
            resume: self.resume,
            memory_bytes: self.memory.map(|size| size.as_u64()),
        }
    }
}
