//! What several tests need: seeded weights, awkward blocks, and the readable search that the fast one is held against.
#![allow(dead_code)]

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal, StudentT};
use seedlm_codec::{BlockCode, BlockCodeFields, BlockDecoder, BlockWord, Lfsr};
use seedlm_encoder::{BlockEncoder, EncodedMatrix, Quantizer};
use std::ops::ControlFlow;

pub fn code(
    block_size: u32,
    latent_dimension: u32,
    length: u32,
    coefficient_bits: u32,
    exponent_bits: u32,
) -> BlockCode {
    BlockCode::new(BlockCodeFields {
        block_size,
        latent_dimension,
        coefficient_bits,
        exponent_bits,
        lfsr: Lfsr::paper(length).unwrap(),
    })
    .unwrap()
}

pub fn gaussian(count: usize, seed: u64) -> Vec<f32> {
    let random = ChaCha8Rng::seed_from_u64(seed);
    StandardNormal.sample_iter(random).take(count).collect()
}

pub fn heavy_tailed(count: usize, seed: u64) -> Vec<f32> {
    let random = ChaCha8Rng::seed_from_u64(seed);
    StudentT::new(3.0_f32)
        .unwrap()
        .sample_iter(random)
        .take(count)
        .collect()
}

pub fn encode(
    encoder: &BlockEncoder,
    rows: usize,
    columns: usize,
    values: &[f32],
    quantizer: Quantizer,
) -> EncodedMatrix {
    let go_on = |_| ControlFlow::Continue(());
    encoder.encode(rows, columns, values, quantizer, &go_on).unwrap()
}

/// Rows of one block each, all of awkward kinds, of about the same size.
pub fn awkward_blocks(code: &BlockCode) -> Vec<Vec<f32>> {
    let size = code.block_size();
    let mut blocks = vec![
        vec![0.0; size],
        vec![0.75; size],
        (0..size).map(|c| if c % 2 == 0 { 0.5 } else { -0.5 }).collect(),
        gaussian(size, 1).iter().map(|w| w * 1e-2).collect(),
        gaussian(size, 2).iter().map(|w| w * 1e-5).collect(),
        (0..size).map(|c| c as f32 / size as f32).collect(),
    ];
    for hot in [0, size / 2, size - 1] {
        let mut block = vec![0.0; size];
        block[hot] = if hot == 0 { 1.0 } else { -1.3 };
        blocks.push(block);
    }
    // Codewords, which the encoder has to find without error, or another word of the same value.
    let (smallest, largest) = code.coefficient_range();
    let decoder = BlockDecoder::new(code);
    for (seed, exponent) in [(1, 0), (3, 1), (code.lfsr().period(), code.largest_exponent())] {
        let coefficients = (0..code.latent_dimension())
            .map(|p| if p % 2 == 0 { largest } else { smallest })
            .collect();
        let weights = decoder.weights(&BlockWord {
            seed,
            exponent,
            coefficients,
        });
        let unit = f64::from(code.entry_divisor()) * f64::from(1_u32 << code.largest_exponent());
        blocks.push(weights.iter().map(|&w| (w as f64 / unit) as f32).collect());
    }
    blocks
}

/// The definition: the canonical error of every word of the code, in the order of preference.
pub fn nearest_word(code: &BlockCode, scale: f32, weights: &[f32]) -> (f64, BlockWord) {
    let mut targets: Vec<f64> = weights.iter().map(|&w| f64::from(w) / f64::from(scale)).collect();
    targets.resize(code.block_size(), 0.0);
    let (smallest, largest) = code.coefficient_range();
    let mut best = (f64::INFINITY, BlockWord::zero(code));
    for seed in 1..=code.lfsr().period() {
        let entries = BlockDecoder::new(code).entries(seed);
        for exponent in 0..=code.largest_exponent() {
            let mut q = vec![smallest; code.latent_dimension()];
            loop {
                let mut error = 0.0;
                for (row, target) in entries.chunks(q.len()).zip(&targets) {
                    let mantissa: i64 = row.iter().zip(&q).map(|(&a, &q)| i64::from(a) * i64::from(q)).sum();
                    let difference = target - (mantissa << exponent) as f64;
                    error += difference * difference;
                    if error > best.0 {
                        break;
                    }
                }
                // Strictly less: words come in ascending order, so the first of equals stays.
                if error < best.0 {
                    best = (
                        error,
                        BlockWord {
                            seed,
                            exponent,
                            coefficients: q.clone(),
                        },
                    );
                }
                // The lexicographically next coefficients.
                let Some(p) = q.iter().rposition(|&q| q < largest) else {
                    break;
                };
                q[p] += 1;
                q[p + 1..].fill(smallest);
            }
        }
    }
    // A block of zeros has the zero word by definition.
    if targets.iter().all(|&target| target == 0.0) {
        (0.0, BlockWord::zero(code))
    } else {
        best
    }
}
