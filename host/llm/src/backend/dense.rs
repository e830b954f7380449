//! Products in binary32, by candle's matrix product.

use super::rounding::ActivationRounding;
use crate::config::ModelConfig;
use crate::error::LlmError;
use crate::language_model::LanguageModel;
use crate::linear::{Linear, LinearLayers};
use candle_core::{Device, Tensor};
use seedlm_codec::Rotation;
use seedlm_model::{Model, rotate_rows};
use std::borrow::Cow;
use std::collections::HashMap;

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

#[derive(Clone, Debug)]
struct DenseMatrix {
    /// Columns x rows.
    transposed: Tensor,
    rotation: Option<Rotation>,
    /// Whether its inputs are rounded: only those of matrices that the machine has.
    on_machine: bool,
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
        let compressed: HashMap<&str, _> = match model {
            Model::Plain(_) => HashMap::new(),
            Model::Container(container) => {
                let named = container.matrices().iter();
                named.map(|info| (info.name.as_str(), (container, info))).collect()
            }
        };
        let matrices = Linear::all(config).map(|linear| {
            let name = linear.tensor_name(config);
            let expected = linear.shape(config);
            let (shape, values, rotation) = match compressed.get(name.as_str()) {
                Some((container, info)) => {
                    let stored = container.matrix(info)?;
                    (
                        vec![info.rows, info.columns],
                        Cow::Owned(stored.machine_values()),
                        stored.rotation(),
                    )
                }
                None if linear == Linear::Head && config.tied_head => {
                    (expected.into(), Cow::Borrowed(&language.embedding()[..]), None)
                }
                None => {
                    let (shape, values) = model.plain_tensor(&name)?;
                    (shape, Cow::Owned(values), None)
                }
            };
            if shape != expected {
                return Err(LlmError::Shape {
                    tensor: name,
                    actual: shape,
                    expected: expected.into(),
                });
            }
            DenseMatrix::new(&name, expected, &values, rotation, linear != Linear::Head)
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
        self.matrices[linear.index(&self.config)] =
            DenseMatrix::new(&name, shape, weights, rotation, linear != Linear::Head)?;
        Ok(())
    }
}

impl DenseMatrix {
    fn new(
        name: &str,
        [rows, columns]: [usize; 2],
        weights: &[f32],
        rotation: Option<Rotation>,
        on_machine: bool,
    ) -> Result<Self, LlmError> {
        let weights = Tensor::from_slice(weights, (rows, columns), &Device::Cpu).map_err(failed(name))?;
        Ok(DenseMatrix {
            transposed: weights.t().map_err(failed(name))?,
            rotation,
            on_machine,
        })
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
            let kind = (matrix.rotation, matrix.on_machine);
            let known = prepared.iter().position(|(known, _)| *known == kind);
            let place = match known {
                Some(place) => place,
                None => {
                    let mut values = Cow::Borrowed(inputs);
                    if let Some(rotation) = &matrix.rotation {
                        rotate_rows(rotation, columns, values.to_mut());
                    }
                    if let Some(rounding) = self.rounding.filter(|_| matrix.on_machine) {
                        rounding.apply(columns, values.to_mut());
                    }
                    let tensor = Tensor::from_slice(&values, (tokens, columns), &Device::Cpu);
                    prepared.push((kind, tensor.map_err(failed(&name))?));
                    prepared.len() - 1
                }
            };
            let product = prepared[place].1.matmul(&matrix.transposed);
            let flat = product.and_then(|product| product.flatten_all()?.to_vec1());
            flat.map_err(failed(&name))
        });
        products.collect()
    }
}

/// Turns candle's error into one that names the matrix.
fn failed(tensor: &str) -> impl FnOnce(candle_core::Error) -> LlmError {
    let tensor = tensor.to_string();
    move |error| LlmError::Machine {
        tensor,
        source: Box::new(error),
    }
}
