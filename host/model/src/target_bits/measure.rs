//! The error of a matrix in several codes, from some of its rows.

use crate::encode::{Engines, MatrixEncoder};
use crate::encoding::Encoding;
use crate::error::ModelError;
use crate::moments::{InputMoments, ModelMoments};
use crate::plan::PlannedMatrix;
use crate::progress::{Progress, check_stop};
use crate::rotate::Rotate;
use crate::source::{Matrix, Source};
use rayon::prelude::*;
use seedlm_codec::Code;
use seedlm_encoder::EncodeError;
use std::ops::{ControlFlow, Range};

/// Most rows of a matrix that are encoded to know its error.
pub const MEASURED_ROWS: usize = 16;

/// The candidates for a matrix.
pub(super) struct Candidates(Vec<Candidate>);

struct Candidate {
    /// As the matrix would be encoded, to decide about its rotation.
    usual: MatrixEncoder,
    /// Without a choice of rotation: not rotated, rotated.
    decided: [MatrixEncoder; 2],
}

impl Candidates {
    /// The layers of each candidate, encoded like `encoding` otherwise.
    pub(super) fn prepare(
        encoding: &Encoding,
        candidates: &[Vec<Code>],
        engines: &mut Engines,
    ) -> Result<Self, ModelError> {
        let mut prepared = Vec::with_capacity(candidates.len());
        for layers in candidates {
            let encoding = encoding.clone().with_layers(layers.clone())?;
            let mut encoder = |rotate| {
                let encoding = encoding.clone().with_rotate(rotate);
                MatrixEncoder::sharing(&encoding, engines).map_err(ModelError::Encoder)
            };
            prepared.push(Candidate {
                usual: encoder(encoding.rotate())?,
                decided: [encoder(Rotate::Never)?, encoder(Rotate::Always)?],
            });
        }
        Ok(Candidates(prepared))
    }

    /// The error of the whole matrix that is to be expected in each candidate.
    pub(super) fn errors(&self, measured: &Measured<'_>) -> Result<Vec<f64>, ModelError> {
        let sample = Sample::of(&measured.weights);
        let weighing = match (measured.all_moments, measured.moments) {
            (None, _) => Weighing::Same(1.0),
            (Some(_), Some(of_matrix)) => Weighing::Moments(of_matrix),
            // As if its inputs did not hang together and were as large as those of the others.
            (Some(moments), None) => Weighing::Same(moments.mean_square().unwrap_or(1.0)),
        };
        let advance = |done: usize| measured.advance(done);
        // A sample is less than the encoder shares among its threads.
        let errors = self.0.par_iter().map(|candidate| {
            let (is_rotated, _) = candidate.usual.choose_rotation(&measured.weights, &advance)?;
            let encoder = &candidate.decided[usize::from(is_rotated)];
            sample.error(encoder, measured.moments, &weighing, &advance)
        });
        errors.collect::<Result<_, _>>().map_err(|error| measured.failed(error))
    }

    /// The whole matrix as a candidate leaves it, row by row.
    pub(super) fn decoded(&self, number: usize, measured: &Measured<'_>) -> Result<Vec<f32>, ModelError> {
        let rows = measured.weights.rows;
        let original = |rows: Range<usize>| {
            let columns = measured.weights.columns;
            measured.weights.values[rows.start * columns..rows.end * columns].to_vec()
        };
        let advance = |done: usize| measured.advance(done);
        let encoder = &self.0[number].usual;
        let encoded = encoder.encode(measured.weights.clone(), &original, measured.moments, &advance);
        let encoded = encoded.map_err(|error| measured.failed(error))?;
        Ok(encoded.stored.values(0..rows))
    }
}

/// A matrix whose errors are measured, and what is known of its inputs.
pub(super) struct Measured<'a> {
    source: &'a Source,
    matrix: &'a PlannedMatrix,
    weights: Matrix,
    all_moments: Option<&'a ModelMoments>,
    /// Those of its own inputs.
    moments: Option<&'a InputMoments>,
    progress: &'a dyn Progress,
}

impl<'a> Measured<'a> {
    /// Reads its weights.
    pub(super) fn read(
        source: &'a Source,
        matrix: &'a PlannedMatrix,
        moments: Option<&'a ModelMoments>,
        progress: &'a dyn Progress,
    ) -> Result<Self, ModelError> {
        Ok(Measured {
            source,
            matrix,
            weights: source.matrix_in_pieces(&matrix.info, &mut |_| check_stop(progress))?,
            all_moments: moments,
            moments: moments.and_then(|moments| moments.of(&matrix.name)),
            progress,
        })
    }

    fn advance(&self, done: usize) -> ControlFlow<()> {
        self.progress.advance(done);
        self.progress.go_on()
    }

    fn failed(&self, error: EncodeError) -> ModelError {
        match error {
            EncodeError::Stopped => ModelError::Interrupted,
            other => ModelError::tensor(
                self.source.file_path(self.matrix.info.file),
                &self.matrix.name,
                other.to_string(),
            ),
        }
    }
}

