//! Formats of other people as variants of a model: those of `seedlm bench quality`, and two of llama.cpp by candle's quantisers.

use crate::bench::reference::{REFERENCES, Reference};
use anyhow::Context;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use seedlm_model::Matrix;

/// Rows that a thread quantises at a time.
const ROWS_AT_A_TIME: usize = 32;

/// A format of other people.
#[derive(Clone, Copy, Debug)]
pub enum Baseline {
    /// Groups with a binary16 scale each.
    Groups(Reference),
    /// A format of llama.cpp, by its name there.
    Ggml(&'static str, GgmlDType),
}

/// A matrix in such a format.
pub struct Quantised {
    /// The decoded weights, row by row.
    pub values: Vec<f32>,
    /// Bits that it takes, all scales included.
    pub stored_bits: u64,
    /// The format that it has, which is another one where its rows do not suit.
    pub format: &'static str,
}

impl Baseline {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Baseline> {
        let ggml = [("q4_0", GgmlDType::Q4_0), ("q4_k", GgmlDType::Q4K)];
        let ggml = ggml.into_iter().map(|(name, dtype)| Baseline::Ggml(name, dtype));
        REFERENCES.into_iter().map(Baseline::Groups).chain(ggml)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Baseline::Groups(reference) => reference.name,
            Baseline::Ggml(name, _) => name,
        }
    }

    /// Quantises a matrix, to the nearest, without calibration.
    ///
    /// # Errors
    /// Where candle refuses.
    pub fn quantise(&self, matrix: &Matrix) -> anyhow::Result<Quantised> {
        match *self {
            Baseline::Groups(reference) => {
                let rows = matrix.values.par_chunks(matrix.columns);
                let rows: Vec<Vec<f32>> = rows.map(|row| reference.decoded_row(row).collect()).collect();
                Ok(Quantised {
                    values: rows.concat(),
                    stored_bits: reference.stored_bits(matrix.rows, matrix.columns),
                    format: reference.name,
                })
            }
            Baseline::Ggml(name, dtype) => {
                let (format, dtype) = suiting(name, dtype, matrix.columns);
                let rows = matrix.values.par_chunks(ROWS_AT_A_TIME * matrix.columns);
                let pieces: anyhow::Result<Vec<(Vec<f32>, u64)>> =
                    rows.map(|rows| ggml(dtype, matrix.columns, rows)).collect();
                let pieces = pieces.with_context(|| format!("{format} by candle"))?;
                Ok(Quantised {
                    stored_bits: pieces.iter().map(|(_, bits)| bits).sum(),
                    values: pieces.into_iter().flat_map(|(values, _)| values).collect(),
                    format,
                })
            }
        }
    }
}

/// What llama.cpp takes where a row is not made of whole blocks: q5_0 in place of q4_k, and else binary16.
fn suiting(name: &'static str, dtype: GgmlDType, columns: usize) -> (&'static str, GgmlDType) {
    let fallback = ("q5_0", GgmlDType::Q5_0);
    let choices = match dtype {
        GgmlDType::Q4K => vec![(name, dtype), fallback],
        _ => vec![(name, dtype)],
    };
    let suits = |(_, dtype): &(&str, GgmlDType)| columns.is_multiple_of(dtype.block_size());
    choices.into_iter().find(suits).unwrap_or(("f16", GgmlDType::F16))
}

/// Decoded weights, and the bits they take.
fn ggml(dtype: GgmlDType, columns: usize, values: &[f32]) -> anyhow::Result<(Vec<f32>, u64)> {
    let tensor = Tensor::from_slice(values, (values.len() / columns, columns), &Device::Cpu)?;
    let quantised = QTensor::quantize(&tensor, dtype)?;
    let decoded = quantised.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1()?;
    Ok((decoded, 8 * quantised.storage_size_in_bytes() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::gaussian::gaussian;
    use seedlm_model::figures::relative_error;

    /// Relative error on normal weights; where there is no figure of others (q4_k), what candle gives, to notice a change.
    #[test]
    fn errors_and_bits_of_normal_weights_are_the_known_ones() {
        let matrix = gaussian(64, 1024);
        let expected = [
            ("int4-g128", 4.125, 0.1177),
            ("nf4-g64", 4.25, 0.0919),
            ("q4_0", 4.5, 0.0869),
            ("q4_k", 4.5, 0.0748),
        ];
        for (baseline, (name, bits, error)) in Baseline::all().zip(expected) {
            let quantised = baseline.quantise(&matrix).unwrap();
            assert_eq!((baseline.name(), quantised.format), (name, name));
            assert_eq!(quantised.stored_bits as f64 / matrix.values.len() as f64, bits);
            let pairs = matrix.values.iter().zip(&quantised.values);
            let (squares, norm) = pairs.fold((0.0, 0.0), |(squares, norm), (&w, &decoded)| {
                (squares + f64::from(w - decoded).powi(2), norm + f64::from(w).powi(2))
            });
            let measured = relative_error(squares, norm);
            assert!((measured - error).abs() < 0.001, "{name}: {measured}");
        }
    }

    #[test]
    fn rows_that_are_no_whole_blocks_fall_back_as_in_llama_cpp() {
        let format = |name, dtype, columns| suiting(name, dtype, columns).0;
        assert_eq!(format("q4_k", GgmlDType::Q4K, 512), "q4_k");
        assert_eq!(format("q4_k", GgmlDType::Q4K, 576), "q5_0");
        assert_eq!(format("q4_k", GgmlDType::Q4K, 100), "f16");
        assert_eq!(format("q4_0", GgmlDType::Q4_0, 576), "q4_0");
        assert_eq!(format("q4_0", GgmlDType::Q4_0, 100), "f16");
        let matrix = gaussian(3, 100);
        let [.., q4_0, _] = Baseline::all().collect::<Vec<_>>()[..] else {
            panic!("four baselines")
        };
        let quantised = q4_0.quantise(&matrix).unwrap();
        assert_eq!((quantised.stored_bits, quantised.values.len()), (16 * 300, 300));
        let pairs = matrix.values.iter().zip(&quantised.values);
        assert!(pairs.into_iter().all(|(w, half)| (w - half).abs() <= w.abs() / 1024.0));
    }
}
