//! Products on the host, in a fixed order, whose inputs somebody looks at.

use crate::backend::{HostLayers, host_layers};
use crate::cache::Cache;
use crate::error::LlmError;
use crate::evaluate::Window;
use crate::inputs::Inputs;
use crate::language_model::Logits;
use crate::linear::{Linear, LinearLayers};
use crate::package::Package;
use seedlm_instructions::Instructions;
use seedlm_model::ModelError;
use std::ops::ControlFlow;

/// Is shown the vectors that matrices read, one after the other, and their length.
pub(crate) type Look<'a> = &'a mut dyn FnMut(Instructions, Inputs, &[f32], usize);

/// Works the products of an uncompressed model out, and shows their inputs.
pub(crate) struct Recorder<'a> {
    host: HostLayers,
    look: Look<'a>,
    /// Whether they are shown.
    pub(crate) is_looking: bool,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(package: &Package, look: Look<'a>) -> Result<Self, LlmError> {
        Ok(Recorder {
            host: host_layers(&package.language, &package.model)?,
            look,
            is_looking: true,
        })
    }
}

impl LinearLayers for Recorder<'_> {
    fn products(&mut self, matrices: &[Linear], inputs: &[f32], tokens: usize) -> Result<Vec<Vec<f32>>, LlmError> {
        // The matrices of a call share their inputs.
        let shared = matrices.first().and_then(|&linear| Inputs::of(linear));
        if let Some(of) = shared.filter(|_| self.is_looking) {
            (self.look)(self.host.instructions(), of, inputs, inputs.len() / tokens);
        }
        self.host.products(matrices, inputs, tokens)
    }
}

/// Reads windows of text; `on_window` is told of the number of windows that are finished, and may end the run.
///
/// # Errors
/// As [`crate::LanguageModel::forward`]; [`ModelError::Interrupted`] when the run was ended.
pub(crate) fn read_windows(
    package: &Package,
    windows: &[Window],
    look: Look<'_>,
    on_window: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<(), LlmError> {
    let mut recorder = Recorder::new(package, look)?;
    for (number, window) in windows.iter().enumerate() {
        let mut cache = Cache::new(package.language.config());
        (package.language).forward(&mut recorder, &mut cache, window.read(), Logits::Last)?;
        go_on(on_window(number + 1))?;
    }
    Ok(())
}

/// Ends a run where its caller asks for it.
pub(crate) fn go_on(flow: ControlFlow<()>) -> Result<(), LlmError> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(ModelError::Interrupted.into()),
    }
}

/// Why sums over inputs are no finite numbers.
pub(crate) fn inputs_too_large(inputs: Inputs) -> LlmError {
    let names: Vec<String> = inputs.matrices().map(|linear| linear.to_string()).collect();
    LlmError::Text(format!("the inputs of {} are beyond binary32", names.join(", ")))
}
