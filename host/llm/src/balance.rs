//! An equal model whose matrices have columns of one size, without any text.
//!
//! A code with one scale for each row, and every code behind a rotation, makes errors of one size in all columns, small columns
//! included. But models learn small columns for large inputs: there an error counts most. So the columns that read one input are
//! multiplied by a power of two that makes them about as large as the others, and what makes that input is divided by it: the gain
//! of the norm in front of them, the rows of the values in front of the output matrix, the rows of `up` in front of `down`. Rows
//! may have any size: each has its scale.
//!
//! Powers of two are exact in every floating-point type, and so is every sum of products: the model says what it said, bit for bit
//! (as long as nothing comes below the normal numbers of a type, which [`seedlm_model::RescaleReport`] counts).
//!
//! It is the equalisation between layers of Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction"
//! (2019), section 4.1, where rows need none.

use crate::config::ModelConfig;
use crate::error::LlmError;
use crate::inputs::Inputs;
use crate::linear::{Linear, Projection};
use rayon::prelude::*;
use seedlm_model::{Matrix, ModelError, Progress, Scaling, Source};
use std::collections::BTreeMap;

/// Largest power of two by which a column is multiplied or divided.
const MOST_EXPONENT: f64 = 12.0;

/// What makes the columns of a model equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// By tensor, for [`seedlm_model::rescale`].
    pub scalings: BTreeMap<String, Scaling>,
    /// Inputs of the matrices: those of a layer's queries, keys and values are the same ones.
    pub inputs: usize,
    /// Inputs whose columns are multiplied by another power than 2^0.
    pub changed_inputs: usize,
    /// Smallest and largest power of two by which columns are multiplied.
    pub column_exponents: [i16; 2],
}

/// Finds the powers of two for a plain model, in the current rayon pool. They depend on its weights only.
///
/// # Errors
/// When a matrix is missing, of another shape than the configuration says, or has a weight that is no finite number;
/// [`ModelError::Interrupted`] when the progress asks to stop.
pub fn balance(config: &ModelConfig, source: &Source, progress: &dyn Progress) -> Result<Balance, LlmError> {
    let inputs: Vec<Inputs> = Inputs::all(config).collect();
    let exponents: Vec<(Inputs, Vec<i16>)> = inputs
        .into_par_iter()
        .map(|inputs| Ok((inputs, row_exponents(inputs, config, source, progress)?)))
        .collect::<Result<_, LlmError>>()?;
    let mut balance = Balance {
        scalings: BTreeMap::new(),
        inputs: 0,
        changed_inputs: 0,
        column_exponents: [0, 0],
    };
    for (inputs, by_row) in exponents {
        let maker = Maker::of(inputs);
        let by_column: Vec<i16> = (0..inputs.columns(config))
            .map(|column| by_row[maker.row(column, config)])
            .collect();
        balance.inputs += by_column.len();
        balance.changed_inputs += by_column.iter().filter(|&&exponent| exponent != 0).count();
        for &exponent in &by_column {
            let [least, most] = balance.column_exponents;
            balance.column_exponents = [least.min(exponent), most.max(exponent)];
        }
        for linear in inputs.matrices() {
            let scaling = balance.scalings.entry(linear.tensor_name(config)).or_default();
            scaling.column_exponents.clone_from(&by_column);
        }
        let inverse: Vec<i16> = by_row.iter().map(|exponent| -exponent).collect();
        for tensor in maker.tensors(inputs.layer, config, source) {
            balance
                .scalings
                .entry(tensor)
                .or_default()
                .row_exponents
                .clone_from(&inverse);
        }
    }
    Ok(balance)
}

