//! What a run says in JSON.

use super::job::{Job, Measured};
use crate::bench::machine::Machine;
use crate::bench::naive::{Form, NaiveFigures};
use seedlm_codec::Code;
use seedlm_encoder::Quantizer;
use serde::Serialize;

/// Columns of a block code's matrix: a multiple of the presets' block sizes.
const BLOCK_COLUMNS: usize = 3072;
/// Columns of a chained code's matrix: long rows are the usual ones.
const CHAINED_COLUMNS: usize = 4096;

/// Shape of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
}

/// A run.
#[derive(Serialize)]
pub struct Run {
    /// What ran, and where.
    #[serde(flatten)]
    pub machine: Machine,
    /// The naive searches.
    pub naive: Vec<NaiveLine>,
    /// Ours.
    pub lines: Vec<Line>,
}

/// The naive search of a code.
#[derive(Serialize)]
pub struct NaiveLine {
    /// The code.
    pub code: String,
    /// Weights of ours that it was measured beside.
    pub beside_weights: usize,
    /// Its figures.
    #[serde(flatten)]
    pub figures: NaiveFigures,
}

/// The speed of the encoder in one setting.
#[derive(Serialize)]
pub struct Line {
    /// The code.
    pub code: String,
    /// How coefficients are chosen; only of block codes.
    pub quantizer: Option<String>,
    /// The instruction set.
    pub instructions: &'static str,
    /// Number of threads.
    pub threads: usize,
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns of the matrix.
    pub columns: usize,
    /// Weights of the matrix.
    pub weights: usize,
    /// `||W - W'|| / ||W||`.
    pub relative_error: f64,
    /// Time to make the encoder's tables, in seconds.
    pub prepare_seconds: f64,
    /// Time to encode the matrix, in seconds: the shortest of the runs.
    pub seconds: f64,
    /// Number of runs.
    pub runs: usize,
    /// Weights encoded per second.
    pub weights_per_s: f64,
    /// Weights encoded per second, over the number of threads.
    pub weights_per_s_and_core: f64,
    /// That over the speed of the naive search, one by one, compiled for this machine.
    pub ratio_to_naive: Option<f64>,
    /// The same of the naive search of 16 blocks at once; only of block codes.
    pub ratio_to_sixteen_blocks: Option<f64>,
    /// Speed over that of one thread with the same instructions.
    pub ratio_to_one_thread: Option<f64>,
    /// Instructions executed for a block, or for a weight in a chained code.
    pub executed: Option<f64>,
    /// What `executed` is counted for.
    pub executed_per: &'static str,
    /// How many of those the matrix has.
    pub executed_over: usize,
    /// Why `executed` is not known.
    pub executed_unknown: Option<String>,
}

impl Size {
    /// A matrix of at most so many weights in whole rows, at least one.
    pub fn of(code: &Code, weights: usize) -> Self {
        let columns = match code {
            Code::Block(_) => BLOCK_COLUMNS,
            Code::Chained(_) => CHAINED_COLUMNS,
        };
        Size {
            rows: (weights / columns).max(1),
            columns: columns.min(weights),
        }
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.rows * self.columns
    }
}

impl Line {
    /// The figures of a job. `before` are those of the same code and size.
    pub fn new(code: &str, job: &Job<'_>, measured: Measured, naive: &[NaiveFigures], before: &[Line]) -> Self {
        let (weights, threads) = (job.size.weights(), job.setting.threads);
        let instructions = job.setting.instructions.name();
        let weights_per_s = weights as f64 / measured.seconds;
        let weights_per_s_and_core = weights_per_s / threads as f64;
        let ratio_to = |form: Form| {
            let naive = naive.iter().find(|naive| naive.form == form)?;
            Some(weights_per_s_and_core / naive.native_weights_per_s)
        };
        let mut on_one_thread = before
            .iter()
            .filter(|line| line.threads == 1 && line.instructions == instructions);
        let (count, executed_per) = match job.code {
            Code::Block(code) => (job.size.rows * code.blocks_per_row(job.size.columns), "block"),
            Code::Chained(_) => (weights, "weight"),
        };
        let (executed, executed_unknown) = match measured.executed {
            Ok(executed) => (Some(executed / count as f64), None),
            Err(reason) => (None, Some(reason)),
        };
        Line {
            code: code.into(),
            quantizer: job.quantizer.map(|quantizer| Quantizer::from(quantizer).to_string()),
            instructions,
            threads,
            rows: job.size.rows,
            columns: job.size.columns,
            weights,
            relative_error: measured.relative_error,
            prepare_seconds: measured.prepare_seconds,
            seconds: measured.seconds,
            runs: measured.runs,
            weights_per_s,
            weights_per_s_and_core,
            ratio_to_naive: ratio_to(Form::OneByOne),
            ratio_to_sixteen_blocks: ratio_to(Form::SixteenBlocks),
            ratio_to_one_thread: (threads > 1)
                .then(|| on_one_thread.next().map(|line| weights_per_s / line.weights_per_s))
                .flatten(),
            executed,
            executed_per,
            executed_over: count,
            executed_unknown,
        }
    }
}
