//! What a compression did.

use crate::figures::{bits_per_weight, median, relative_error, sqnr_db};
use crate::plan::Plan;
use crate::progress::MatrixReport;
use serde::Serialize;

/// What a compression did.
#[derive(Clone, Debug, Serialize)]
pub struct CompressReport {
    /// Labels of the codes, each once.
    pub code: String,
    /// The compressed matrices, file by file.
    pub matrices: Vec<MatrixReport>,
    /// Number of tensors kept as they were.
    pub kept_tensors: usize,
    /// Weights in the compressed matrices.
    pub compressed_weights: u64,
    /// Weights in the whole model.
    pub weights: u64,
    /// Size of the source's weight files in bytes.
    pub input_bytes: u64,
    /// Size of the output's weight files in bytes.
    pub output_bytes: u64,
    /// Bytes of words and scales of the compressed matrices.
    pub stored_bytes: u64,
    /// Bits per weight of the compressed matrices, over words and scales.
    pub bits_per_compressed_weight: f64,
    /// Bits per weight of the whole model, over whole files.
    pub bits_per_weight: f64,
    /// `||W - W'|| / ||W||` over all compressed matrices together.
    pub relative_error: f64,
    /// The same as a ratio in decibels; none where there is no noise.
    pub sqnr_db: Option<f64>,
    /// Median over the matrices of `||W - W'|| / ||W||`; none where there is no matrix.
    pub median_relative_error: Option<f64>,
    /// The largest `||W - W'|| / ||W||` of a matrix; none where there is no matrix.
    pub largest_relative_error: Option<f64>,
    /// The matrix that has it.
    pub largest_relative_error_name: Option<String>,
    /// What the compressed matrices are after each layer, the base first.
    pub prefixes: Vec<PrefixFigures>,
    /// Number of matrices whose rows were rotated.
    pub rotated_matrices: usize,
    /// Number of matrices that an earlier run had finished.
    pub resumed_matrices: usize,
    /// The most memory that was set aside at a time, in bytes: an estimate from above, see [`crate::Footprint`].
    pub peak_memory_bytes: u64,
    /// Time for encoding, in seconds, that of matrices which an earlier run had finished included.
    pub encode_seconds: f64,
    /// Time for everything in this run, in seconds.
    pub seconds: f64,
    /// Weights encoded per second of encoding.
    pub weights_per_s: f64,
}

/// The compressed matrices with their first so many layers; those that have fewer have all of theirs.
#[derive(Clone, Debug, Serialize)]
pub struct PrefixFigures {
    /// Bits per weight over words and scales.
    pub bits_per_compressed_weight: f64,
    /// `||W - W'|| / ||W||` over all compressed matrices together.
    pub relative_error: f64,
}

fn prefixes(matrices: &[MatrixReport]) -> Vec<PrefixFigures> {
    let most = matrices.iter().map(|matrix| matrix.layers.len()).max().unwrap_or(0);
    let prefix = |layers: usize| {
        let held = |matrix: &MatrixReport| layers.min(matrix.layers.len());
        let stored_bytes = |matrix: &MatrixReport| -> u64 {
            matrix.layers[..held(matrix)]
                .iter()
                .map(|layer| layer.stored_bytes)
                .sum()
        };
        let squared_error = |matrix: &MatrixReport| matrix.layers[held(matrix) - 1].squared_error;
        PrefixFigures {
            bits_per_compressed_weight: bits_per_weight(
                matrices.iter().map(stored_bytes).sum(),
                matrices.iter().map(|matrix| matrix.weights).sum(),
            ),
            relative_error: relative_error(
                matrices.iter().map(squared_error).sum(),
                matrices.iter().map(|matrix| matrix.squared_norm).sum(),
            ),
        }
    };
    (1..=most).map(prefix).collect()
}

/// What a run knows of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunFigures {
    pub resumed_matrices: usize,
    pub peak_memory_bytes: u64,
    pub seconds: f64,
}

impl CompressReport {
    pub(crate) fn new(plan: &Plan, matrices: Vec<MatrixReport>, output_bytes: u64, run: RunFigures) -> Self {
        let sum = |value: fn(&MatrixReport) -> f64| matrices.iter().map(value).sum::<f64>();
        let (squared_error, squared_norm) = (sum(|matrix| matrix.squared_error), sum(|matrix| matrix.squared_norm));
        let encode_seconds = sum(|matrix| matrix.seconds);
        let stored_bytes = matrices.iter().map(|matrix| matrix.stored_bytes).sum();
        let errors: Vec<f64> = matrices.iter().map(|matrix| matrix.relative_error).collect();
        let by_error =
            |left: &&MatrixReport, right: &&MatrixReport| left.relative_error.total_cmp(&right.relative_error);
        let worst = matrices.iter().max_by(by_error);
        CompressReport {
            code: plan.code.clone(),
            kept_tensors: plan.kept.len(),
            compressed_weights: plan.compressed_weights,
            weights: plan.weights,
            input_bytes: plan.input_bytes,
            output_bytes,
            stored_bytes,
            bits_per_compressed_weight: bits_per_weight(stored_bytes, plan.compressed_weights),
            bits_per_weight: bits_per_weight(output_bytes, plan.weights),
            relative_error: relative_error(squared_error, squared_norm),
            sqnr_db: sqnr_db(squared_error, squared_norm),
            median_relative_error: median(&errors),
            largest_relative_error: worst.map(|matrix| matrix.relative_error),
            largest_relative_error_name: worst.map(|matrix| matrix.name.clone()),
            prefixes: prefixes(&matrices),
            rotated_matrices: matrices.iter().filter(|matrix| matrix.rotated).count(),
            encode_seconds,
            resumed_matrices: run.resumed_matrices,
            peak_memory_bytes: run.peak_memory_bytes,
            seconds: run.seconds,
            weights_per_s: if encode_seconds > 0.0 {
                plan.compressed_weights as f64 / encode_seconds
            } else {
                0.0
            },
            matrices,
        }
    }
}
