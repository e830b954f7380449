//! The weights that errors are measured on.

use crate::workload::{ModelSource, WorkloadError, load_model};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use seedlm_codec::Crc32;
use seedlm_model::{Matrix, ModelError};
use serde::{Deserialize, Serialize};
use std::path::Path;
use thiserror::Error;

/// The same weights in every run, and those of `seedlm bench quality`.
const SEED: u64 = 1;
/// Weights of a row, at most.
const ROW: usize = 4096;

/// Normally distributed weights, mean 0, variance 1. The first of more weights are the same.
pub(super) fn gaussian(weights: usize) -> Vec<f32> {
    let random = ChaCha8Rng::seed_from_u64(SEED);
    random.sample_iter(StandardNormal).take(weights).collect()
}

/// How many of the weights make whole rows of whole blocks of `block_size`, and their columns: the last of the weights are left out, so that no
/// code has partial blocks.
pub(super) fn rows_and_columns(weights: usize, block_size: usize) -> (usize, usize) {
    let most = ROW.min(weights.max(block_size));
    let columns = (most / block_size).max(1) * block_size;
    ((weights / columns).max(1), columns)
}

/// Rows of a model's matrices.
#[derive(Clone, Debug)]
pub struct ModelSample {
    /// Path of the model, or what it is.
    pub name: String,
    /// Rows and columns of all its matrices as they are.
    pub(super) shapes: Vec<(usize, usize)>,
    /// Some rows of each.
    pub(super) matrices: Vec<Matrix>,
}

/// What a sample is known by in a work file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleIdentity {
    /// Path of the model, or what it is.
    pub name: String,
    /// Weights that are encoded.
    pub weights: usize,
    /// CRC-32 of those weights.
    pub checksum: u32,
}

/// Why a model cannot be sampled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SampleError {
    /// It cannot be opened.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// It cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It is compressed.
    #[error("{0}: it is compressed; name the model as it was before")]
    Compressed(String),
}

impl ModelSample {
    /// Rows of each matrix of a model, evenly spaced, about `weights` weights in all and at least one row of each. None means the small
    /// model in the program.
    ///
    /// # Errors
    /// When the model cannot be read or is compressed already.
    pub fn open(path: Option<&Path>, weights: usize) -> Result<Self, SampleError> {
        let (source, chosen) = match load_model(path)? {
            ModelSource::Plain(source, chosen) => (source, chosen),
            ModelSource::Compressed(container) => {
                let path = container.source().path().display().to_string();
                return Err(SampleError::Compressed(path));
            }
        };
        let name = match path {
            Some(path) => path.display().to_string(),
            None => "embedded model \"shakespeare\"".into(),
        };
        let total: usize = chosen.iter().map(|info| info.elements()).sum();
        let share = (weights as f64 / total.max(1) as f64).min(1.0);
        let (mut shapes, mut matrices) = (Vec::new(), Vec::new());
        for info in &chosen {
            let Some((rows, columns)) = info.rows_and_columns() else {
                continue;
            };
            let taken = ((rows as f64 * share).round() as usize).clamp(1, rows.max(1));
            let mut values = Vec::with_capacity(taken * columns);
            for index in 0..taken {
                let row = index * rows / taken;
                values.extend(source.rows(info, row..row + 1));
            }
            shapes.push((rows, columns));
            matrices.push(Matrix {
                rows: taken,
                columns,
                values,
            });
        }
        Ok(ModelSample { name, shapes, matrices })
    }

    /// Weights of the sample.
    pub fn weights(&self) -> usize {
        self.matrices.iter().map(|matrix| matrix.values.len()).sum()
    }

    /// Some of the rows, evenly spaced, about `weights` weights in all and at least one row of each matrix.
    pub(super) fn thinned(&self, weights: usize) -> Self {
        let share = weights as f64 / self.weights().max(1) as f64;
        let matrices = self.matrices.iter().map(|matrix| {
            let (rows, columns) = (matrix.rows, matrix.columns);
            let taken = ((rows as f64 * share).round() as usize).clamp(1, rows.max(1));
            let chosen = (0..taken).map(|index| index * rows / taken);
            let values = chosen.flat_map(|row| &matrix.values[row * columns..][..columns]);
            Matrix {
                rows: taken,
                columns,
                values: values.copied().collect(),
            }
        });
        ModelSample {
            name: self.name.clone(),
            shapes: self.shapes.clone(),
            matrices: matrices.collect(),
        }
    }

    /// What the sample is known by.
    pub fn identity(&self) -> SampleIdentity {
        let values = self.matrices.iter().flat_map(|matrix| &matrix.values);
        let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
        SampleIdentity {
            name: self.name.clone(),
            weights: self.weights(),
            checksum: Crc32::of(&bytes).0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_whole_blocks_and_lose_little() {
        for block_size in 1..=64 {
            let (rows, columns) = rows_and_columns(1 << 16, block_size);
            assert!(columns.is_multiple_of(block_size) && columns <= ROW && rows * columns <= 1 << 16);
            assert!(rows * columns > (1 << 16) - 4200, "{block_size}");
        }
        assert_eq!(rows_and_columns(64, 8), (1, 64));
        assert_eq!(rows_and_columns(5, 8), (1, 8));
        assert_eq!(gaussian(100), gaussian(200)[..100]);
    }

    #[test]
    fn a_sample_takes_rows_of_every_matrix() {
        let sample = ModelSample::open(None, 1 << 14).unwrap();
        assert_eq!(sample.matrices.len(), 21);
        assert!((12_000..24_000).contains(&sample.weights()), "{}", sample.weights());
        assert_eq!(sample.identity(), ModelSample::open(None, 1 << 14).unwrap().identity());
        assert_ne!(sample.identity(), ModelSample::open(None, 1 << 13).unwrap().identity());
        assert!(sample.thinned(sample.weights()).matrices == sample.matrices);
        let some = sample.thinned(1 << 13);
        assert!((6_000..12_000).contains(&some.weights()) && some.matrices.len() == 21);
        let error = ModelSample::open(Some(Path::new("nowhere")), 1)
            .unwrap_err()
            .to_string();
        assert!(error.contains("nowhere"), "{error}");
    }
}
