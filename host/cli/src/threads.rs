//! `-j`: the number of threads.

use anyhow::Context;
use clap::Args;
use rayon::ThreadPool;

/// How many threads work.
#[derive(Clone, Copy, Debug, Args)]
pub struct Threads {
    /// Threads; all cores if not given. The output's bytes are the same for any number
    #[arg(short = 'j', long = "threads", value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl Threads {
    /// Runs a job in a pool of that many threads.
    pub fn run<T: Send>(self, job: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
        Ok(pool(self.threads.unwrap_or(0).into())?.install(job))
    }
}

/// A pool of so many threads; 0 means all cores.
pub fn pool(threads: usize) -> anyhow::Result<ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .context("cannot start the threads; try fewer with -j")
}

/// The cores that the program may use.
pub fn available() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
