//! Encodes one matrix in either code, rotated where that is asked for or pays.

use crate::encoding::Encoding;
use crate::feedback::{FeedbackEncoder, encode_with_feedback};
use crate::figures::relative_error;
use crate::layered::encode_layers;
use crate::moments::InputMoments;
use crate::progress::LayerReport;
use crate::rotate::{Rotate, RotationTrial, rotate_rows};
use crate::scale_trials::passes;
use crate::source::Matrix;
use crate::stored::{StoredMatrix, layer_scale_bytes, layer_words};
use rayon::prelude::*;
use seedlm_codec::{Code, Rotation, WeightMatrix, check_scale_groups, coded_shape};
use seedlm_encoder::{BlockEncoder, ChainedEncoder, EncodeError, EncodedChained, Quantizer};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most rows of a matrix that a trial encodes.
pub(crate) const TRIAL_ROWS: usize = 16;
/// A rotation must bring the squared error of the trial below this share, or the run-time work is not worth it.
const WORTHWHILE_SHARE: f64 = 0.97;
/// Weights that a thread decodes at a time to measure their error.
const WEIGHTS_PER_TASK: usize = 1 << 14;

/// The weights of some rows as they were before anything was done to them.
pub type OriginalRows<'a> = &'a (dyn Fn(Range<usize>) -> Vec<f32> + Sync);

/// Is told, from any thread, how many more weights are done, and may ask to stop. A weight is done once, however often it is encoded
/// for that.
pub type Advance<'a> = &'a (dyn Fn(usize) -> ControlFlow<()> + Sync);

/// Encodes matrices in one way. It holds the encoders' tables, so one serves a whole model.
pub struct MatrixEncoder {
    /// One for each layer; layers of one code share theirs.
    engines: Vec<Arc<Engine>>,
    encoding: Encoding,
}

pub(crate) enum Engine {
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
    /// The same after each layer; the last is [`EncodedWeights::squared_error`].
    pub layer_squared_errors: Vec<f64>,
    /// Sum of `w^2`.
    pub squared_norm: f64,
    /// What decided about the rotation, where something was measured.
    pub trial: Option<RotationTrial>,
}

impl EncodedWeights {
    /// Bytes of words and scales.
    pub fn stored_bytes(&self) -> u64 {
        self.stored.layers().iter().map(layer_bytes).sum()
    }

    /// What each layer has brought; `codes` are those of the layers.
    pub(crate) fn layer_reports(&self, codes: &[Code]) -> Vec<LayerReport> {
        let layers = self.stored.layers().iter().zip(codes).zip(&self.layer_squared_errors);
        let reports = layers.map(|((layer, code), &squared_error)| LayerReport {
            code: code.label(),
            stored_bytes: layer_bytes(layer),
            squared_error,
            relative_error: relative_error(squared_error, self.squared_norm),
        });
        reports.collect()
    }
}

/// Bytes of words and scales of a layer.
fn layer_bytes(layer: &WeightMatrix) -> u64 {
    (layer_words(layer).len() + layer_scale_bytes(layer).len()) as u64
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

/// The engines that have been prepared.
#[derive(Default)]
pub(crate) struct Engines(Vec<(Code, Quantizer, Arc<Engine>)>);

impl Engines {
    /// The engine of a code.
    fn get(&mut self, code: &Code, quantizer: Quantizer) -> Result<Arc<Engine>, EncodeError> {
        let known = self.0.iter().find(|known| known.0 == *code && known.1 == quantizer);
        if let Some((.., engine)) = known {
            return Ok(Arc::clone(engine));
        }
        let engine = Arc::new(match code {
            Code::Block(code) => Engine::Block(Box::new(BlockEncoder::new(code)?), quantizer),
            Code::Chained(code) => Engine::Chained(ChainedEncoder::new(code)?),
        });
        self.0.push((code.clone(), quantizer, Arc::clone(&engine)));
        Ok(engine)
    }
}

impl Engine {
    /// Encodes rows, each in `groups` coded ones; with moments of their inputs errors are fed back from column to column.
    pub(crate) fn encode_rows(
        &self,
        [rows, columns]: [usize; 2],
        groups: usize,
        values: &[f32],
        moments: Option<&InputMoments>,
        advance: Advance<'_>,
    ) -> Result<WeightMatrix, EncodeError> {
        match moments {
            None => {
                let encoded = self.encode(rows * groups, columns / groups, values, advance);
                encoded.map(|encoded| encoded.coded)
            }
            Some(moments) => {
                let encoder = self.with_feedback();
                encode_with_feedback(encoder, (rows, columns), groups, values, moments, advance)
            }
        }
    }

    fn with_feedback(&self) -> FeedbackEncoder<'_> {
        match self {
            Engine::Block(encoder, quantizer) => FeedbackEncoder::Block(encoder, *quantizer),
            Engine::Chained(encoder) => FeedbackEncoder::Chained(encoder),
        }
    }
}

