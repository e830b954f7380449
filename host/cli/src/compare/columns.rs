//! A comparison as CSV: a line for each tensor that both models have.

use super::text::{better_name, shape_text};
use crate::comma_separated::{comma_separated, number_or_empty};
use seedlm_model::{AgainstReference, CompareReport, TensorComparison};

/// Names of the columns, with their units where they have one.
const COLUMNS: [&str; 19] = [
    "name",
    "shape",
    "weights",
    "relative_difference",
    "sqnr_db",
    "largest_difference",
    "identical",
    "a_format",
    "a_rotated",
    "a_bits_per_weight",
    "a_stored_bytes",
    "b_format",
    "b_rotated",
    "b_bits_per_weight",
    "b_stored_bytes",
    "relative_error_a",
    "relative_error_b",
    "better",
    "not_measured",
];

/// All tensors, the largest relative difference first.
pub fn csv(report: &CompareReport) -> anyhow::Result<String> {
    comma_separated(&COLUMNS, report.tensors.iter().map(row))
}

fn row(tensor: &TensorComparison) -> Vec<String> {
    let difference = tensor.difference;
    let against = tensor.against_reference;
    let error = |of: fn(AgainstReference) -> Option<f64>| number_or_empty(against.and_then(of));
    vec![
        tensor.name.clone(),
        shape_text(&tensor.shape),
        tensor.weights.to_string(),
        number_or_empty(difference.and_then(|difference| difference.relative_difference)),
        number_or_empty(difference.and_then(|difference| difference.sqnr_db)),
        number_or_empty(difference.map(|difference| difference.largest_difference)),
        tensor.identical.map_or_else(String::new, |is| is.to_string()),
        tensor.a.format.clone(),
        tensor.a.rotated.to_string(),
        tensor.a.bits_per_weight.to_string(),
        tensor.a.stored_bytes.to_string(),
        tensor.b.format.clone(),
        tensor.b.rotated.to_string(),
        tensor.b.bits_per_weight.to_string(),
        tensor.b.stored_bytes.to_string(),
        error(|against| against.relative_error_a),
        error(|against| against.relative_error_b),
        against.map_or_else(String::new, |against| better_name(against.better).into()),
        tensor.not_measured.clone().unwrap_or_default(),
    ]
}
