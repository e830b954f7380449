//! Prints error and speed of the encoder on a seeded N(0,1) matrix, on one thread, beside a naive search.
//!
//! `cargo run --release -p seedlm-encoder --example encode_speed -- [WEIGHTS]`

use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use seedlm_codec::{BlockCode, BlockDecoder};
use seedlm_encoder::{BlockEncoder, Quantizer};
use std::error::Error;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

/// Blocks that the naive search gets.
const NAIVE_BLOCKS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let weights: usize = std::env::args().nth(1).map_or(Ok(1 << 18), |text| text.parse())?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    println!(
        "{:<9} {:<9} {:>9} {:>9} {:>9} {:>9} {:>11} {:>7}",
        "code", "quantizer", "weights", "error", "SQNR/dB", "seconds", "weights/s", "/naive"
    );
    for name in BlockCode::PRESETS {
        let code = BlockCode::preset(name)?;
        let columns = 96 * 8;
        let rows = weights.div_ceil(columns);
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let values: Vec<f32> = StandardNormal.sample_iter(&mut random).take(rows * columns).collect();
        let naive = naive_speed(&code, &values);
        let start = Instant::now();
        let encoder = pool.install(|| BlockEncoder::new(&code))?;
        let prepared = start.elapsed().as_secs_f64();
        for quantizer in Quantizer::ALL {
            let start = Instant::now();
            let go_on = |_| ControlFlow::Continue(());
            let encoded = pool.install(|| encoder.encode(rows, columns, &values, quantizer, &go_on))?;
            let seconds = start.elapsed().as_secs_f64();
            let speed = values.len() as f64 / seconds;
            println!(
                "{name:<9} {quantizer:<9} {:>9} {:>9.5} {:>9.3} {seconds:>9.3} {speed:>11.0} {:>7.1}",
                values.len(),
                encoded.relative_error(),
                encoded.sqnr_db(),
                speed / naive
            );
        }
        println!("{name:<9} tables {prepared:.3} s; naive search {naive:.0} weights/s");
    }
    Ok(())
}

/// Weights per second of the straightforward search: for every seed, the cached pseudo-inverse times the block, rounded
/// at one exponent, decoded, and the error taken, all in `f32`.
fn naive_speed(code: &BlockCode, values: &[f32]) -> f64 {
    let (size, columns) = (code.block_size(), code.latent_dimension());
    let decoder = BlockDecoder::new(code);
    let divisor = code.entry_divisor() as f32;
    let seeds = code.lfsr().period();
    let matrices: Vec<f32> = (1..=seeds)
        .flat_map(|seed| decoder.entries(seed))
        .map(|entry| entry as f32 / divisor)
        .collect();
    // The transpose stands in for the pseudo-inverse: another matrix of the same shape costs the same.
    let inverses = matrices.clone();
    let start = Instant::now();
    for block in values.chunks_exact(size).take(NAIVE_BLOCKS) {
        let mut best = (f32::INFINITY, 0);
        for seed in 0..seeds as usize {
            let matrix = &matrices[seed * size * columns..][..size * columns];
            let inverse = &inverses[seed * size * columns..][..size * columns];
            let mut solution = [0_f32; 8];
            for (row, weight) in inverse.chunks_exact(columns).zip(block) {
                for (sum, entry) in solution.iter_mut().zip(row) {
                    *sum += weight * entry;
                }
            }
            let largest = solution
                .iter()
                .fold(1e-9_f32, |largest, value| largest.max(value.abs()));
            let step = f32::from_bits((largest.to_bits() >> 23) << 23) / 4.0;
            for value in &mut solution {
                *value = (*value / step).round().clamp(-8.0, 7.0) * step;
            }
            let mut error = 0.0;
            for (row, weight) in matrix.chunks_exact(columns).zip(block) {
                let decoded: f32 = row.iter().zip(&solution).map(|(entry, value)| entry * value).sum();
                error += (weight - decoded) * (weight - decoded);
            }
            if error < best.0 {
                best = (error, seed);
            }
        }
        black_box(best);
    }
    (NAIVE_BLOCKS * size) as f64 / start.elapsed().as_secs_f64()
}
