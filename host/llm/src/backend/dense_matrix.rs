//! One matrix in binary32, by candle's matrix product.

use crate::error::LlmError;
use candle_core::{Device, Tensor};
use seedlm_codec::Rotation;
use seedlm_model::{Model, rotate_rows};
use std::borrow::Cow;

/// A matrix whose inputs are rotated first where it was rotated before it was encoded, as a host of the machine does it.
#[derive(Clone, Debug)]
pub(crate) struct DenseMatrix {
    /// Columns x rows.
    transposed: Tensor,
    rotation: Option<Rotation>,
}

impl DenseMatrix {
    /// Of weights row by row.
    pub(crate) fn new(
        name: &str,
        [rows, columns]: [usize; 2],
        weights: &[f32],
        rotation: Option<Rotation>,
    ) -> Result<Self, LlmError> {
        let weights = Tensor::from_slice(weights, (rows, columns), &Device::Cpu).map_err(failed(name))?;
        Ok(DenseMatrix {
            transposed: weights.t().map_err(failed(name))?,
            rotation,
        })
    }

    /// Reads a matrix from a model, plain or compressed.
    pub(crate) fn read(model: &Model, name: &str, expected: [usize; 2]) -> Result<Self, LlmError> {
        let compressed = match model {
            Model::Plain(_) => None,
            Model::Container(container) => {
                let mut matrices = container.matrices().iter();
                matrices.find(|info| info.name == name).map(|info| (container, info))
            }
        };
        let (shape, values, rotation) = match compressed {
            Some((container, info)) => {
                let stored = container.matrix(info)?;
                (
                    vec![info.rows, info.columns],
                    stored.machine_values(),
                    stored.rotation(),
                )
            }
            None => {
                let (shape, values) = model.plain_tensor(name)?;
                (shape, values, None)
            }
        };
        if shape != expected {
            return Err(LlmError::Shape {
                tensor: name.into(),
                actual: shape,
                expected: expected.into(),
            });
        }
        DenseMatrix::new(name, expected, &values, rotation)
    }

    /// What its inputs are rotated by.
    pub(crate) fn rotation(&self) -> Option<Rotation> {
        self.rotation
    }

    /// Inputs as its product takes them: `tokens` vectors one after the other, rotated, then changed by `change`.
    pub(crate) fn prepare(
        &self,
        name: &str,
        inputs: &[f32],
        tokens: usize,
        change: impl FnOnce(&mut Cow<'_, [f32]>),
    ) -> Result<Tensor, LlmError> {
        let columns = inputs.len() / tokens;
        let mut values = Cow::Borrowed(inputs);
        if let Some(rotation) = &self.rotation {
            rotate_rows(rotation, columns, values.to_mut());
        }
        change(&mut values);
        Tensor::from_slice(&values, (tokens, columns), &Device::Cpu).map_err(failed(name))
    }

    /// The product with prepared inputs: for each token one value per row.
    pub(crate) fn product(&self, name: &str, prepared: &Tensor) -> Result<Vec<f32>, LlmError> {
        let product = prepared.matmul(&self.transposed);
        let flat = product.and_then(|product| product.flatten_all()?.to_vec1());
        flat.map_err(failed(name))
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
