//! What is made of the weights, and where it goes.

use super::memory;
use super::room::Room;
use crate::bench::best_of::{Effort, best_of, best_of_each};
use clap::ValueEnum;
use half::bf16;
use seedlm_codec::WeightMatrix;
use seedlm_decoder::{Decoder, Instructions};
use std::fmt;
use std::hint::black_box;

const EFFORT: Effort = Effort { runs: 30, seconds: 3.0 };
/// The golden model gets only a few rows: it is slow.
const GOLDEN_ROWS: usize = 64;

/// What is made of the weights.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Output {
    /// Numbers in f32
    F32,
    /// Numbers in bfloat16
    Bf16,
    /// 8-bit integers and a scale for each row
    I8,
    /// The product with f32 activations; no weights are written
    Product,
}

/// Room for an output, and the weights as they would be in memory without a code.
pub enum Buffers {
    F32 {
        stored: Room<f32>,
        out: Room<f32>,
    },
    Bf16 {
        stored: Room<bf16>,
        out: Room<bf16>,
    },
    I8 {
        stored: Room<i8>,
        out: Room<i8>,
        scales: Vec<f32>,
    },
    Product {
        stored: Room<f32>,
        activations: Vec<f32>,
        results: Vec<f32>,
    },
}

impl fmt::Display for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Output::F32 => "f32",
            Output::Bf16 => "bf16",
            Output::I8 => "i8",
            Output::Product => "product",
        })
    }
}

impl Output {
    /// Bytes written for a weight.
    pub fn bytes(self) -> usize {
        match self {
            Output::F32 => 4,
            Output::Bf16 => 2,
            Output::I8 => 1,
            Output::Product => 0,
        }
    }

    /// How the same result is had from weights in memory.
    pub fn memory(self) -> &'static str {
        match self {
            Output::F32 | Output::Bf16 | Output::I8 => "copy",
            Output::Product => "product",
        }
    }
}

fn activations(columns: usize) -> Vec<f32> {
    (0..columns).map(|column| (column % 13) as f32 - 6.0).collect()
}

/// Weights per second of the golden model, on one thread.
pub fn golden_weights_per_s(output: Output, matrix: &WeightMatrix) -> anyhow::Result<f64> {
    let rows = matrix.rows().min(GOLDEN_ROWS);
    let activations = activations(matrix.columns());
    let row = |row: usize| match output {
        Output::F32 => drop(black_box(matrix.row_values(row))),
        Output::Bf16 => drop(black_box(matrix.row_bf16(row))),
        Output::I8 => drop(black_box(matrix.row_i8(row))),
        Output::Product => drop(black_box(matrix.row_product(row, &activations))),
    };
    let seconds = best_of(EFFORT, || {
        (0..rows).for_each(row);
        Ok(())
    })?;
    Ok((rows * matrix.columns()) as f64 / seconds)
}

impl Buffers {
    /// Room for `rows x columns` weights, which begins `offset_bytes` after a line of the caches, in memory and decoded. Not zeros: pages
    /// of zeros need not be there.
    pub fn new(output: Output, rows: usize, columns: usize, offset_bytes: usize) -> Self {
        let weights = rows * columns;
        match output {
            Output::F32 => Buffers::F32 {
                stored: Room::new(1.0, weights, offset_bytes),
                out: Room::new(2.0, weights, offset_bytes),
            },
            Output::Bf16 => Buffers::Bf16 {
                stored: Room::new(bf16::ONE, weights, offset_bytes),
                out: Room::new(bf16::NEG_ONE, weights, offset_bytes),
            },
            Output::I8 => Buffers::I8 {
                stored: Room::new(1, weights, offset_bytes),
                out: Room::new(2, weights, offset_bytes),
                scales: vec![1.0; rows],
            },
            Output::Product => Buffers::Product {
                stored: Room::new(1.0, weights, offset_bytes),
                activations: activations(columns),
                results: vec![1.0; rows],
            },
        }
    }

    /// The shortest times in seconds of the same result from memory and of decoding, which take turns, on the current threads.
    pub fn measure(&mut self, decoder: &Decoder, matrix: &WeightMatrix) -> anyhow::Result<[f64; 2]> {
        let rows = 0..matrix.rows();
        best_of_each(EFFORT, |job| {
            let is_decoding = job == 1;
            // Both write to the same place: nothing is for free because only the other has written there.
            match self {
                Buffers::F32 { out, .. } if is_decoding => decoder.f32_rows(matrix, rows.clone(), out)?,
                Buffers::F32 { stored, out } => memory::copy(black_box(stored), out),
                Buffers::Bf16 { out, .. } if is_decoding => decoder.bf16_rows(matrix, rows.clone(), out)?,
                Buffers::Bf16 { stored, out } => memory::copy(black_box(stored), out),
                Buffers::I8 { out, scales, .. } if is_decoding => {
                    decoder.i8_rows(matrix, rows.clone(), out, scales)?;
                }
                Buffers::I8 { stored, out, .. } => memory::copy(black_box(stored), out),
                Buffers::Product {
                    activations, results, ..
                } if is_decoding => decoder.product(matrix, activations, results)?,
                Buffers::Product {
                    stored,
                    activations,
                    results,
                } => {
                    let best = *Instructions::available().last().expect("every machine has one");
                    memory::product(best, black_box(stored), activations, results);
                }
            }
            Ok(())
        })
    }
}
