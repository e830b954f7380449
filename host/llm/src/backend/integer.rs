//! Products in the integer arithmetic of the machine: the host rotates and rounds the activations, the machine gives exact
//! integers, the host scales them.

use crate::arithmetic::dot;
use crate::config::ModelConfig;
use crate::error::LlmError;
use crate::language_model::LanguageModel;
use crate::linear::{Linear, LinearLayers};
use rayon::prelude::*;
use seedlm_codec::{Activations, Rotation, WeightMatrix};
use seedlm_model::{Model, rotate_rows};
use std::collections::HashMap;
use std::sync::Arc;

/// Why a machine has failed.
pub type MachineError = Box<dyn std::error::Error + Send + Sync>;

/// Something that gives exact integer products of the matrices it holds.
pub trait IntegerMachine {
    /// The products of some matrices, by their numbers, with the same activations: for each, one integer per row, equal to
    /// [`seedlm_codec::product`].
    ///
    /// # Errors
    /// What the machine cannot work out.
    fn products(&mut self, matrices: &[usize], activations: &Activations) -> Result<Vec<Vec<i64>>, MachineError>;
}

impl<M: IntegerMachine + ?Sized> IntegerMachine for Box<M> {
    fn products(&mut self, matrices: &[usize], activations: &Activations) -> Result<Vec<Vec<i64>>, MachineError> {
        (**self).products(matrices, activations)
    }
}

/// What the host has to know of a matrix that a machine holds.
#[derive(Clone, Debug)]
pub struct MachineMatrix {
    /// Name of the tensor.
    pub name: String,
    /// Columns.
    pub columns: usize,
    /// The real value of one step of each row's integers.
    pub scales: Vec<f32>,
    /// What has been applied to its rows, and is applied to its activations.
    pub rotation: Option<Rotation>,
}

impl MachineMatrix {
    /// What the host has to know of a matrix.
    pub fn of(name: &str, matrix: &WeightMatrix, rotation: Option<Rotation>) -> Self {
        MachineMatrix {
            name: name.to_string(),
            columns: matrix.columns(),
            scales: (0..matrix.rows()).map(|row| matrix.scale(row)).collect(),
            rotation,
        }
    }
}

/// The matrices of a model on a machine. What the machine does not hold, as the head usually, the host works out in
/// binary32, in a fixed order. The same on every computer, bit for bit.
pub struct IntegerLayers<M> {
    machine: M,
    activation_bits: u32,
    config: ModelConfig,
    matrices: Vec<MachineMatrix>,
    /// By [`Linear::index`].
    places: Vec<Place>,
}

/// Where a matrix is.
enum Place {
    /// In the machine, under this number.
    Machine(usize),
    /// With the host: rows x columns.
    Host(Arc<[f32]>),
}

impl<M: IntegerMachine> IntegerLayers<M> {
    /// `matrices` are those that `machine` holds, in the order of their numbers; the others are read from `model`.
    ///
    /// # Errors
    /// When a matrix is missing or has another shape than the configuration says, or the machine holds one that the
    /// model does not use.
    pub fn new(
        language: &LanguageModel,
        model: &Model,
        matrices: Vec<MachineMatrix>,
        machine: M,
        activation_bits: u32,
    ) -> Result<Self, LlmError> {
        let config = language.config().clone();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        for (number, matrix) in matrices.iter().enumerate() {
            numbers.insert(&matrix.name, number);
        }
        let mut places = Vec::new();
        for linear in Linear::all(&config) {
            let name = linear.tensor_name(&config);
            let expected = linear.shape(&config);
            let (place, shape) = match numbers.remove(name.as_str()) {
                Some(number) => {
                    let matrix = &matrices[number];
                    (Place::Machine(number), vec![matrix.scales.len(), matrix.columns])
                }
                None if linear == Linear::Head && config.tied_head => {
                    (Place::Host(Arc::clone(language.embedding())), expected.into())
                }
                None => {
                    let (shape, values) = model.plain_tensor(&name)?;
                    (Place::Host(values.into()), shape)
                }
            };
            if shape != expected {
                return Err(LlmError::Shape {
                    tensor: name,
                    actual: shape,
                    expected: expected.into(),
                });
            }
            places.push(place);
        }
        if let Some(name) = numbers.keys().min() {
            return Err(LlmError::Text(format!(
                "tensor {name:?} is compressed, and is no matrix of a Llama-family model's layers"
            )));
        }
        Ok(IntegerLayers {
            machine,
            activation_bits,
            config,
            matrices,
            places,
        })
    }