impl MatrixEncoder {
    /// Prepares the tables for the codes of an encoding, in the current rayon pool.
    ///
    /// # Errors
    /// When the encoder refuses a code, or the codec [scale groups](Encoding::with_scale_group) in one.
    pub fn new(encoding: &Encoding) -> Result<Self, EncodeError> {
        MatrixEncoder::sharing(encoding, &mut Engines::default())
    }

    /// As [`MatrixEncoder::new`]; what has been prepared for another encoding is taken from there.
    pub(crate) fn sharing(encoding: &Encoding, engines: &mut Engines) -> Result<Self, EncodeError> {
        let layers = encoding.layers().iter();
        if encoding.scale_group().is_some() {
            layers.clone().try_for_each(check_scale_groups)?;
        }
        Ok(MatrixEncoder {
            engines: layers
                .map(|code| engines.get(code, encoding.quantizer()))
                .collect::<Result<_, _>>()?,
            encoding: encoding.clone(),
        })
    }

    /// Scale groups of a row, 1 where it has one scale.
    fn groups(&self, columns: usize) -> Result<usize, EncodeError> {
        let [groups, _] = coded_shape([1, columns], self.encoding.scale_group())?;
        // Without columns there is nothing to share out.
        Ok(groups.max(1))
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
    /// As the encoders of `seedlm-encoder`; [`EncodeError::Codec`] when the scale groups of the encoding do not divide the columns.
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
        let groups = self.groups(columns)?;
        let (is_rotated, trial) = self.choose_rotation(&weights, advance)?;
        if is_rotated {
            rotate_rows(&rotation, columns, &mut weights.values);
        }
        let moments = moments.filter(|_| rows > 0 && columns > 0);
        let rotated_moments = moments.filter(|_| is_rotated).map(|moments| moments.rotated(&rotation));
        let moments = rotated_moments.as_ref().or(moments);
        let passes = if moments.is_some() {
            self.engines.len() as u64
        } else {
            passes(&self.encoding, columns)
        };
        let encoded_weights = AtomicU64::new(0);
        let advance = &|weights: usize| {
            let before = encoded_weights.fetch_add(weights as u64, Ordering::Relaxed);
            let done = (before + weights as u64) / passes - before / passes;
            advance(done as usize)
        };
        let (layers, sums) = match &self.engines[..] {
            [engine] if moments.is_none() => {
                let encoded = engine.encode(rows * groups, columns / groups, &weights.values, advance)?;
                let sums = (encoded.squared_error, encoded.squared_norm);
                (vec![encoded.coded], (!is_rotated).then_some(sums))
            }
            engines => {
                let (shape, trials) = ([rows, columns], self.encoding.scale_trials());
                let layers = encode_layers(engines, shape, groups, &mut weights.values, moments, trials, advance)?;
                (layers, None)
            }
        };
        drop(weights);
        let stored = StoredMatrix::new(layers, is_rotated.then_some(rotation), groups);
        let (layer_squared_errors, squared_norm) = match sums {
            Some((error, norm)) => (vec![error], norm),
            None => measure(&stored, original),
        };
        Ok(EncodedWeights {
            squared_error: layer_squared_errors.last().copied().unwrap_or_default(),
            layer_squared_errors,
            stored,
            squared_norm,
            trial,
        })
    }

