//! How large the inputs of a model's matrices are.

use super::own_text::OwnText;
use crate::backend::{HostLayers, host_layers};
use crate::cache::Cache;
use crate::error::LlmError;
use crate::evaluate::Window;
use crate::inputs::Inputs;
use crate::language_model::Logits;
use crate::linear::{Linear, LinearLayers};
use crate::package::Package;
use seedlm_model::ModelError;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Sums of the squares of the inputs of all matrices, over the tokens of a text. In a fixed order: every machine gives the same sums,
/// bit for bit.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSizes {
    /// A sum for each column.
    squares: BTreeMap<Inputs, Vec<f64>>,
}

impl InputSizes {
    /// Those of windows of a text; `on_window` is told of each that has been read, and may end the run.
    ///
    /// # Errors
    /// As [`crate::LanguageModel::forward`]; [`ModelError::Interrupted`] when the run was ended.
    pub fn of_windows(
        package: &Package,
        windows: &[Window],
        on_window: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Self, LlmError> {
        let mut recorder = Recorder::new(package)?;
        for window in windows {
            let mut cache = Cache::new(package.language.config());
            let read = window.read();
            (package.language).forward(&mut recorder, &mut cache, read, Logits::Last)?;
            stop(on_window())?;
        }
        Ok(recorder.sizes)
    }

    /// Those of a text that the model writes meanwhile; `on_token` is told of each token, and may end the run.
    ///
    /// # Errors
    /// As [`InputSizes::of_windows`].
    pub fn of_own_text(
        package: &Package,
        text: OwnText,
        on_token: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Self, LlmError> {
        let mut recorder = Recorder::new(package)?;
        text.write(&package.language, &mut recorder, &mut || stop(on_token()))?;
        Ok(recorder.sizes)
    }

    /// The sums of these inputs, a column each.
    pub(super) fn squares(&self, inputs: Inputs) -> Result<&[f64], LlmError> {
        let squares = self.squares.get(&inputs).map(Vec::as_slice);
        squares.ok_or_else(|| LlmError::Text("no text was read: there is nothing to balance by".into()))
    }
}

fn stop(flow: ControlFlow<()>) -> Result<(), LlmError> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(ModelError::Interrupted.into()),
    }
}

/// Works the products out with the host, and adds up the squares of their inputs.
pub(super) struct Recorder {
    host: HostLayers,
    /// Whether the inputs count.
    pub(super) is_counting: bool,
    sizes: InputSizes,
}

impl Recorder {
    fn new(package: &Package) -> Result<Self, LlmError> {
        Ok(Recorder {
            host: host_layers(&package.language, &package.model)?,
            is_counting: true,
            sizes: InputSizes {
                squares: BTreeMap::new(),
            },
        })
    }
}

impl LinearLayers for Recorder {
    fn products(&mut self, matrices: &[Linear], inputs: &[f32], tokens: usize) -> Result<Vec<Vec<f32>>, LlmError> {
        // The matrices of a call share their inputs.
        let shared = matrices.first().and_then(|&linear| Inputs::of(linear));
        if let Some(of) = shared.filter(|_| self.is_counting) {
            let columns = inputs.len() / tokens;
            let sums = self.sizes.squares.entry(of).or_insert_with(|| vec![0.0; columns]);
            for vector in inputs.chunks(columns) {
                for (sum, &value) in sums.iter_mut().zip(vector) {
                    *sum += f64::from(value) * f64::from(value);
                }
            }
        }
        self.host.products(matrices, inputs, tokens)
    }
}