    /// The machine.
    pub fn machine(&mut self) -> &mut M {
        &mut self.machine
    }

    /// Weights that the machine works with for each token.
    pub fn weights_on_machine(&self) -> u64 {
        let weights = self.matrices.iter().map(|matrix| matrix.scales.len() * matrix.columns);
        weights.sum::<usize>() as u64
    }

    /// The products of matrices of the machine that are rotated alike with one vector.
    fn machine_products(
        &mut self,
        numbers: &[usize],
        rotation: Option<Rotation>,
        input: &[f32],
    ) -> Result<Vec<Vec<f32>>, LlmError> {
        let first = &self.matrices[numbers[0]].name;
        let mut values = input.to_vec();
        if let Some(rotation) = &rotation {
            rotate_rows(rotation, values.len(), &mut values);
        }
        let activations = Activations::quantise(self.activation_bits, &values).map_err(LlmError::product(first))?;
        let products = self.machine.products(numbers, &activations);
        let products = products.map_err(|source| LlmError::Machine {
            tensor: first.clone(),
            source,
        })?;
        let scaled = numbers.iter().zip(products).map(|(&number, product)| {
            let pairs = product.iter().zip(&self.matrices[number].scales);
            pairs
                .map(|(&sum, &scale)| real(sum, scale, activations.scale()))
                .collect()
        });
        Ok(scaled.collect())
    }
}

/// The real value of a sum of products: in binary64 in this order, rounded once to binary32.
fn real(sum: i64, weight_scale: f32, activation_scale: f32) -> f32 {
    (sum as f64 * (f64::from(weight_scale) * f64::from(activation_scale))) as f32
}

impl<M: IntegerMachine> LinearLayers for IntegerLayers<M> {
    fn products(&mut self, matrices: &[Linear], inputs: &[f32], tokens: usize) -> Result<Vec<Vec<f32>>, LlmError> {
        let columns = inputs.len() / tokens;
        let mut products: Vec<Vec<f32>> = vec![Vec::new(); matrices.len()];
        let mut on_machine: Vec<Together> = Vec::new();
        for (asked, linear) in matrices.iter().enumerate() {
            match &self.places[linear.index(&self.config)] {
                Place::Machine(number) => {
                    let rotation = self.matrices[*number].rotation;
                    let place = on_machine.iter().position(|together| together.rotation == rotation);
                    let place = place.unwrap_or_else(|| {
                        on_machine.push(Together::new(rotation));
                        on_machine.len() - 1
                    });
                    on_machine[place].asked.push(asked);
                    on_machine[place].numbers.push(*number);
                }
                Place::Host(weights) => {
                    let vectors = inputs.chunks(columns);
                    products[asked] = vectors.flat_map(|vector| host_product(weights, vector)).collect();
                }
            }
        }
        for together in on_machine {
            for input in inputs.chunks(columns) {
                let answers = self.machine_products(&together.numbers, together.rotation, input)?;
                for (&asked, answer) in together.asked.iter().zip(answers) {
                    products[asked].extend(answer);
                }
            }
        }
        Ok(products)
    }
}

/// Matrices that share their activations, and go to the machine together.
struct Together {
    rotation: Option<Rotation>,
    /// Their places among those that were asked for.
    asked: Vec<usize>,
    /// Their numbers in the machine.
    numbers: Vec<usize>,
}

impl Together {
    fn new(rotation: Option<Rotation>) -> Self {
        Together {
            rotation,
            asked: Vec::new(),
            numbers: Vec::new(),
        }
    }
}

/// A product on the host.
fn host_product(weights: &[f32], vector: &[f32]) -> Vec<f32> {
    let rows = weights.par_chunks(vector.len()).with_min_len(64);
    rows.map(|row| dot(row, vector)).collect()
}
