//! One measurement: a matrix, a code, instructions, threads.

use super::figures::Size;
use crate::bench::best_of::{Effort, best_of};
use crate::bench::counter::Counter;
use crate::bench::speed_options::Setting;
use crate::code_options::Quantizer;
use crate::talk::Talk;
use crate::threads;
use seedlm_codec::Code;
use seedlm_encoder::{BlockEncoder, ChainedEncoder, EncodeError};
use seedlm_model::{ModelError, Progress};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const EFFORT: Effort = Effort { runs: 3, seconds: 3.0 };

/// What is to be measured.
pub struct Job<'a> {
    /// The code.
    pub code: &'a Code,
    /// How a block code chooses coefficients.
    pub quantizer: Option<Quantizer>,
    /// Instructions and threads.
    pub setting: Setting,
    /// Rows and columns.
    pub size: Size,
    /// `rows x columns` weights, row by row.
    pub values: &'a [f32],
}

/// What was measured.
pub struct Measured {
    /// `||W - W'|| / ||W||`.
    pub relative_error: f64,
    /// Time to make the encoder's tables, in seconds, which is once for a code.
    pub prepare_seconds: f64,
    /// The shortest run, in seconds.
    pub seconds: f64,
    /// Number of runs.
    pub runs: usize,
    /// Instructions of a run, or why they are not known.
    pub executed: Result<f64, String>,
}

enum Encoder {
    Block(Box<BlockEncoder>, seedlm_encoder::Quantizer),
    Chained(Box<ChainedEncoder>),
}

impl Encoder {
    fn new(job: &Job<'_>) -> Result<Self, EncodeError> {
        let instructions = job.setting.instructions;
        Ok(match job.code {
            Code::Block(code) => {
                let quantizer = job.quantizer.unwrap_or_default().into();
                Encoder::Block(
                    Box::new(BlockEncoder::with_instructions(code, instructions)?),
                    quantizer,
                )
            }
            Code::Chained(code) => Encoder::Chained(Box::new(ChainedEncoder::with_instructions(code, instructions)?)),
        })
    }

    /// The relative error.
    fn encode(&self, job: &Job<'_>, advance: &(dyn Fn(usize) -> ControlFlow<()> + Sync)) -> Result<f64, EncodeError> {
        let Size { rows, columns } = job.size;
        Ok(match self {
            Encoder::Block(encoder, quantizer) => encoder
                .encode(rows, columns, job.values, *quantizer, advance)?
                .relative_error(),
            Encoder::Chained(encoder) => encoder
                .encode(rows, columns, job.values, None, advance)?
                .relative_error(),
        })
    }
}

impl Job<'_> {
    /// Does the job a few times. The progress bar follows the first.
    pub fn measure(&self, talk: &Talk) -> anyhow::Result<Measured> {
        // Before the threads are there: it counts those that start from now on.
        let mut counter = Counter::new();
        let pool = threads::pool(self.setting.threads)?;
        let begun = Instant::now();
        let encoder = pool.install(|| Encoder::new(self))?;
        let prepare_seconds = begun.elapsed().as_secs_f64();
        let left = AtomicUsize::new(self.values.len());
        let advance = |weights: usize| {
            let of_first_run = left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    Some(left.saturating_sub(weights))
                })
                .unwrap_or(0);
            talk.advance(weights.min(of_first_run));
            talk.go_on()
        };
        let before = counter.count();
        let (mut runs, mut relative_error) = (0, 0.0);
        let seconds = best_of(EFFORT, || {
            relative_error = pool
                .install(|| encoder.encode(self, &advance))
                .map_err(|error| match error {
                    EncodeError::Stopped => anyhow::Error::new(ModelError::Interrupted),
                    other => anyhow::Error::new(other),
                })?;
            runs += 1;
            Ok(())
        })?;
        let executed = before.and_then(|before| Ok((counter.count()? - before) as f64 / runs as f64));
        Ok(Measured {
            relative_error,
            prepare_seconds,
            seconds,
            runs,
            executed,
        })
    }
}