    /// Whether a matrix is rotated, and the trial that says so where something is measured.
    pub(crate) fn choose_rotation(
        &self,
        weights: &Matrix,
        advance: Advance<'_>,
    ) -> Result<(bool, Option<RotationTrial>), EncodeError> {
        Ok(match self.encoding.rotate() {
            Rotate::Always => (true, None),
            Rotate::Auto if self.has_trials() => {
                let trial = self.try_rotation(weights, &Rotation::default(), advance)?;
                (trial.is_worthwhile, Some(trial.figures))
            }
            Rotate::Auto | Rotate::Never => (false, None),
        })
    }

    /// Weights that are encoded to decide about the rotation of a matrix, besides its own.
    pub(crate) fn trial_weights(&self, rows: usize, columns: usize) -> u64 {
        if self.encoding.rotate() == Rotate::Auto && self.has_trials() {
            2 * rows.min(TRIAL_ROWS) as u64 * columns as u64
        } else {
            0
        }
    }

    /// Encodes rows as they are, only to see how long that takes.
    pub(crate) fn try_rows(&self, columns: usize, values: &[f32]) -> Result<(), EncodeError> {
        let (rows, groups) = (values.len() / columns, self.groups(columns)?);
        let go_on = |_| ControlFlow::Continue(());
        let encoded = self.engines[0].encode(rows * groups, columns / groups, values, &go_on);
        encoded.map(drop)
    }

    fn has_trials(&self) -> bool {
        matches!(*self.engines[0], Engine::Chained(_))
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
        let groups = self.groups(columns)?;
        let encode = |values: &[f32]| self.engines[0].encode(rows * groups, columns / groups, values, &asked);
        let plain = encode(&values)?;
        rotate_rows(rotation, columns, &mut values);
        let rotated = encode(&values)?;
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

/// The sums of `(w - w')^2` after each layer and of `w^2`, row after row, whoever has computed which.
fn measure(stored: &StoredMatrix, original: OriginalRows<'_>) -> (Vec<f64>, f64) {
    let (rows, columns, layers) = (stored.rows(), stored.columns(), stored.layers().len());
    let step = (WEIGHTS_PER_TASK / columns.max(1)).max(1);
    // Of each row: its sums of errors, and that of its weights.
    let of_rows: Vec<Vec<(Vec<f64>, f64)>> = (0..rows.div_ceil(step))
        .into_par_iter()
        .map(|task| {
            let range = task * step..rows.min((task + 1) * step);
            let before = original(range.clone());
            let before = before.chunks_exact(columns);
            let norms = before
                .clone()
                .map(|row| row.iter().map(|&w| f64::from(w).powi(2)).sum());
            let mut sums: Vec<(Vec<f64>, f64)> = norms.map(|norm| (Vec::with_capacity(layers), norm)).collect();
            for count in 1..=layers {
                let after = stored.values_of(range.clone(), count);
                for ((before, after), (errors, _)) in before.clone().zip(after.chunks_exact(columns)).zip(&mut sums) {
                    let pairs = before.iter().zip(after);
                    let squares = pairs.map(|(&w, &decoded)| (f64::from(w) - f64::from(decoded)).powi(2));
                    errors.push(squares.sum());
                }
            }
            sums
        })
        .collect();
    let mut errors = vec![0.0; layers];
    let mut squared_norm = 0.0;
    for (of_row, norm) in of_rows.iter().flatten() {
        squared_norm += norm;
        for (sum, error) in errors.iter_mut().zip(of_row) {
            *sum += error;
        }
    }
    (errors, squared_norm)
}
