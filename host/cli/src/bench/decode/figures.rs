//! What a run says in JSON.

use crate::bench::machine::Machine;
use serde::Serialize;

/// A run.
#[derive(Serialize)]
pub struct Run {
    /// What ran, and where.
    #[serde(flatten)]
    pub machine: Machine,
    /// Rows of the matrices.
    pub rows: usize,
    /// Columns of the matrices.
    pub columns: usize,
    /// Bytes by which memory began after a line of the caches.
    pub offset_bytes: usize,
    /// What was measured.
    pub lines: Vec<Line>,
}

/// The speed of the decoder in one setting.
#[derive(Serialize)]
pub struct Line {
    /// The code.
    pub code: String,
    /// What is made of the weights.
    pub output: String,
    /// The instruction set.
    pub instructions: &'static str,
    /// Number of threads.
    pub threads: usize,
    /// Weights of the matrix.
    pub weights: usize,
    /// Time to decode the matrix, in seconds: the shortest of the runs.
    pub seconds: f64,
    /// Weights decoded per second.
    pub weights_per_s: f64,
    /// Bytes written per second; the results of a product are not counted.
    pub written_bytes_per_s: f64,
    /// Bytes of words and scales read per second.
    pub code_bytes_per_s: f64,
    /// How the same result is had without decoding: `copy` of the weights, or `product` with `f32` weights.
    pub memory: &'static str,
    /// Time that takes, in seconds, with as many threads: the shortest of as many runs.
    pub memory_seconds: f64,
    /// That time over the decoder's: above 1, decoding is faster.
    pub ratio_to_memory: f64,
    /// Speed over that of the golden model, which uses one thread.
    pub ratio_to_golden: f64,
    /// Speed over that of one thread with the same instructions.
    pub ratio_to_one_thread: Option<f64>,
}
