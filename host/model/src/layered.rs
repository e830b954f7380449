//! Encodes a matrix in layers, each of which holds what those before it have left of the weights.

use crate::encode::{Advance, Engine};
use crate::moments::InputMoments;
use rayon::prelude::*;
use seedlm_codec::{WeightMatrix, layer_turn};
use seedlm_encoder::EncodeError;
use std::sync::Arc;

/// Encodes a matrix in one layer for each engine; `weights` are those of `rows x columns`, and are used up.
pub(crate) fn encode_layers(
    engines: &[Arc<Engine>],
    [rows, columns]: [usize; 2],
    weights: &mut [f32],
    moments: Option<&InputMoments>,
    advance: Advance<'_>,
) -> Result<Vec<WeightMatrix>, EncodeError> {
    let mut layers = Vec::with_capacity(engines.len());
    // Between two neighbouring layers.
    let turn = layer_turn(2, columns);
    let mut turned_moments = None;
    for (number, engine) in engines.iter().enumerate() {
        let moments = turned_moments.as_ref().or(moments);
        let coded = engine.encode_rows([rows, columns], weights, moments, advance)?;
        if number + 1 < engines.len() {
            subtract(weights, &coded);
            let rows = weights.par_chunks_mut(columns.max(1));
            rows.for_each(|row| row.rotate_left(turn));
            turned_moments = moments.map(|moments| moments.turned(turn));
        }
        layers.push(coded);
    }
    Ok(layers)
}

/// Takes what a layer decodes to away from the weights: in binary64, rounded to binary32.
fn subtract(weights: &mut [f32], coded: &WeightMatrix) {
    let rows = weights.par_chunks_mut(coded.columns().max(1)).enumerate();
    rows.for_each(|(row, weights)| {
        for (weight, decoded) in weights.iter_mut().zip(coded.row_values(row)) {
            *weight = ((f64::from(*weight) - f64::from(decoded)) as f32).clamp(f32::MIN, f32::MAX);
        }
    });
}
