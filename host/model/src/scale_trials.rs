//! Tries several scales for the rows of a layer, and keeps for each row the one whose error is smallest after the next layer.
//!
//! The scale that the encoder chooses for a row is about the best for its layer alone. One a few percent larger costs the layer next
//! to nothing, and leaves something else of the row, which the next layer may encode better or worse: of several, one is the best.

use crate::encode::{Advance, Engine};
use crate::encoding::Encoding;
use crate::error::ModelError;
use crate::layered::leave;
use rayon::prelude::*;
use seedlm_codec::{ChainedMatrix, Code, WeightMatrix};
use seedlm_encoder::{ChainedEncoder, EncodeError};

/// What the scale of a row is multiplied by, trial by trial. The first trial is the scale that the encoder would choose alone, so a
/// row of two layers never gets worse by more trials. Then come those that brought most among N(0,1) rows, one after the other.
const FACTORS: [f64; MOST_SCALE_TRIALS] = [
    1.00, 1.04, 1.08, 1.02, 1.06, 1.10, 1.03, 1.07, 1.01, 1.05, 1.09, 1.12, 0.98, 1.11, 0.99, 1.14,
];
/// Most scales that are tried for a row of a layer.
pub const MOST_SCALE_TRIALS: usize = 16;
/// Scales that are tried for a row of a layer where nothing is said.
pub const DEFAULT_SCALE_TRIALS: usize = 5;

/// Checks a number of trials.
///
/// # Errors
/// [`ModelError::Layers`] when it is not 1 to [`MOST_SCALE_TRIALS`].
pub(crate) fn check_scale_trials(trials: u64) -> Result<usize, ModelError> {
    let count = usize::try_from(trials)
        .ok()
        .filter(|count| (1..=MOST_SCALE_TRIALS).contains(count));
    count.ok_or_else(|| {
        ModelError::Layers(format!(
            "{trials} scales were asked for, and 1 to {MOST_SCALE_TRIALS} can be tried for each row of a layer"
        ))
    })
}

/// Whether several scales are tried for the rows of the layer of that number, where there are no moments of the inputs.
pub(crate) fn has_trials(encoding: &Encoding, columns: usize, layer: usize) -> bool {
    let layers = encoding.layers();
    let is_chained = matches!(layers.get(layer), Some(Code::Chained(_)));
    let has_groups = encoding.scale_group().is_some_and(|group| group != columns);
    encoding.scale_trials() > 1 && is_chained && !has_groups && layer + 1 < layers.len()
}

/// How often each weight of a matrix with so many columns is encoded, where there are no moments of its inputs.
pub(crate) fn passes(encoding: &Encoding, columns: usize) -> u64 {
    let layers = encoding.layers();
    let trials = encoding.scale_trials() as u64;
    let is_chained = |layer: usize| matches!(layers.get(layer), Some(Code::Chained(_)));
    let (mut passes, mut is_known) = (0, false);
    for layer in 0..layers.len() {
        let has_trials = has_trials(encoding, columns, layer);
        // Each trial encodes the layer and the next one.
        passes += if has_trials { 2 * trials } else { 1 };
        // The next layer has been encoded with the first trial's scales then: that is one of its own trials, or all of it.
        passes -= u64::from(is_known);
        is_known = has_trials && is_chained(layer + 1);
    }
    passes
}

/// A layer whose rows have been chosen.
pub(crate) struct ChosenRows {
    pub layer: WeightMatrix,
    /// The next layer, each row with the scale that the encoder has chosen for it; none where it is in a block code, whose scale is
    /// that of all rows.
    pub next: Option<WeightMatrix>,
}

/// A layer to choose the rows of.
pub(crate) struct LayerTrials<'a> {
    pub encoder: &'a ChainedEncoder,
    /// Of the next layer.
    pub next: &'a Engine,
    pub shape: [usize; 2],
    /// By how many columns the rows of the next layer are turned against those of this one.
    pub turn: usize,
    /// Scales that are tried, 1 to [`MOST_SCALE_TRIALS`].
    pub trials: usize,
}

