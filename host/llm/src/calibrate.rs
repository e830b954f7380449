//! What the inputs of a model's matrices look like on a text: the moments for a calibrated compression.

use crate::error::LlmError;
use crate::evaluate::Window;
use crate::inputs::Inputs;
use crate::package::Package;
use crate::recorder::{inputs_too_large, read_windows};
use crate::vectors::add_moments;
use rayon::prelude::*;
use seedlm_model::{InputMoments, ModelMoments};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Reads windows of text with the uncompressed model, and adds up `x x^T` over the inputs `x` of every matrix of its layers.
/// `origin` says what the text is, for [`ModelMoments::origin`]; `on_window` is told of the number of windows that are
/// finished, and may end the run.
///
/// All in a fixed order: every machine gives the same moments, bit for bit.
///
/// # Errors
/// As [`crate::LanguageModel::forward`]; [`seedlm_model::ModelError::Interrupted`] when the run was ended.
pub fn collect_moments(
    package: &Package,
    windows: &[Window],
    origin: String,
    on_window: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<ModelMoments, LlmError> {
    let config = package.language.config();
    let mut all_sums = BTreeMap::new();
    let mut add = |instructions, inputs: Inputs, vectors: &[f32], columns: usize| {
        let sums = all_sums.entry(inputs).or_insert_with(|| vec![0.0; columns * columns]);
        let blocks = sums.par_chunks_mut(ROWS_AT_A_TIME * columns).enumerate();
        blocks.for_each(|(block, sums)| {
            add_moments(instructions, sums, columns, block * ROWS_AT_A_TIME, vectors);
        });
    };
    read_windows(package, windows, &mut add, on_window)?;
    let mut moments = ModelMoments::new(origin);
    for (inputs, mut sums) in all_sums {
        mirror(&mut sums, inputs.columns(config));
        let shared = Arc::new(InputMoments::new(inputs.columns(config), sums).ok_or_else(|| inputs_too_large(inputs))?);
        for linear in inputs.matrices() {
            moments.insert(linear.tensor_name(config), Arc::clone(&shared));
        }
    }
    Ok(moments)
}

/// Rows of moments that a thread adds to at a time: with usual models they stay in its cache while all vectors go by.
const ROWS_AT_A_TIME: usize = 16;

/// Copies what stands behind the diagonal in front of it.
fn mirror(sums: &mut [f32], columns: usize) {
    for row in 1..columns {
        for column in 0..row {
            sums[row * columns + column] = sums[column * columns + row];
        }
    }
}
