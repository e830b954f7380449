//! Products in the integer arithmetic of the machine: the host rotates and rounds the activations, the machine gives exact
//! integers, the host scales them.

use super::host::host_products;
use crate::config::ModelConfig;
use crate::error::LlmError;
use crate::language_model::LanguageModel;
use crate::linear::{Linear, LinearLayers};
use crate::speculate::DraftingLayers;
use seedlm_codec::{Activations, ColumnGroup, Rotation, WeightMatrix};
use seedlm_instructions::Instructions;
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
    /// Columns: those of the matrix, or of one of its scale groups.
    pub columns: usize,
    /// Which group of the matrix's columns it is.
    pub group: ColumnGroup,
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
            group: ColumnGroup::default(),
            scales: (0..matrix.rows()).map(|row| matrix.scale(row)).collect(),
            rotation,
        }
    }

    /// The same for one of the matrix's scale groups.
    pub fn with_group(mut self, group: ColumnGroup) -> Self {
        self.group = group;
        self
    }

    /// Whether it can be part `number` of a matrix, of which `base` is the first one: its scale groups, then those of the next layer.
    fn is_part_of(&self, base: &MachineMatrix, number: usize) -> bool {
        let ColumnGroup { count, .. } = base.group;
        let number = number % count.max(1);
        self.columns == base.columns
            && self.group == (ColumnGroup { number, count })
            && self.scales.len() == base.scales.len()
            && self.rotation == base.rotation
    }
}

/// The matrices of a model on a machine. What the machine does not hold, as the head usually, the host works out in
/// binary32, in a fixed order. The same on every computer, bit for bit.
pub struct IntegerLayers<M> {
    machine: M,
    activation_bits: u32,
    config: ModelConfig,
    matrices: Vec<MachineMatrix>,
    /// How many layers of each matrix are used.
    layers: usize,
    /// Whether only the bases are used for now.
    is_draft: bool,
    /// By [`Linear::index`].
    places: Vec<Place>,
    /// Of the host's products.
    instructions: Instructions,
}

/// Where a matrix is.
enum Place {
    /// In the machine, under these numbers: a matrix of several layers or scale groups is the sum of them.
    Machine(Vec<usize>),
    /// With the host: rows x columns.
    Host(Arc<[f32]>),
}

impl<M: IntegerMachine> IntegerLayers<M> {
    /// `matrices` are those that `machine` holds, in the order of their numbers; the others are read from `model`. Those of one
    /// name are the layers of one matrix, the base first, each with its scale groups in order.
    ///
    /// # Errors
    /// When a matrix is missing or has another shape than the configuration says, or the machine holds one that the
    /// model does not use; when layers of a matrix differ in shape or rotation, or scale groups are missing; when
    /// `SEEDLM_SIMD` names instructions that are not there.
    pub fn new(
        language: &LanguageModel,
        model: &Model,
        matrices: Vec<MachineMatrix>,
        machine: M,
        activation_bits: u32,
    ) -> Result<Self, LlmError> {
        let config = language.config().clone();
        let mut numbers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (number, matrix) in matrices.iter().enumerate() {
            let parts = numbers.entry(&matrix.name).or_default();
            let base = &matrices[parts.first().copied().unwrap_or(number)];
            if !matrix.is_part_of(base, parts.len()) {
                return Err(LlmError::Text(format!(
                    "layers of tensor {:?} differ in shape or rotation, or scale groups are not in order",
                    matrix.name
                )));
            }
            parts.push(number);
        }
        let cut = |(_, parts): &(&&str, &Vec<usize>)| !parts.len().is_multiple_of(matrices[parts[0]].group.count);
        if let Some((name, _)) = numbers.iter().find(cut) {
            return Err(LlmError::Text(format!("scale groups of tensor {name:?} are missing")));
        }
        let mut places = Vec::new();
        for linear in Linear::all(&config) {
            let name = linear.tensor_name(&config);
            let expected = linear.shape(&config);
            let (place, shape) = match numbers.remove(name.as_str()) {
                Some(parts) => {
                    let matrix = &matrices[parts[0]];
                    let shape = vec![matrix.scales.len(), matrix.columns * matrix.group.count];
                    (Place::Machine(parts), shape)
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
            layers: usize::MAX,
            is_draft: false,
            places,
            instructions: Instructions::choose()?,
        })
    }

    /// What the host's products are worked out with.
    pub(crate) fn instructions(&self) -> Instructions {
        self.instructions
    }

    /// The machine.
    pub fn machine(&mut self) -> &mut M {
        &mut self.machine
    }

    /// Uses only the first `layers` of every matrix, at least one, from here on: a cheaper, less exact model.
    pub fn use_layers(&mut self, layers: usize) {
        self.layers = layers.max(1);
    }

    /// Weights that the machine works with for each token.
    pub fn weights_on_machine(&self) -> u64 {
        let bases = self.places.iter().filter_map(|place| match place {
            Place::Machine(parts) => Some(&self.matrices[parts[0]]),
            Place::Host(_) => None,
        });
        let weights = |matrix: &MachineMatrix| matrix.scales.len() * matrix.columns * matrix.group.count;
        bases.map(|matrix| weights(matrix) as u64).sum()
    }

    /// The products of matrices of the machine that share their activations with one vector; each is that of its parts.
    fn machine_products(
        &mut self,
        matrices: &[Vec<usize>],
        shared: SharedActivations,
        input: &[f32],
    ) -> Result<Vec<Vec<f32>>, LlmError> {
        let first = &self.matrices[matrices[0][0]].name;
        let mut values = input.to_vec();
        if let Some(rotation) = &shared.rotation {
            rotate_rows(rotation, values.len(), &mut values);
        }
        let activations = Activations::quantise(self.activation_bits, &values).map_err(LlmError::product(first))?;
        let mut sums: Vec<Vec<f64>> = Vec::new();
        let most = matrices.iter().map(Vec::len).max().unwrap_or(0);
        // The base first, in binary64, rounded once to binary32.
        for part in 0..most {
            let held = matrices.iter().enumerate();
            let held = held.filter_map(|(place, parts)| Some((place, *parts.get(part)?)));
            let (places, numbers): (Vec<usize>, Vec<usize>) = held.unzip();
            let turned = activations.of_layer(part / shared.groups + 1);
            let group = self.matrices[numbers[0]].group;
            let products = self.machine.products(&numbers, &group.of_activations(&turned));
            let products = products.map_err(|source| LlmError::Machine {
                tensor: first.clone(),
                source,
            })?;
            for ((place, number), product) in places.into_iter().zip(numbers).zip(products) {
                let pairs = product.iter().zip(&self.matrices[number].scales);
                let parts = pairs.map(|(&sum, &scale)| sum as f64 * (f64::from(scale) * f64::from(turned.scale())));
                match sums.get_mut(place) {
                    None => sums.push(parts.collect()),
                    Some(sums) => sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part),
                }
            }
        }
        let rounded = sums
            .into_iter()
            .map(|sums| sums.into_iter().map(|sum| sum as f32).collect());
        Ok(rounded.collect())
    }
}

