//! Encodes one matrix in either code, rotated where that is asked for or pays.

use crate::feedback::{FeedbackEncoder, encode_with_feedback};
use crate::figures::relative_error;
use crate::moments::InputMoments;
use crate::rotate::{Rotate, RotationTrial, rotate_rows};
use crate::source::Matrix;
use crate::stored::StoredMatrix;
use rayon::prelude::*;
use seedlm_codec::{Code, Rotation, WeightMatrix};
use seedlm_encoder::{BlockEncoder, ChainedEncoder, EncodeError, EncodedChained, Quantizer};
use std::ops::{ControlFlow, Range};

/// Most rows of a matrix that a trial encodes.
pub(crate) const TRIAL_ROWS: usize = 16;
/// A rotation must bring the squared error of the trial below this share, or the run-time work is not worth it.
const WORTHWHILE_SHARE: f64 = 0.97;
/// Weights that a thread decodes at a time to measure their error.
const WEIGHTS_PER_TASK: usize = 1 << 14;

/// The weights of some rows as they were before anything was done to them.
pub type OriginalRows<'a> = &'a (dyn Fn(Range<usize>) -> Vec<f32> + Sync);

/// Is told, from any thread, how many more weights are done, and may ask to stop.
pub type Advance<'a> = &'a (dyn Fn(usize) -> ControlFlow<()> + Sync);

/// Encodes matrices in one code. It holds the encoder's tables, so one serves a whole model.
pub struct MatrixEncoder {
    engine: Engine,
    rotate: Rotate,
}

enum Engine {
    Block(Box<BlockEncoder>, Quantizer),
    Chained(ChainedEncoder),
}

/// A matrix and what the code made of it.
#[derive(Clone, Debug)]
pub struct EncodedWeights {
    /// The coded rows.
    pub stored: StoredMatrix,
    /// Sum of `(w - w')^2` over all weights, `w'` fully decoded, in the weights' own units, squared.
    pub squared_error: f64,
    /// Sum of `w^2`.
    pub squared_norm: f64,
    /// What decided about the rotation, where something was measured.
    pub trial: Option<RotationTrial>,
}

impl EncodedWeights {
    /// Bytes of words and scales.
    pub fn stored_bytes(&self) -> u64 {
        (self.stored.words().len() + self.stored.scale_bytes().len()) as u64
    }
}

/// What an engine makes of rows, which may be rotated ones.
struct EncodedRows {
    coded: WeightMatrix,
    squared_error: f64,
    squared_norm: f64,
}

impl From<EncodedChained> for EncodedRows {
    fn from(encoded: EncodedChained) -> Self {
        EncodedRows {
            coded: WeightMatrix::Chained(encoded.matrix),
            squared_error: encoded.squared_error,
            squared_norm: encoded.squared_norm,
        }
    }
}

impl Engine {
    fn encode(
        &self,
        rows: usize,
        columns: usize,
        values: &[f32],
        advance: Advance<'_>,
    ) -> Result<EncodedRows, EncodeError> {
        match self {
            Engine::Block(encoder, quantizer) => {
                let encoded = encoder.encode(rows, columns, values, *quantizer, advance)?;
                Ok(EncodedRows {
                    coded: WeightMatrix::Block(encoded.matrix),
                    squared_error: encoded.squared_error,
                    squared_norm: encoded.squared_norm,
                })
            }
            Engine::Chained(encoder) => encoder
                .encode(rows, columns, values, None, advance)
                .map(EncodedRows::from),
        }
    }
}

impl Engine {
    fn with_feedback(&self) -> FeedbackEncoder<'_> {
        match self {
            Engine::Block(encoder, quantizer) => FeedbackEncoder::Block(encoder, *quantizer),
            Engine::Chained(encoder) => FeedbackEncoder::Chained(encoder),
        }
    }
}

impl MatrixEncoder {
    /// Prepares the tables for a code, in the current rayon pool. The quantizer is the block code's; the chained code has
    /// none.
    ///
    /// # Errors
    /// When the encoder refuses the code.
    pub fn new(code: &Code, quantizer: Quantizer, rotate: Rotate) -> Result<Self, EncodeError> {
        let engine = match code {
            Code::Block(code) => Engine::Block(Box::new(BlockEncoder::new(code)?), quantizer),
            Code::Chained(code) => Engine::Chained(ChainedEncoder::new(code)?),
        };
        Ok(MatrixEncoder { engine, rotate })
    }