/// What the error of a row counts for.
enum Weighing<'a> {
    /// All columns the same.
    Same(f64),
    /// As the inputs are.
    Moments(&'a InputMoments),
}

/// Some rows, and how many times as much the whole matrix is.
struct Sample {
    rows: Matrix,
    share: f64,
}

impl Sample {
    /// Rows spread evenly over a matrix.
    fn of(weights: &Matrix) -> Self {
        let (rows, columns) = (weights.rows.min(MEASURED_ROWS), weights.columns);
        let values: Vec<f32> = (0..rows)
            .map(|place| place * weights.rows / rows)
            .flat_map(|row| &weights.values[row * columns..][..columns])
            .copied()
            .collect();
        let norm = |values: &[f32]| values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
        let norms = (norm(&weights.values), norm(&values));
        Sample {
            // Errors grow with the weights; those of zeros do not tell.
            share: match norms.1 > 0.0 {
                true => norms.0 / norms.1,
                false => weights.rows as f64 / rows.max(1) as f64,
            },
            rows: Matrix { rows, columns, values },
        }
    }

    /// The error of the whole matrix, encoded like this.
    fn error(
        &self,
        encoder: &MatrixEncoder,
        moments: Option<&InputMoments>,
        weighing: &Weighing<'_>,
        advance: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
    ) -> Result<f64, EncodeError> {
        let columns = self.rows.columns;
        let original = |rows: Range<usize>| self.rows.values[rows.start * columns..rows.end * columns].to_vec();
        let encoded = encoder.encode(self.rows.clone(), &original, moments, advance)?;
        let of_sample = match weighing {
            Weighing::Same(factor) => factor * encoded.squared_error,
            Weighing::Moments(moments) => {
                let decoded = encoded.stored.values(0..self.rows.rows);
                weighted_error(&self.rows.values, &decoded, moments)
            }
        };
        Ok(self.share * of_sample)
    }
}

/// `tr(E M E^T)` of `E = W - W'`. Always summed in the same order.
fn weighted_error(weights: &[f32], decoded: &[f32], moments: &InputMoments) -> f64 {
    let columns = moments.columns();
    let rows = weights.par_chunks(columns).zip(decoded.par_chunks(columns));
    let of_rows: Vec<f64> = rows
        .map(|(weights, decoded)| {
            let pairs = weights.iter().zip(decoded);
            let errors: Vec<f64> = pairs.map(|(&w, &decoded)| f64::from(w) - f64::from(decoded)).collect();
            let products = moments
                .sums()
                .chunks_exact(columns)
                .zip(&errors)
                .map(|(moments, error)| {
                    let sum: f64 = moments
                        .iter()
                        .zip(&errors)
                        .map(|(&sum, error)| f64::from(sum) * error)
                        .sum();
                    error * sum
                });
            products.sum()
        })
        .collect();
    // Rounding may leave a little less than nothing.
    of_rows.iter().sum::<f64>().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_spread_and_stand_for_the_whole() {
        let values: Vec<f32> = (0..40 * 3).map(|index| (index / 3) as f32).collect();
        let weights = Matrix {
            rows: 40,
            columns: 3,
            values,
        };
        let sample = Sample::of(&weights);
        let first_of_rows: Vec<f32> = sample.rows.values.iter().copied().step_by(3).collect();
        let expected: Vec<f32> = (0..16).map(|place| (place * 40 / 16) as f32).collect();
        assert_eq!((sample.rows.rows, first_of_rows), (16, expected));
        let norm = |values: &[f32]| values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
        assert_eq!(sample.share, norm(&weights.values) / norm(&sample.rows.values));
        let zeros = Matrix {
            rows: 40,
            columns: 3,
            values: vec![0.0; 120],
        };
        assert_eq!(Sample::of(&zeros).share, 2.5);
    }

    #[test]
    fn the_weighted_error_is_that_of_the_products() {
        let inputs = [[1.0_f32, 2.0, -1.0], [0.5, 0.0, 3.0]];
        let mut sums = vec![0.0; 9];
        for input in inputs {
            for row in 0..3 {
                for column in 0..3 {
                    sums[row * 3 + column] += input[row] * input[column];
                }
            }
        }
        let (weights, decoded) = ([1.0_f32, 2.0, 3.0, 0.0, 0.0, 1.0], [1.5_f32, 2.0, 2.0, 0.0, -1.0, 1.0]);
        let mut expected = 0.0;
        for row in 0..2 {
            for input in inputs {
                let product: f32 = (0..3)
                    .map(|j| (weights[row * 3 + j] - decoded[row * 3 + j]) * input[j])
                    .sum();
                expected += f64::from(product).powi(2);
            }
        }
        let moments = InputMoments::new(3, sums).unwrap();
        let found = weighted_error(&weights, &decoded, &moments);
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }
}
