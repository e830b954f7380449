//! Errors and speed of one encoder.

use super::code_point::CodePoint;
use super::results::{EncodeCost, ErrorFigures, ModelFigures};
use super::run::Advance;
use super::weights::{ModelSample, rows_and_columns};
use seedlm_codec::{Code, WeightMatrix};
use seedlm_encoder::{BlockEncoder, ChainedEncoder, EncodeError, Quantizer};
use seedlm_model::{Encoding, MatrixEncoder, Rotate};
use std::time::Instant;

/// Weights of a part: the error's own error is worked out from the scatter of such parts.
const PART: usize = 256;

/// The encoder of a code, with its tables.
pub(super) struct Measured {
    code: Code,
    engine: Engine,
    prepare_seconds: f64,
}

enum Engine {
    Block(Box<BlockEncoder>),
    Chained(ChainedEncoder),
}

impl Measured {
    /// Makes the tables.
    pub fn new(point: &CodePoint) -> Result<Self, EncodeError> {
        let begun = Instant::now();
        let engine = match point.code() {
            Code::Block(code) => Engine::Block(Box::new(BlockEncoder::new(code)?)),
            Code::Chained(code) => Engine::Chained(ChainedEncoder::new(code)?),
        };
        Ok(Measured {
            code: point.code().clone(),
            engine,
            prepare_seconds: begun.elapsed().as_secs_f64(),
        })
    }

    /// The error on normally distributed weights, and what encoding them takes. At least one block is encoded.
    pub fn gaussian(
        &self,
        values: &[f32],
        quantizer: Quantizer,
        advance: Advance<'_>,
    ) -> Result<(ErrorFigures, EncodeCost), EncodeError> {
        let block_size = match &self.code {
            Code::Block(code) => code.block_size(),
            Code::Chained(_) => 1,
        };
        let (rows, columns) = rows_and_columns(values.len(), block_size);
        let values = &values[..rows * columns];
        let begun = Instant::now();
        let coded = self.encode(rows, columns, values, quantizer, advance)?;
        let seconds = begun.elapsed().as_secs_f64().max(1e-9);
        let decoded: Vec<f32> = (0..rows).flat_map(|row| coded.row_values(row)).collect();
        let cost = EncodeCost {
            weights_per_s_and_core: values.len() as f64 / seconds,
            seconds_per_billion_weights: 1e9 * seconds / values.len() as f64,
            prepare_seconds: self.prepare_seconds,
        };
        Ok((error_of(values, &decoded), cost))
    }

    fn encode(
        &self,
        rows: usize,
        columns: usize,
        values: &[f32],
        quantizer: Quantizer,
        advance: Advance<'_>,
    ) -> Result<WeightMatrix, EncodeError> {
        Ok(match &self.engine {
            Engine::Block(encoder) => {
                WeightMatrix::Block(encoder.encode(rows, columns, values, quantizer, advance)?.matrix)
            }
            Engine::Chained(encoder) => {
                WeightMatrix::Chained(encoder.encode(rows, columns, values, None, advance)?.matrix)
            }
        })
    }

    /// The error on a model, encoded as `seedlm compress` does it: rotated where that pays.
    pub fn model(&self, sample: &ModelSample, advance: Advance<'_>) -> Result<ModelFigures, EncodeError> {
        let rotating = match &self.engine {
            Engine::Block(_) => None,
            Engine::Chained(_) => Some(MatrixEncoder::new(&Encoding::new(
                self.code.clone(),
                Quantizer::Exact,
                Rotate::Auto,
            ))?),
        };
        let (mut squared_error, mut squared_norm, mut rotated_matrices) = (0.0, 0.0, 0);
        for matrix in &sample.matrices {
            let (rows, columns) = (matrix.rows, matrix.columns);
            let (error, norm) = match (&self.engine, &rotating) {
                (Engine::Block(encoder), _) => {
                    let encoded = encoder.encode(rows, columns, &matrix.values, Quantizer::Exact, advance)?;
                    (encoded.squared_error, encoded.squared_norm)
                }
                (Engine::Chained(encoder), None) => {
                    let encoded = encoder.encode(rows, columns, &matrix.values, None, advance)?;
                    (encoded.squared_error, encoded.squared_norm)
                }
                (Engine::Chained(_), Some(encoder)) => {
                    let original =
                        |rows: std::ops::Range<usize>| matrix.values[rows.start * columns..rows.end * columns].to_vec();
                    let encoded = encoder.encode(matrix.clone(), &original, None, advance)?;
                    rotated_matrices += usize::from(encoded.stored.rotation().is_some());
                    (encoded.squared_error, encoded.squared_norm)
                }
            };
            squared_error += error;
            squared_norm += norm;
        }
        let bytes_of = |&(rows, columns): &(usize, usize)| {
            let words = self.code.word_bytes(rows, columns).unwrap_or(usize::MAX);
            words as f64 + self.code.scale_bytes(rows) as f64
        };
        let bytes: f64 = sample.shapes.iter().map(bytes_of).sum();
        let weights: f64 = sample
            .shapes
            .iter()
            .map(|&(rows, columns)| (rows * columns) as f64)
            .sum();
        Ok(ModelFigures {
            relative_error: seedlm_model::figures::relative_error(squared_error, squared_norm),
            weights: sample.weights(),
            matrices: sample.matrices.len(),
            rotated_matrices,
            stored_bits: 8.0 * bytes / weights.max(1.0),
        })
    }
}

