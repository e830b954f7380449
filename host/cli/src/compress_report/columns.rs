//! The report as CSV: a line for each matrix, in the order of the model.

use crate::comma_separated::{comma_separated, number_or_empty};
use seedlm_model::{CompressReport, MatrixReport};

/// Names of the columns, with their units where they have one.
const COLUMNS: [&str; 11] = [
    "name",
    "rows",
    "columns",
    "source_dtype",
    "code",
    "rotated",
    "bits_per_weight",
    "stored_bytes",
    "relative_error",
    "sqnr_db",
    "encode_seconds",
];

/// All matrices.
pub fn csv(report: &CompressReport) -> anyhow::Result<String> {
    comma_separated(&COLUMNS, report.matrices.iter().map(row))
}

fn row(matrix: &MatrixReport) -> Vec<String> {
    vec![
        matrix.name.clone(),
        matrix.shape[0].to_string(),
        matrix.shape[1].to_string(),
        matrix.source_dtype.to_string(),
        matrix.code.clone(),
        matrix.rotated.to_string(),
        matrix.bits_per_weight.to_string(),
        matrix.stored_bytes.to_string(),
        matrix.relative_error.to_string(),
        number_or_empty(matrix.sqnr_db),
        matrix.seconds.to_string(),
    ]
}