    /// Encodes a matrix in the current rayon pool. `original` gives its rows again: a matrix is rotated in its own memory,
    /// and its error is measured against the weights as they were.
    ///
    /// With `moments` of its inputs the errors of each column are made up for in the columns that follow, so that the products
    /// change least; the errors of the weights themselves grow.
    ///
    /// The result depends on the weights, the moments and the encoder's settings only.
    ///
    /// # Errors
    /// As the encoders of `seedlm-encoder`.
    ///
    /// # Panics
    /// When the moments are those of another number of columns.
    pub fn encode(
        &self,
        mut weights: Matrix,
        original: OriginalRows<'_>,
        moments: Option<&InputMoments>,
        advance: Advance<'_>,
    ) -> Result<EncodedWeights, EncodeError> {
        let (rows, columns) = (weights.rows, weights.columns);
        let rotation = Rotation::default();
        let (is_rotated, trial) = match self.rotate {
            Rotate::Always => (true, None),
            Rotate::Auto if self.has_trials() => {
                let trial = self.try_rotation(&weights, &rotation, advance)?;
                (trial.is_worthwhile, Some(trial.figures))
            }
            Rotate::Auto | Rotate::Never => (false, None),
        };
        if is_rotated {
            rotate_rows(&rotation, columns, &mut weights.values);
        }
        let (coded, sums) = match moments.filter(|_| rows > 0 && columns > 0) {
            None => {
                let encoded = self.engine.encode(rows, columns, &weights.values, advance)?;
                let sums = (encoded.squared_error, encoded.squared_norm);
                (encoded.coded, (!is_rotated).then_some(sums))
            }
            Some(moments) => {
                let moments = match is_rotated {
                    true => &moments.rotated(&rotation),
                    false => moments,
                };
                let encoder = self.engine.with_feedback();
                let coded = encode_with_feedback(encoder, (rows, columns), &weights.values, moments, advance)?;
                (coded, None)
            }
        };
        drop(weights);
        let stored = StoredMatrix::new(coded, is_rotated.then_some(rotation));
        let (squared_error, squared_norm) = sums.unwrap_or_else(|| measure(&stored, rows, columns, original));
        Ok(EncodedWeights {
            stored,
            squared_error,
            squared_norm,
            trial,
        })
    }

    /// Weights that are encoded to decide about the rotation of a matrix, besides its own.
    pub(crate) fn trial_weights(&self, rows: usize, columns: usize) -> u64 {
        if self.rotate == Rotate::Auto && self.has_trials() {
            2 * rows.min(TRIAL_ROWS) as u64 * columns as u64
        } else {
            0
        }
    }

    /// Encodes rows as they are, only to see how long that takes.
    pub(crate) fn try_rows(&self, columns: usize, values: &[f32]) -> Result<(), EncodeError> {
        let rows = values.len() / columns;
        let go_on = |_| ControlFlow::Continue(());
        self.engine.encode(rows, columns, values, &go_on).map(drop)
    }

    fn has_trials(&self) -> bool {
        matches!(self.engine, Engine::Chained(_))
    }

    /// Encodes some rows both ways: from the most heavy-tailed one down to the least, evenly spaced in that order. Rows
    /// evenly spaced in the matrix would miss the few that make most of the error.
    fn try_rotation(&self, weights: &Matrix, rotation: &Rotation, advance: Advance<'_>) -> Result<Trial, EncodeError> {
        let (rows, columns) = (weights.rows.min(TRIAL_ROWS), weights.columns);
        let order = by_heavy_tails(&weights.values, columns);
        let mut values: Vec<f32> = (0..rows)
            .map(|place| order[place * weights.rows / rows])
            .flat_map(|row| &weights.values[row * columns..][..columns])
            .copied()
            .collect();
        // It may be stopped, but is no part of the matrix's own progress.
        let asked = |_| advance(0);
        let plain = self.engine.encode(rows, columns, &values, &asked)?;
        rotate_rows(rotation, columns, &mut values);
        let rotated = self.engine.encode(rows, columns, &values, &asked)?;
        Ok(Trial {
            is_worthwhile: rotated.squared_error < WORTHWHILE_SHARE * plain.squared_error,
            figures: RotationTrial {
                rows,
                relative_error: relative_error(plain.squared_error, plain.squared_norm),
                rotated_relative_error: relative_error(rotated.squared_error, rotated.squared_norm),
            },
        })
    }
}

/// The rows, the most heavy-tailed first: in order of the ratio of their fourth to their second moment, which is their
/// kurtosis times their size.
fn by_heavy_tails(values: &[f32], columns: usize) -> Vec<usize> {
    let heaviness = |row: &[f32]| {
        let squares = row.iter().map(|&value| f64::from(value).powi(2));
        let (second, fourth) = squares.fold((0.0, 0.0), |sum, square| (sum.0 + square, sum.1 + square * square));
        if second == 0.0 { 0.0 } else { fourth / second }
    };
    let heaviness: Vec<f64> = values.par_chunks(columns.max(1)).map(heaviness).collect();
    let mut order: Vec<usize> = (0..heaviness.len()).collect();
    order.sort_by(|&a, &b| heaviness[b].total_cmp(&heaviness[a]).then(a.cmp(&b)));
    order
}

/// What a trial says.
struct Trial {
    is_worthwhile: bool,
    figures: RotationTrial,
}

/// The sums of `(w - w')^2` and `w^2`, row after row, whoever has computed which.
fn measure(stored: &StoredMatrix, rows: usize, columns: usize, original: OriginalRows<'_>) -> (f64, f64) {
    let step = (WEIGHTS_PER_TASK / columns.max(1)).max(1);
    let of_rows: Vec<Vec<(f64, f64)>> = (0..rows.div_ceil(step))
        .into_par_iter()
        .map(|task| {
            let range = task * step..rows.min((task + 1) * step);
            let (before, after) = (original(range.clone()), stored.values(range));
            let pairs = before.chunks_exact(columns).zip(after.chunks_exact(columns));
            pairs
                .map(|(before, after)| {
                    before
                        .iter()
                        .zip(after)
                        .fold((0.0, 0.0), |(error, norm), (&w, &decoded)| {
                            let (w, decoded) = (f64::from(w), f64::from(decoded));
                            (error + (w - decoded).powi(2), norm + w * w)
                        })
                })
                .collect()
        })
        .collect();
    of_rows
        .iter()
        .flatten()
        .fold((0.0, 0.0), |sum, row| (sum.0 + row.0, sum.1 + row.1))
}
