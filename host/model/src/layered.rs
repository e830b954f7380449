//! Encodes a matrix in layers, each of which holds what those before it have left of the weights.

use crate::encode::{Advance, Engine};
use crate::moments::InputMoments;
use crate::scale_trials::LayerTrials;
use rayon::prelude::*;
use seedlm_codec::{WeightMatrix, layer_turn};
use seedlm_encoder::EncodeError;
use std::sync::Arc;

/// Encodes a matrix in one layer for each engine; `weights` are those of `rows x columns`, and are used up. Each row is coded in
/// `groups` pieces of their own. Without moments, and where a row is one piece, so many scales are tried for the rows of each layer
/// before the last.
pub(crate) fn encode_layers(
    engines: &[Arc<Engine>],
    [rows, columns]: [usize; 2],
    groups: usize,
    weights: &mut [f32],
    moments: Option<&InputMoments>,
    scale_trials: usize,
    advance: Advance<'_>,
) -> Result<Vec<WeightMatrix>, EncodeError> {
    let mut layers = Vec::with_capacity(engines.len());
    // Between two neighbouring layers.
    let turn = layer_turn(2, columns);
    let mut turned_moments = None;
    // The layer as it is encoded alone, where the trials of the one before have come to that.
    let mut known = None;
    for (number, engine) in engines.iter().enumerate() {
        let moments = turned_moments.as_ref().or(moments);
        let next = engines
            .get(number + 1)
            .filter(|_| scale_trials > 1 && groups == 1 && moments.is_none());
        let coded = match (&**engine, next, known.take()) {
            (Engine::Chained(encoder), Some(next), first) => {
                let trials = LayerTrials {
                    encoder,
                    next,
                    shape: [rows, columns],
                    turn,
                    trials: scale_trials,
                };
                let chosen = trials.choose(weights, first, advance)?;
                known = chosen.next;
                chosen.layer
            }
            (_, _, Some(coded)) => coded,
            _ => engine.encode_rows([rows, columns], groups, weights, moments, advance)?,
        };
        if number + 1 < engines.len() {
            leave(weights, &coded, columns, turn);
            turned_moments = moments.map(|moments| moments.turned(turn));
        }
        layers.push(coded);
    }
    Ok(layers)
}

/// Takes what a layer decodes to away from the weights, in binary64, rounded to binary32, and turns the rows of what is left, which have
/// so many columns. A coded row is one of them, or a group of its columns.
pub(crate) fn leave(weights: &mut [f32], coded: &WeightMatrix, columns: usize, turn: usize) {
    let rows = weights.par_chunks_mut(coded.columns().max(1)).enumerate();
    rows.for_each(|(row, weights)| {
        for (weight, decoded) in weights.iter_mut().zip(coded.row_values(row)) {
            *weight = ((f64::from(*weight) - f64::from(decoded)) as f32).clamp(f32::MIN, f32::MAX);
        }
    });
    let rows = weights.par_chunks_mut(columns.max(1));
    rows.for_each(|row| row.rotate_left(turn));
}