impl LayerTrials<'_> {
    /// Chooses the rows of the layer; `first` is what the first trial makes of them, where that is known. Of trials that are equally
    /// good the first one is taken, so the result depends on the weights and the codes only.
    ///
    /// # Errors
    /// As the encoders.
    pub fn choose(
        &self,
        weights: &[f32],
        first: Option<WeightMatrix>,
        advance: Advance<'_>,
    ) -> Result<ChosenRows, EncodeError> {
        let mut left = Vec::with_capacity(weights.len());
        let (mut best, mut least) = self.attempt(weights, FACTORS[0], first, &mut left, advance)?;
        for &factor in &FACTORS[1..self.trials] {
            let (trial, errors) = self.attempt(weights, factor, None, &mut left, advance)?;
            let is_better: Vec<bool> = errors.iter().zip(&least).map(|(error, least)| error < least).collect();
            if is_better.contains(&true) {
                best = best.with_rows_of(&trial, &is_better)?;
            }
            for (least, error) in least.iter_mut().zip(errors) {
                *least = error.min(*least);
            }
        }
        Ok(best)
    }

    /// Encodes all rows with one factor, unless that is known, and what it leaves. Gives the squared error of each row after that.
    fn attempt(
        &self,
        weights: &[f32],
        factor: f64,
        known: Option<WeightMatrix>,
        left: &mut Vec<f32>,
        advance: Advance<'_>,
    ) -> Result<(ChosenRows, Vec<f64>), EncodeError> {
        let [rows, columns] = self.shape;
        let encode = || {
            let encoder = self.encoder;
            let encoded = encoder.encode_with_scale_factor(rows, columns, weights, None, factor, advance)?;
            Ok(WeightMatrix::Chained(encoded.matrix))
        };
        let layer = known.map_or_else(encode, Ok::<_, EncodeError>)?;
        left.clear();
        left.extend_from_slice(weights);
        leave(left, &layer, self.shape[1], self.turn);
        let next = self.next.encode_rows(self.shape, 1, left, None, advance)?;
        let errors = squared_errors(left, &next);
        let next = matches!(next, WeightMatrix::Chained(_)).then_some(next);
        Ok((ChosenRows { layer, next }, errors))
    }
}

impl ChosenRows {
    /// The same with the rows of another trial where those are better.
    fn with_rows_of(self, other: &ChosenRows, is_better: &[bool]) -> Result<Self, EncodeError> {
        Ok(ChosenRows {
            layer: joined(self.layer, &other.layer, is_better)?,
            next: match (self.next, &other.next) {
                (Some(next), Some(other)) => Some(joined(next, other, is_better)?),
                _ => None,
            },
        })
    }
}

/// The rows of a matrix, or of another one where that is said.
fn joined(matrix: WeightMatrix, other: &WeightMatrix, is_other: &[bool]) -> Result<WeightMatrix, EncodeError> {
    let (WeightMatrix::Chained(matrix), WeightMatrix::Chained(other)) = (&matrix, other) else {
        // Rows of a block code share a scale: trials have none of those.
        return Ok(matrix);
    };
    let rows = is_other.iter().enumerate();
    let rows: Vec<(&ChainedMatrix, usize)> = rows
        .map(|(row, is_other)| (if *is_other { other } else { matrix }, row))
        .collect();
    Ok(WeightMatrix::Chained(ChainedMatrix::of_rows(matrix, &rows)?))
}

/// The squared error of each row, always summed in the same order.
fn squared_errors(weights: &[f32], coded: &WeightMatrix) -> Vec<f64> {
    let columns = coded.columns();
    let errors = (0..coded.rows()).into_par_iter().map(|row| {
        let pairs = weights[row * columns..][..columns].iter().zip(coded.row_values(row));
        pairs
            .map(|(&weight, decoded)| (f64::from(weight) - f64::from(decoded)).powi(2))
            .sum()
    });
    errors.collect()
}

#[cfg(test)]
mod tests;
