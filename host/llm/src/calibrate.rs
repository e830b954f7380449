//! What the inputs of a model's matrices look like on a text: the moments for a calibrated compression.

use crate::backend::{HostLayers, host_layers};
use crate::cache::Cache;
use crate::error::LlmError;
use crate::evaluate::Window;
use crate::inputs::Inputs;
use crate::language_model::Logits;
use crate::linear::{Linear, LinearLayers};
use crate::package::Package;
use crate::vectors::add_moments;
use rayon::prelude::*;
use seedlm_model::{InputMoments, ModelError, ModelMoments};
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
/// As [`crate::LanguageModel::forward`]; [`ModelError::Interrupted`] when the run was ended.
pub fn collect_moments(
    package: &Package,
    windows: &[Window],
    origin: String,
    on_window: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<ModelMoments, LlmError> {
    let config = package.language.config();
    let host = host_layers(&package.language, &package.model)?;
    let mut recorder = Recorder {
        host,
        sums: BTreeMap::new(),
    };
    for (number, window) in windows.iter().enumerate() {
        let mut cache = Cache::new(config);
        package
            .language
            .forward(&mut recorder, &mut cache, window.read(), Logits::Last)?;
        if on_window(number + 1).is_break() {
            return Err(ModelError::Interrupted.into());
        }
    }
    let mut moments = ModelMoments::new(origin);
    for (inputs, mut sums) in recorder.sums {
        mirror(&mut sums, inputs.columns(config));
        let not_finite = || {
            let names: Vec<String> = inputs.matrices().map(|linear| linear.to_string()).collect();
            LlmError::Text(format!("the inputs of {} are beyond binary32", names.join(", ")))
        };
        let shared = Arc::new(InputMoments::new(inputs.columns(config), sums).ok_or_else(not_finite)?);
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

/// Works the products out with the host, and adds up the moments of their inputs.
struct Recorder {
    host: HostLayers,
    sums: BTreeMap<Inputs, Vec<f32>>,
}

impl LinearLayers for Recorder {
    fn products(&mut self, matrices: &[Linear], inputs: &[f32], tokens: usize) -> Result<Vec<Vec<f32>>, LlmError> {
        // The matrices of a call share their inputs.
        if let Some(of) = matrices.first().and_then(|&linear| Inputs::of(linear)) {
            let columns = inputs.len() / tokens;
            let sums = self.sums.entry(of).or_insert_with(|| vec![0.0; columns * columns]);
            let instructions = self.host.instructions();
            let blocks = sums.par_chunks_mut(ROWS_AT_A_TIME * columns).enumerate();
            blocks.for_each(|(block, sums)| {
                add_moments(instructions, sums, columns, block * ROWS_AT_A_TIME, inputs);
            });
        }
        self.host.products(matrices, inputs, tokens)
    }
}
