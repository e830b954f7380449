//! An equal model whose matrices are easier to compress: its columns go with the sizes of their inputs.
//!
//! A code with one scale for each row, and every code behind a rotation, makes errors of one size in all columns. But inputs differ:
//! some of a language model's are many times as large as the others, and there an error counts most. So the columns that read an input
//! are multiplied by a power of two, and what makes that input is divided by it: the gain of the norm in front of them, the rows of the
//! values in front of the output matrix, the rows of `up` in front of `down`. Rows may have any size: each has its scale.
//!
//! With inputs of the size `x_j` and columns of the size `w_j`, factors `s_j` make the error of the products
//! `mean((s_j w_j)^2) mean((x_j / s_j)^2)`, least at `s_j^2 = x_j / w_j`. It is how QuIP rescales before it rotates (Chee et al.,
//! "QuIP: 2-Bit Quantization of Large Language Models With Guarantees", 2023, section 4.2), in the nearest power of two.
//!
//! Powers of two are exact in every floating-point type, and so is every sum of products: the model says what it said, bit for bit
//! (as long as nothing comes below the normal numbers of binary32, which [`seedlm_model::RescaleReport`] counts).

mod own_text;
mod sizes;

pub use own_text::OwnText;
pub use sizes::InputSizes;

use crate::config::ModelConfig;
use crate::error::LlmError;
use crate::inputs::Inputs;
use crate::linear::{Linear, Projection};
use crate::package::Package;
use crate::recorder::go_on;
use rayon::prelude::*;
use seedlm_model::{Progress, Scaling};
use std::collections::BTreeMap;

/// Largest power of two by which a column is multiplied or divided.
const MOST_EXPONENT: f64 = 12.0;

/// What makes the columns of a model go with their inputs.
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

/// Finds the powers of two for a plain model, in the current rayon pool.
///
/// # Errors
/// When a matrix is compressed, or has a weight that is no finite number; [`LlmError::Text`] when the sizes are those of another model;
/// [`seedlm_model::ModelError::Interrupted`] when the progress asks to stop.
pub fn balance(package: &Package, sizes: &InputSizes, progress: &dyn Progress) -> Result<Balance, LlmError> {
    let config = package.language.config();
    let inputs: Vec<Inputs> = Inputs::all(config).collect();
    let exponents: Vec<(Inputs, Vec<i16>)> = inputs
        .into_par_iter()
        .map(|inputs| Ok((inputs, row_exponents(inputs, package, sizes, progress)?)))
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
        for tensor in maker.tensors(inputs.layer, package) {
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

/// For each row of what makes some inputs, the power of two for the columns which read it.
fn row_exponents(
    inputs: Inputs,
    package: &Package,
    sizes: &InputSizes,
    progress: &dyn Progress,
) -> Result<Vec<i16>, LlmError> {
    let config = package.language.config();
    let maker = Maker::of(inputs);
    let columns = inputs.columns(config);
    let mut weight_energies = vec![0.0_f64; maker.rows(config)];
    for linear in inputs.matrices() {
        go_on(progress.go_on())?;
        let (_, weights) = package.model.plain_tensor(&linear.tensor_name(config))?;
        for row in weights.chunks(columns) {
            let square = |weight: f32| f64::from(weight) * f64::from(weight);
            // A row's error goes with its size, whatever that is.
            let row_energy: f64 = row.iter().map(|&weight| square(weight)).sum();
            if row_energy > 0.0 {
                for (column, &weight) in row.iter().enumerate() {
                    weight_energies[maker.row(column, config)] += square(weight) / row_energy;
                }
            }
        }
        progress.advance(weights.len());
    }
    let mut input_energies = vec![0.0_f64; maker.rows(config)];
    for (column, energy) in sizes.squares(inputs, columns)?.iter().enumerate() {
        input_energies[maker.row(column, config)] += energy;
    }
    Ok(exponents_of(&input_energies, &weight_energies))
}

/// An input or a column is taken as at least this share of the mean energy: an input that the text has left at 0 may not be so in another.
const LEAST_ENERGY: f64 = 1e-6;

/// `log2` of `sqrt(x_j / w_j)` as it differs from its mean, rounded.
fn exponents_of(input_energies: &[f64], weight_energies: &[f64]) -> Vec<i16> {
    let logarithms = |energies: &[f64]| -> Vec<f64> {
        let mean = energies.iter().sum::<f64>() / energies.len() as f64;
        if mean == 0.0 {
            return vec![0.0; energies.len()];
        }
        energies
            .iter()
            .map(|energy| libm::log2(energy / mean + LEAST_ENERGY))
            .collect()
    };
    let (inputs, weights) = (logarithms(input_energies), logarithms(weight_energies));
    // Of energies, which are squares: a quarter.
    let wanted: Vec<f64> = inputs
        .iter()
        .zip(&weights)
        .map(|(input, weight)| (input - weight) / 4.0)
        .collect();
    let mean = wanted.iter().sum::<f64>() / wanted.len() as f64;
    let exponent = |wanted: &f64| (wanted - mean).round().clamp(-MOST_EXPONENT, MOST_EXPONENT) as i16;
    wanted.iter().map(exponent).collect()
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
    fn tensors(self, layer: usize, package: &Package) -> Vec<String> {
        let linear = match self {
            Maker::Norm(name) => return vec![format!("model.layers.{layer}.{name}.weight")],
            Maker::Values => Linear::Layer(layer, Projection::Value),
            Maker::Up => Linear::Layer(layer, Projection::Up),
        };
        let bias = Some(format!("{linear}.bias")).filter(|bias| package.model.has(bias));
        [linear.tensor_name(package.language.config())]
            .into_iter()
            .chain(bias)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_follow_their_inputs_and_their_own_size() {
        // Energies are squares. Of sqrt(x / w) 2^2, 2^-2 and 2^0: their mean is 2^0.
        assert_eq!(exponents_of(&[256.0, 1.0, 16.0], &[1.0, 256.0, 16.0]), [2, -2, 0]);
        // A common factor says nothing.
        assert_eq!(exponents_of(&[2560.0, 10.0, 160.0], &[0.1, 25.6, 1.6]), [2, -2, 0]);
        assert_eq!(exponents_of(&[1.0; 5], &[7.0; 5]), [0; 5]);
        // To the nearest power: sqrt(x / w) is 2^(+-0.4) and 2^(+-0.6).
        let energies = |powers: [f64; 4]| powers.map(|power| 4_f64.powf(power));
        assert_eq!(
            exponents_of(&energies([0.8, -0.8, 1.2, -1.2]), &[1.0; 4]),
            [0, 0, 1, -1]
        );
    }

    #[test]
    fn nothing_and_next_to_nothing_have_limits() {
        assert_eq!(exponents_of(&[0.0; 3], &[0.0; 3]), [0; 3]);
        assert_eq!(exponents_of(&[0.0; 3], &[1.0, 1.0, 1.0]), [0; 3]);
        // One of many inputs is 0: a quarter of log2 of the least share, and the others stay.
        let mut inputs = [1.0; 100];
        inputs[7] = 0.0;
        let exponents = exponents_of(&inputs, &[1.0; 100]);
        assert_eq!((exponents[7], exponents[8]), (-5, 0));
        let (mut inputs, mut weights) = ([1e-300; 1000], [1.0; 1000]);
        (inputs[0], weights[0]) = (1e300, 0.0);
        assert!(
            exponents_of(&inputs, &weights)
                .iter()
                .all(|exponent| exponent.abs() <= 12)
        );
    }
}