/// The draft is the base of every matrix.
impl<M: IntegerMachine> DraftingLayers for IntegerLayers<M> {
    fn use_draft(&mut self, is_draft: bool) {
        self.is_draft = is_draft;
    }
}

impl<M: IntegerMachine> LinearLayers for IntegerLayers<M> {
    fn products(&mut self, matrices: &[Linear], inputs: &[f32], tokens: usize) -> Result<Vec<Vec<f32>>, LlmError> {
        let columns = inputs.len() / tokens;
        let mut products: Vec<Vec<f32>> = vec![Vec::new(); matrices.len()];
        let mut on_machine: Vec<Together> = Vec::new();
        for (asked, linear) in matrices.iter().enumerate() {
            match &self.places[linear.index(&self.config)] {
                Place::Machine(parts) => {
                    let shared = SharedActivations::of(&self.matrices[parts[0]]);
                    let place = on_machine.iter().position(|together| together.shared == shared);
                    let place = place.unwrap_or_else(|| {
                        on_machine.push(Together::new(shared));
                        on_machine.len() - 1
                    });
                    on_machine[place].asked.push(asked);
                    let layers = if self.is_draft { 1 } else { self.layers };
                    let parts = &parts[..layers.saturating_mul(shared.groups).min(parts.len())];
                    on_machine[place].matrices.push(parts.to_vec());
                }
                Place::Host(weights) => {
                    products[asked] = host_products(self.instructions, weights, inputs, tokens);
                }
            }
        }
        for together in on_machine {
            for input in inputs.chunks(columns) {
                let answers = self.machine_products(&together.matrices, together.shared, input)?;
                for (&asked, answer) in together.asked.iter().zip(answers) {
                    products[asked].extend(answer);
                }
            }
        }
        Ok(products)
    }
}

/// What decides which activations the parts of a matrix have.
#[derive(Clone, Copy, PartialEq)]
struct SharedActivations {
    rotation: Option<Rotation>,
    /// Scale groups of a row.
    groups: usize,
}

impl SharedActivations {
    fn of(matrix: &MachineMatrix) -> Self {
        SharedActivations {
            rotation: matrix.rotation,
            groups: matrix.group.count,
        }
    }
}

/// Matrices that share their activations, and go to the machine together.
struct Together {
    shared: SharedActivations,
    /// Their places among those that were asked for.
    asked: Vec<usize>,
    /// The numbers of their parts in the machine.
    matrices: Vec<Vec<usize>>,
}

impl Together {
    fn new(shared: SharedActivations) -> Self {
        Together {
            shared,
            asked: Vec::new(),
            matrices: Vec::new(),
        }
    }
}
