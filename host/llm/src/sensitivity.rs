//! What an error in one matrix does to the predictions of the model.

use crate::backend::{HostLayers, host_layers, host_products};
use crate::cache::Cache;
use crate::error::LlmError;
use crate::evaluate::{ReferenceToken, Window};
use crate::language_model::LanguageModel;
use crate::linear::{Linear, LinearLayers};
use crate::package::Package;
use crate::recorder::go_on;
use rayon::prelude::*;
use seedlm_model::{ModelError, Sensitivity};
use std::ops::ControlFlow;

/// A model that reads some windows of text with other weights in place of one matrix.
///
/// What the uncompressed model makes of the windows is kept, so that only the layers from the changed one on are worked out anew.
/// All in a fixed order: the same on every machine, bit for bit. In memory stand, for every token, one vector of the hidden size for each
/// layer and one number for each token of the vocabulary, in binary32.
pub struct ChangedMatrix<'a> {
    language: &'a LanguageModel,
    host: HostLayers,
    windows: Vec<ReadWindow<'a>>,
    /// Is asked between windows whether to end.
    on_window: &'a mut dyn FnMut() -> ControlFlow<()>,
}

/// What the uncompressed model made of a window.
struct ReadWindow<'a> {
    window: &'a Window,
    /// What each layer has read.
    states: Vec<Vec<f32>>,
    /// One row for each token.
    logits: Vec<f32>,
}

impl<'a> ChangedMatrix<'a> {
    /// Reads the windows with the uncompressed model, which is a plain one. `on_window` is called between windows, here and later, and
    /// may end the run.
    ///
    /// # Errors
    /// As [`LanguageModel::forward`]; [`ModelError::Interrupted`] when the run was ended.
    pub fn new(
        package: &'a Package,
        windows: &'a [Window],
        on_window: &'a mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Self, LlmError> {
        let language = &package.language;
        let mut host = host_layers(language, &package.model)?;
        let mut read = Vec::with_capacity(windows.len());
        for window in windows {
            language.check(0, window.read())?;
            language.check(0, window.targets())?;
            let mut cache = Cache::new(language.config());
            let mut state = language.embed(window.read());
            let mut states = Vec::with_capacity(language.config().layers);
            for layer in 0..language.config().layers {
                states.push(state.clone());
                language.read_layers(&mut host, &mut cache, &mut state, layer..layer + 1)?;
            }
            let logits = language.head(&mut host, &state)?;
            read.push(ReadWindow { window, states, logits });
            go_on(on_window())?;
        }
        Ok(ChangedMatrix {
            language,
            host,
            windows: read,
            on_window,
        })
    }

    /// The mean divergence over all predictions, with a matrix of a layer changed.
    fn divergence_with(&mut self, linear: Linear, weights: &[f32]) -> Result<f64, LlmError> {
        let layers = self.language.config().layers;
        let first = match linear {
            Linear::Layer(layer, _) => layer,
            // What the last layer gives is not kept.
            Linear::Head => layers - 1,
        };
        let mut changed = Changed {
            host: &mut self.host,
            linear,
            weights,
        };
        let (mut sum, mut predictions) = (0.0, 0);
        for read in &self.windows {
            let mut state = read.states[first].clone();
            let mut cache = Cache::new(self.language.config());
            (self.language).read_layers(&mut changed, &mut cache, &mut state, first..layers)?;
            let logits = self.language.head(&mut changed, &state)?;
            let vocabulary = self.language.config().vocabulary;
            let rows = read
                .logits
                .par_chunks(vocabulary)
                .zip(logits.par_chunks(vocabulary))
                .zip(read.window.targets());
            let divergences: Vec<f64> = rows
                .map(|((reference, changed), &target)| ReferenceToken::of(reference, target).score(changed).divergence)
                .collect();
            predictions += divergences.len();
            sum += divergences.iter().sum::<f64>();
            go_on((self.on_window)())?;
        }
        let divergence = sum / predictions.max(1) as f64;
        if !divergence.is_finite() {
            return Err(LlmError::Text(format!(
                "with its error the model's predictions are no numbers any more (divergence {divergence}); give the tensor a code of more \
                 bits with --rules, or keep it"
            )));
        }
        // Rounding may leave a little less than nothing.
        Ok(divergence.max(0.0))
    }
}

impl Sensitivity for ChangedMatrix<'_> {
    fn divergence(&mut self, name: &str, weights: &[f32]) -> Result<Option<f64>, ModelError> {
        let config = self.language.config();
        // An embedding that is the head as well is looked up, too.
        let mut multiplied = Linear::all(config).filter(|&linear| linear != Linear::Head || !config.tied_head);
        let Some(linear) = multiplied.find(|linear| linear.tensor_name(config) == name) else {
            return Ok(None);
        };
        match self.divergence_with(linear, weights) {
            Ok(divergence) => Ok(Some(divergence)),
            Err(LlmError::Model(error)) => Err(error),
            Err(error) => Err(ModelError::Sensitivity {
                tensor: name.into(),
                source: Box::new(error),
            }),
        }
    }
}

