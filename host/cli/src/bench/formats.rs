//! The formats that are measured, and their figures.

use super::reference::Reference;
use super::workload::Workload;
use seedlm_model::figures::{median, relative_error};
use seedlm_model::{Matrix, MatrixEncoder, ModelError};
use serde::Serialize;
use std::ops::ControlFlow;
use std::time::Instant;

/// A format with what it needs to work.
pub enum Format {
    /// One of our codes, by the name of its preset.
    Code(String, Box<MatrixEncoder>),
    /// One of other people.
    Reference(Reference),
}

/// What became of one matrix.
#[derive(Clone, Debug)]
pub struct Measured {
    stored_bits: u64,
    squared_error: f64,
    squared_norm: f64,
    is_rotated: bool,
    seconds: f64,
}

/// The figures of a format on all matrices of a workload.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Name of the format.
    pub format: String,
    /// Bits per weight, everything stored included.
    pub bits_per_weight: f64,
    /// `||W - W'|| / ||W||` over all matrices together.
    pub relative_error: f64,
    /// The median of the matrices.
    pub median_relative_error: f64,
    /// The largest of the matrices.
    pub largest_relative_error: f64,
    /// The matrix that has it.
    pub largest_relative_error_name: String,
    /// Matrices that were rotated.
    pub rotated_matrices: usize,
    /// Time for encoding, trials of the rotation included, in seconds.
    pub encode_seconds: f64,
    /// Weights encoded per second.
    pub weights_per_s: f64,
    /// Weights encoded per second, over the number of threads.
    pub weights_per_s_and_core: f64,
}

impl Format {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Format::Code(name, _) => name,
            Format::Reference(reference) => reference.name,
        }
    }

    /// Encodes a matrix. `advance` is told of finished weights and may ask to stop.
    pub fn measure(
        &self,
        matrix: &Matrix,
        advance: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
    ) -> anyhow::Result<Measured> {
        match self {
            Format::Code(_, encoder) => {
                let copy = matrix.clone();
                let begun = Instant::now();
                let rows = |rows: std::ops::Range<usize>| {
                    matrix.values[rows.start * matrix.columns..rows.end * matrix.columns].to_vec()
                };
                let encoded = encoder
                    .encode(copy, &rows, None, advance)
                    .map_err(|error| match error {
                        seedlm_encoder::EncodeError::Stopped => anyhow::Error::new(ModelError::Interrupted),
                        other => anyhow::Error::new(other),
                    })?;
                Ok(Measured {
                    stored_bits: 8 * encoded.stored_bytes(),
                    squared_error: encoded.squared_error,
                    squared_norm: encoded.squared_norm,
                    is_rotated: encoded.stored.rotation().is_some(),
                    seconds: begun.elapsed().as_secs_f64(),
                })
            }
            Format::Reference(reference) => {
                let begun = Instant::now();
                let (squared_error, squared_norm) = reference.squares(matrix);
                let seconds = begun.elapsed().as_secs_f64();
                if advance(matrix.values.len()).is_break() {
                    return Err(ModelError::Interrupted.into());
                }
                Ok(Measured {
                    stored_bits: reference.stored_bits(matrix.rows, matrix.columns),
                    squared_error,
                    squared_norm,
                    is_rotated: false,
                    seconds,
                })
            }
        }
    }
}

impl Figures {
    /// The figures of what was measured on the matrices of a workload, in their order.
    pub fn new(format: &Format, workload: &Workload, measured: &[Measured], threads: usize) -> Self {
        let sum = |value: fn(&Measured) -> f64| measured.iter().map(value).sum::<f64>();
        let errors: Vec<f64> = measured
            .iter()
            .map(|matrix| relative_error(matrix.squared_error, matrix.squared_norm))
            .collect();
        let largest = (0..errors.len()).max_by(|&left, &right| errors[left].total_cmp(&errors[right]));
        let weights = workload.weights() as f64;
        let encode_seconds = sum(|matrix| matrix.seconds);
        let weights_per_s = if encode_seconds > 0.0 {
            weights / encode_seconds
        } else {
            0.0
        };
        Figures {
            format: format.name().into(),
            bits_per_weight: measured.iter().map(|matrix| matrix.stored_bits).sum::<u64>() as f64 / weights,
            relative_error: relative_error(sum(|matrix| matrix.squared_error), sum(|matrix| matrix.squared_norm)),
            median_relative_error: median(&errors).unwrap_or(0.0),
            largest_relative_error: largest.map_or(0.0, |index| errors[index]),
            largest_relative_error_name: largest.map_or_else(String::new, |index| workload.parts[index].name.clone()),
            rotated_matrices: measured.iter().filter(|matrix| matrix.is_rotated).count(),
            encode_seconds,
            weights_per_s,
            weights_per_s_and_core: weights_per_s / threads as f64,
        }
    }
}
