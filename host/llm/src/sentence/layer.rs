//! The parts of a BERT's layer, with their names in the file.

use super::arithmetic::layer_norm;
use crate::backend::DenseMatrix;
use crate::error::LlmError;
use seedlm_codec::Rotation;
use seedlm_model::Model;

/// Tensors as they are stored, or decoded: shape and values.
fn tensor(model: &Model, name: &str, expected: &[usize]) -> Result<Vec<f32>, LlmError> {
    let compressed = match model {
        Model::Plain(_) => None,
        Model::Container(container) => {
            let mut matrices = container.matrices().iter();
            matrices.find(|info| info.name == name).map(|info| (container, info))
        }
    };
    let (shape, values) = match compressed {
        Some((container, info)) => {
            let values = container.matrix(info)?.values(0..info.rows);
            (vec![info.rows, info.columns], values)
        }
        None => model.plain_tensor(name)?,
    };
    if shape != expected {
        return Err(LlmError::Shape {
            tensor: name.into(),
            actual: shape,
            expected: expected.into(),
        });
    }
    Ok(values)
}

/// One vector for each of some numbers: tokens, positions, kinds of tokens. A compressed one is decoded.
#[derive(Clone, Debug)]
pub(super) struct Table {
    values: Vec<f32>,
    columns: usize,
}

impl Table {
    pub(super) fn read(model: &Model, name: &str, [rows, columns]: [usize; 2]) -> Result<Self, LlmError> {
        Ok(Table {
            values: tensor(model, name, &[rows, columns])?,
            columns,
        })
    }

    pub(super) fn row(&self, number: usize) -> &[f32] {
        &self.values[number * self.columns..][..self.columns]
    }
}

/// A matrix with its bias.
#[derive(Clone, Debug)]
pub(super) struct BertLinear {
    pub(super) name: String,
    pub(super) shape: [usize; 2],
    matrix: DenseMatrix,
    bias: Vec<f32>,
}

impl BertLinear {
    pub(super) fn read(model: &Model, prefix: &str, [rows, columns]: [usize; 2]) -> Result<Self, LlmError> {
        let name = format!("{prefix}.weight");
        Ok(BertLinear {
            matrix: DenseMatrix::read(model, &name, [rows, columns])?,
            bias: tensor(model, &format!("{prefix}.bias"), &[rows])?,
            shape: [rows, columns],
            name,
        })
    }

    /// Takes other weights, and what their inputs are rotated by.
    pub(super) fn replace(&mut self, weights: &[f32], rotation: Option<Rotation>) -> Result<(), LlmError> {
        self.matrix = DenseMatrix::new(&self.name, self.shape, weights, rotation)?;
        Ok(())
    }

    /// Products of vectors that stand one after the other, with the bias.
    pub(super) fn apply(&self, inputs: &[f32], tokens: usize) -> Result<Vec<f32>, LlmError> {
        let prepared = self.matrix.prepare(&self.name, inputs, tokens, |_| ())?;
        let mut products = self.matrix.product(&self.name, &prepared)?;
        for vector in products.chunks_mut(self.bias.len()) {
            add(vector, &self.bias);
        }
        Ok(products)
    }
}

/// LayerNorm with its weights.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f64,
}

impl Norm {
    pub(super) fn read(model: &Model, prefix: &str, size: usize, epsilon: f64) -> Result<Self, LlmError> {
        Ok(Norm {
            weight: tensor(model, &format!("{prefix}.weight"), &[size])?,
            bias: tensor(model, &format!("{prefix}.bias"), &[size])?,
            epsilon,
        })
    }

    /// Norms vectors that stand one after the other.
    pub(super) fn apply(&self, vectors: &mut [f32]) {
        for vector in vectors.chunks_mut(self.weight.len()) {
            layer_norm(vector, &self.weight, &self.bias, self.epsilon);
        }
    }
}

pub(super) fn add(sums: &mut [f32], values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}