/// The host's products, but for one matrix.
struct Changed<'a> {
    host: &'a mut HostLayers,
    linear: Linear,
    weights: &'a [f32],
}

impl LinearLayers for Changed<'_> {
    fn products(&mut self, matrices: &[Linear], inputs: &[f32], tokens: usize) -> Result<Vec<Vec<f32>>, LlmError> {
        let products = matrices.iter().map(|&linear| match linear == self.linear {
            true => Ok(host_products(self.host.instructions(), self.weights, inputs, tokens)),
            false => self
                .host
                .products(&[linear], inputs, tokens)
                .map(|mut products| products.remove(0)),
        });
        products.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::DenseLayers;
    use crate::evaluate::{Step, Variant, Windows, compare};
    use crate::linear::Projection;
    use seedlm_model::embedded::SHAKESPEARE_SAMPLE_TEXT;

    fn windows(package: &Package) -> Vec<Window> {
        let tokens = package.tokenizer.encode(&SHAKESPEARE_SAMPLE_TEXT[..161], true).unwrap();
        let windows = Windows {
            length: 90,
            stride: 90,
            count: usize::MAX,
        };
        windows.cut(&tokens).unwrap()
    }

    /// The divergence is that of an evaluation in which the model is another one from the start.
    #[test]
    fn a_changed_matrix_says_what_a_changed_model_says() {
        let package = Package::embedded().unwrap();
        let windows = windows(&package);
        let go_on = &mut || ControlFlow::Continue(());
        let mut judge = ChangedMatrix::new(&package, &windows, go_on).unwrap();
        let config = package.language.config();
        for linear in [
            Linear::Layer(0, Projection::Query),
            Linear::Layer(1, Projection::Gate),
            Linear::Layer(config.layers - 1, Projection::Down),
        ] {
            let name = linear.tensor_name(config);
            let (_, mut weights) = package.model.plain_tensor(&name).unwrap();
            assert_eq!(judge.divergence(&name, &weights).unwrap(), Some(0.0));
            weights
                .iter_mut()
                .for_each(|weight| *weight = (*weight * 16.0).round() / 16.0);
            let found = judge.divergence(&name, &weights).unwrap().unwrap();
            let dense = DenseLayers::new(&package.language, &package.model, None).unwrap();
            let mut changed = dense.clone();
            changed.replace(linear, &weights, None).unwrap();
            let variant = |linear: DenseLayers| Variant {
                name: name.clone(),
                language: package.language.clone(),
                linear: Box::new(linear),
            };
            let go_on = &mut |_: Step<'_>| ControlFlow::Continue(());
            let compared = compare(&mut variant(dense), &mut [variant(changed)], &windows, go_on).unwrap();
            let expected = compared.variants[0].divergence.mean;
            assert!(expected > 1e-5, "{name}: {expected}");
            assert!((found / expected - 1.0).abs() < 1e-3, "{name}: {found} {expected}");
        }
    }

    #[test]
    fn what_the_model_does_not_multiply_with_has_no_divergence() {
        let package = Package::embedded().unwrap();
        let windows = windows(&package);
        let go_on = &mut || ControlFlow::Continue(());
        let mut judge = ChangedMatrix::new(&package, &windows, go_on).unwrap();
        assert_eq!(judge.divergence("model.embed_tokens.weight", &[]).unwrap(), None);
        assert_eq!(judge.divergence("model.norm.weight", &[]).unwrap(), None);
    }

    #[test]
    fn a_matrix_that_breaks_the_model_is_an_error_and_not_harmless() {
        let package = Package::embedded().unwrap();
        let windows = windows(&package);
        let go_on = &mut || ControlFlow::Continue(());
        let mut judge = ChangedMatrix::new(&package, &windows, go_on).unwrap();
        let name = Linear::Layer(1, Projection::Down).tensor_name(package.language.config());
        let (_, weights) = package.model.plain_tensor(&name).unwrap();
        let error = judge.divergence(&name, &vec![1e38; weights.len()]).unwrap_err();
        assert!(
            error.to_string().contains(&name) && error.to_string().contains("--rules"),
            "{error}"
        );
    }

    #[test]
    fn a_run_that_is_to_end_is_interrupted() {
        let package = Package::embedded().unwrap();
        let windows = windows(&package);
        let mut left = windows.len();
        let mut on_window = || match left {
            0 => ControlFlow::Break(()),
            _ => {
                left -= 1;
                ControlFlow::Continue(())
            }
        };
        let mut judge = ChangedMatrix::new(&package, &windows, &mut on_window).unwrap();
        let name = Linear::Layer(0, Projection::Query).tensor_name(package.language.config());
        let (_, weights) = package.model.plain_tensor(&name).unwrap();
        let error = judge.divergence(&name, &weights).unwrap_err();
        assert!(matches!(error, ModelError::Interrupted), "{error}");
        assert!(matches!(
            ChangedMatrix::new(&package, &windows, &mut || ControlFlow::Break(())),
            Err(LlmError::Model(ModelError::Interrupted))
        ));
    }
}