/// For each row of what makes some inputs, the power of two that brings the columns which read it to the common size, to the nearest.
fn row_exponents(
    inputs: Inputs,
    config: &ModelConfig,
    source: &Source,
    progress: &dyn Progress,
) -> Result<Vec<i16>, LlmError> {
    let maker = Maker::of(inputs);
    let columns = inputs.columns(config);
    let mut energies = vec![0.0_f64; maker.rows(config)];
    for linear in inputs.matrices() {
        if progress.stop_requested() {
            return Err(ModelError::Interrupted.into());
        }
        let matrix = checked_matrix(linear, config, source)?;
        for row in matrix.values.chunks(columns) {
            let square = |weight: f32| f64::from(weight) * f64::from(weight);
            // A row's error goes with its size, whatever that is.
            let row_energy: f64 = row.iter().map(|&weight| square(weight)).sum();
            if row_energy > 0.0 {
                for (column, &weight) in row.iter().enumerate() {
                    energies[maker.row(column, config)] += square(weight) / row_energy;
                }
            }
        }
        progress.advance(matrix.values.len());
    }
    Ok(exponents_of(&energies))
}

fn checked_matrix(linear: Linear, config: &ModelConfig, source: &Source) -> Result<Matrix, LlmError> {
    let name = linear.tensor_name(config);
    let Some(info) = source.tensor(&name) else {
        return Err(LlmError::File {
            path: source.path().into(),
            reason: format!("tensor {name:?} is missing, and config.json says that there is one"),
        });
    };
    let expected = linear.shape(config);
    if info.shape != expected {
        return Err(LlmError::Shape {
            tensor: name,
            actual: info.shape.clone(),
            expected: expected.into(),
        });
    }
    Ok(source.matrix(info)?)
}

/// `-log2` of the size of each column over that of the mean one, rounded; 0 for columns of zeros.
fn exponents_of(energies: &[f64]) -> Vec<i16> {
    let mean = energies.iter().sum::<f64>() / energies.len() as f64;
    let exponent = |energy: f64| match energy > 0.0 {
        true => (-0.5 * libm::log2(energy / mean))
            .round()
            .clamp(-MOST_EXPONENT, MOST_EXPONENT) as i16,
        false => 0,
    };
    energies.iter().map(|&energy| exponent(energy)).collect()
}

/// What makes the inputs of matrices, row by row.
#[derive(Clone, Copy)]
enum Maker {
    /// The norm of that name in front of them: a row for each input.
    Norm(&'static str),
    /// The values, which the heads of a group share: a row for each of their inputs.
    Values,
    /// What the gate is multiplied with: a row for each input.
    Up,
}

impl Maker {
    fn of(inputs: Inputs) -> Self {
        match inputs.projections()[0] {
            Projection::Output => Maker::Values,
            Projection::Down => Maker::Up,
            Projection::Gate | Projection::Up => Maker::Norm("post_attention_layernorm"),
            Projection::Query | Projection::Key | Projection::Value => Maker::Norm("input_layernorm"),
        }
    }

    fn rows(self, config: &ModelConfig) -> usize {
        match self {
            Maker::Norm(_) => config.hidden_size,
            Maker::Values => config.key_value_size(),
            Maker::Up => config.intermediate_size,
        }
    }

    /// The row that makes the input of a column.
    fn row(self, column: usize, config: &ModelConfig) -> usize {
        if !matches!(self, Maker::Values) {
            return column;
        }
        let (head, place) = (column / config.head_size, column % config.head_size);
        head / (config.query_heads / config.key_value_heads) * config.head_size + place
    }

    /// All tensors with these rows: a matrix may have a bias.
    fn tensors(self, layer: usize, config: &ModelConfig, source: &Source) -> Vec<String> {
        let linear = match self {
            Maker::Norm(name) => return vec![format!("model.layers.{layer}.{name}.weight")],
            Maker::Values => Linear::Layer(layer, Projection::Value),
            Maker::Up => Linear::Layer(layer, Projection::Up),
        };
        let bias = Some(format!("{linear}.bias")).filter(|bias| source.tensor(bias).is_some());
        [linear.tensor_name(config)].into_iter().chain(bias).collect()
    }
}