/// The relative error, and its standard error as a ratio of two sums over parts.
fn error_of(original: &[f32], decoded: &[f32]) -> ErrorFigures {
    let sums: Vec<(f64, f64)> = original
        .chunks(PART)
        .zip(decoded.chunks(PART))
        .map(|(original, decoded)| {
            original
                .iter()
                .zip(decoded)
                .fold((0.0, 0.0), |(error, norm), (&w, &d)| {
                    let (w, d) = (f64::from(w), f64::from(d));
                    (error + (w - d).powi(2), norm + w * w)
                })
        })
        .collect();
    let (error, norm) = sums
        .iter()
        .fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    let ratio = if norm > 0.0 { error / norm } else { 0.0 };
    let relative_error = ratio.sqrt();
    let parts = sums.len() as f64;
    let scatter: f64 = sums.iter().map(|(error, norm)| (error - ratio * norm).powi(2)).sum();
    // Of the ratio; that of its root is half as much, relatively.
    let of_ratio = match sums.len() {
        0 | 1 => f64::INFINITY,
        _ => (scatter * parts / (parts - 1.0)).sqrt() / norm,
    };
    ErrorFigures {
        relative_error,
        // A single part says nothing: all of the error may be chance.
        standard_error: if of_ratio.is_finite() && relative_error > 0.0 {
            of_ratio / (2.0 * relative_error)
        } else {
            relative_error
        },
        weights: original.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weights::gaussian;
    use super::*;
    use std::ops::ControlFlow;

    /// Goes on, whatever happens.
    fn go_on(_: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Rounding to multiples of a step has the error step / sqrt(12), known beforehand.
    #[test]
    fn the_error_and_its_error_are_those_of_theory() {
        let values = gaussian(1 << 16);
        let rounded: Vec<f32> = values.iter().map(|value| (value * 8.0).round() / 8.0).collect();
        let figures = error_of(&values, &rounded);
        let expected = 0.125 / 12_f64.sqrt();
        assert!(
            (figures.relative_error - expected).abs() < 4.0 * figures.standard_error,
            "{figures:?}"
        );
        assert!(
            (1e-5..2e-3 * expected.max(1.0)).contains(&figures.standard_error),
            "{figures:?}"
        );
        // Four times the weights have half the standard error.
        let part = error_of(&values[..1 << 14], &rounded[..1 << 14]);
        assert!((1.5..2.7).contains(&(part.standard_error / figures.standard_error)));
        assert_eq!(error_of(&values, &values).relative_error, 0.0);
    }

    #[test]
    fn a_code_is_measured_on_weights_and_on_a_model() {
        let sample = ModelSample::open(None, 1 << 13).unwrap();
        for point in [
            CodePoint::block(8, 3, 10).unwrap(),
            CodePoint::chained(4, seedlm_codec::ChainMap::standard(12).unwrap()).unwrap(),
        ] {
            let measured = Measured::new(&point).unwrap();
            let (figures, cost) = measured.gaussian(&gaussian(1 << 13), Quantizer::Exact, &go_on).unwrap();
            assert!((0.05..0.25).contains(&figures.relative_error), "{figures:?}");
            assert!(cost.weights_per_s_and_core > 0.0);
            let model = measured.model(&sample, &go_on).unwrap();
            assert!((0.05..0.3).contains(&model.relative_error), "{model:?}");
            assert!(model.stored_bits > point.stored_bits() && model.stored_bits < point.stored_bits() + 0.3);
        }
    }
}
