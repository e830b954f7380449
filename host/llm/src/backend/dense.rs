//! Products in binary32, by candle's matrix product.

use super::dense_matrix::DenseMatrix;
use super::rounding::ActivationRounding;
use crate::config::ModelConfig;
use crate::error::LlmError;
use crate::language_model::LanguageModel;
use crate::linear::{Linear, LinearLayers};
use candle_core::Tensor;
use seedlm_codec::Rotation;
use seedlm_model::Model;
use std::borrow::Cow;

/// All matrices of a model as binary32, in memory. Those of a compressed model are decoded; where a matrix was rotated
/// before it was encoded, its inputs are rotated, as a host of the machine does it, and its weights stay as they are.
///
/// The last bit of a product may depend on the instructions that the processor has; use [`super::IntegerLayers`] where
/// all machines have to agree. A clone shares the weights in memory.
#[derive(Clone, Debug)]
pub struct DenseLayers {
    config: ModelConfig,
    /// By [`Linear::index`].
    matrices: Vec<DenseMatrix>,
    rounding: Option<ActivationRounding>,
}

impl DenseLayers {
    /// Reads all matrices. With a rounding, the inputs of the matrices in the layers are rounded first; the head's are not.
    ///
    /// # Errors
    /// When a tensor is missing, damaged, or of another shape than the configuration says.
    pub fn new(
        language: &LanguageModel,
        model: &Model,
        rounding: Option<ActivationRounding>,
    ) -> Result<Self, LlmError> {
        let config = language.config();
        let matrices = Linear::all(config).map(|linear| {
            let name = linear.tensor_name(config);
            let expected = linear.shape(config);
            match linear == Linear::Head && config.tied_head && !is_compressed(model, &name) {
                true => DenseMatrix::new(&name, expected, language.embedding(), None),
                false => DenseMatrix::read(model, &name, expected),
            }
        });
        Ok(DenseLayers {
            matrices: matrices.collect::<Result<_, _>>()?,
            config: config.clone(),
            rounding,
        })
    }

    /// The same weights, shared in memory, with the inputs of the matrices in the layers rounded in another way, or not at
    /// all.
    pub fn with_rounding(&self, rounding: Option<ActivationRounding>) -> Self {
        DenseLayers {
            rounding,
            ..self.clone()
        }
    }

    /// Replaces the weights of a matrix by others, rows x columns, and what its inputs are rotated by.
    ///
    /// # Errors
    /// [`LlmError::Machine`] when their number is another one.
    pub fn replace(&mut self, linear: Linear, weights: &[f32], rotation: Option<Rotation>) -> Result<(), LlmError> {
        let name = linear.tensor_name(&self.config);
        let shape = linear.shape(&self.config);
        self.matrices[linear.index(&self.config)] = DenseMatrix::new(&name, shape, weights, rotation)?;
        Ok(())
    }
}

impl LinearLayers for DenseLayers {
    fn products(&mut self, matrices: &[Linear], inputs: &[f32], tokens: usize) -> Result<Vec<Vec<f32>>, LlmError> {
        let columns = inputs.len() / tokens;
        // Matrices with the same inputs are often rotated alike, and then share the tensor of their inputs.
        let mut prepared: Vec<((Option<Rotation>, bool), Tensor)> = Vec::new();
        let products = matrices.iter().map(|linear| {
            let name = linear.tensor_name(&self.config);
            let matrix = &self.matrices[linear.index(&self.config)];
            // The head is not on the machine, so its inputs are not rounded.
            let rounding = self.rounding.filter(|_| *linear != Linear::Head);
            let kind = (matrix.rotation(), rounding.is_some());
            let known = prepared.iter().position(|(known, _)| *known == kind);
            let place = match known {
                Some(place) => place,
                None => {
                    let round = |values: &mut Cow<'_, [f32]>| {
                        if let Some(rounding) = rounding {
                            rounding.apply(columns, values.to_mut());
                        }
                    };
                    prepared.push((kind, matrix.prepare(&name, inputs, tokens, round)?));
                    prepared.len() - 1
                }
            };
            matrix.product(&name, &prepared[place].1)
        });
        products.collect()
    }
}

/// Whether a container holds the tensor as a compressed matrix.
fn is_compressed(model: &Model, name: &str) -> bool {
    match model {
        Model::Plain(_) => false,
        Model::Container(container) => container.matrices().iter().any(|info| info.name == name),
    }
}
