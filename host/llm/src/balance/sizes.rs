//! How large the inputs of a model's matrices are.

use super::own_text::OwnText;
use crate::error::LlmError;
use crate::evaluate::Window;
use crate::inputs::Inputs;
use crate::package::Package;
use crate::recorder::{Recorder, inputs_too_large, read_windows};
use seedlm_instructions::Instructions;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Sums of the squares of the inputs of all matrices, over the tokens of a text. In a fixed order: every machine gives the same sums,
/// bit for bit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputSizes {
    /// A sum for each column.
    squares: BTreeMap<Inputs, Vec<f64>>,
}

impl InputSizes {
    /// Those of windows of a text; `on_window` is told of the number of windows that are finished, and may end the run.
    ///
    /// # Errors
    /// As [`crate::LanguageModel::forward`]; [`seedlm_model::ModelError::Interrupted`] when the run was ended.
    pub fn of_windows(
        package: &Package,
        windows: &[Window],
        on_window: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Self, LlmError> {
        let mut sizes = InputSizes::default();
        read_windows(package, windows, &mut sizes.adding(), on_window)?;
        sizes.checked()
    }

    /// Those of a text that the model writes meanwhile. After each token that the model has read, `on_tokens` is told how many more of
    /// the text are done, 1 or 0, and may end the run.
    ///
    /// # Errors
    /// As [`InputSizes::of_windows`].
    pub fn of_own_text(
        package: &Package,
        text: OwnText,
        on_tokens: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Self, LlmError> {
        let mut sizes = InputSizes::default();
        let mut adding = sizes.adding();
        text.write(&package.language, &mut Recorder::new(package, &mut adding)?, on_tokens)?;
        drop(adding);
        sizes.checked()
    }

    fn adding(&mut self) -> impl FnMut(Instructions, Inputs, &[f32], usize) {
        |_, inputs, vectors, columns| {
            let sums = self.squares.entry(inputs).or_insert_with(|| vec![0.0; columns]);
            for vector in vectors.chunks(columns) {
                for (sum, &value) in sums.iter_mut().zip(vector) {
                    *sum += f64::from(value) * f64::from(value);
                }
            }
        }
    }

    fn checked(self) -> Result<Self, LlmError> {
        let beyond = |sums: &Vec<f64>| sums.iter().any(|sum| !sum.is_finite());
        match self.squares.iter().find(|(_, sums)| beyond(sums)) {
            Some((&inputs, _)) => Err(inputs_too_large(inputs)),
            None => Ok(self),
        }
    }

    /// The sums of these inputs, `columns` of them.
    pub(super) fn squares(&self, inputs: Inputs, columns: usize) -> Result<&[f64], LlmError> {
        let squares = self.squares.get(&inputs).filter(|squares| squares.len() == columns);
        let other = || LlmError::Text("the sizes of the inputs are those of another model, or of no text".into());
        squares.map(Vec::as_slice).ok_or_else(other)
    }
}
