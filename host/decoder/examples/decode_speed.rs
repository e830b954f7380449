//! Prints how fast weights are decoded, on one thread, beside a copy of the `f32` weights from memory and the golden model.
//!
//! `cargo run --release -p seedlm-decoder --example decode_speed -- [PRESET [INSTRUCTIONS]]`

use half::bf16;
use rand::{Rng, SeedableRng};
use seedlm_codec::bits::{read_field, write_field};
use seedlm_codec::{ChainedMatrix, Code, CodedMatrix, WeightMatrix};
use seedlm_decoder::{Decoder, Instructions};
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

/// 64 Mi weights: 256 MiB in `f32`.
const ROWS: usize = 16384;
const COLUMNS: usize = 4096;
const WEIGHTS: usize = ROWS * COLUMNS;

/// Everything is run so many times.
const RUNS: usize = 5;

/// Rows that the golden model decodes.
const GOLDEN_ROWS: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let only = std::env::args().nth(1);
    let which = std::env::args().nth(2);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    // Not zeros: pages of zeros need not be there.
    let mut values = vec![2.0_f32; WEIGHTS];
    let mut copy = vec![1.0_f32; WEIGHTS];
    let mut rounded = vec![bf16::ONE; WEIGHTS];
    let mut integers = vec![1_i8; WEIGHTS];
    let mut scales = vec![0.0; ROWS];
    let activations: Vec<f32> = (0..COLUMNS).map(|column| (column % 13) as f32 - 6.0).collect();
    let mut results = vec![0.0; ROWS];
    println!("{WEIGHTS} weights, {ROWS} x {COLUMNS}, one thread, best of {RUNS}");
    println!("copies: weights per second beside those of a copy of their f32, measured just before\n");
    println!(
        "{:<15} {:<8} {:<12} {:>11} {:>13} {:>7}",
        "code", "output", "instructions", "Gweights/s", "GB/s written", "copies"
    );
    for name in Code::presets() {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let code = Code::preset(name)?;
        let matrix = random_matrix(&code)?;
        for instructions in Instructions::available() {
            if which.as_ref().is_some_and(|which| which != instructions.name()) {
                continue;
            }
            let copied = seconds(RUNS, || black_box(&mut copy[..]).copy_from_slice(black_box(&values)));
            let report = |output: &str, bytes: f64, seconds: f64| {
                let rate = WEIGHTS as f64 / seconds / 1e9;
                println!(
                    "{name:<15} {output:<8} {instructions:<12} {rate:>11.3} {:>13.2} {:>7.2}",
                    rate * bytes,
                    copied / seconds
                );
            };
            report("(copy)", 4.0, copied);
            if instructions == Instructions::Scalar {
                let golden = seconds(1, || {
                    (0..GOLDEN_ROWS).for_each(|row| drop(black_box(matrix.row_values(row))));
                });
                report("(golden)", 4.0, golden * (ROWS / GOLDEN_ROWS) as f64);
            }
            let decoder = Decoder::with_instructions(&code, instructions)?;
            let all = 0..ROWS;
            pool.install(|| {
                let f32_rows = || decoder.f32_rows(&matrix, all.clone(), &mut values).expect("lengths");
                report("f32", 4.0, seconds(RUNS, f32_rows));
                let bf16_rows = || decoder.bf16_rows(&matrix, all.clone(), &mut rounded).expect("lengths");
                report("bf16", 2.0, seconds(RUNS, bf16_rows));
                let i8_rows = || {
                    let (integers, scales) = (&mut integers, &mut scales);
                    decoder
                        .i8_rows(&matrix, all.clone(), integers, scales)
                        .expect("lengths");
                };
                report("i8", 1.0, seconds(RUNS, i8_rows));
                let product = || decoder.product(&matrix, &activations, &mut results).expect("lengths");
                report("product", 0.0, seconds(RUNS, product));
            });
        }
    }
    Ok(())
}

/// The shortest of `runs` runs.
fn seconds(runs: usize, mut run: impl FnMut()) -> f64 {
    let mut time = || {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..runs).map(|_| time()).fold(f64::INFINITY, f64::min)
}

/// Random words, no seed of which is zero.
fn random_matrix(code: &Code) -> Result<WeightMatrix, Box<dyn Error>> {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut words = vec![0; code.word_bytes(ROWS, COLUMNS).ok_or("too large")?];
    random.fill_bytes(&mut words);
    Ok(match code {
        Code::Block(code) => {
            let (width, length) = (code.word_bits() as usize, code.lfsr().length() as usize);
            let count = ROWS * code.blocks_per_row(COLUMNS);
            for start in (0..count).map(|index| index * width) {
                if read_field(&words, start, length) == 0 {
                    write_field(&mut words, start, length, 1);
                }
            }
            WeightMatrix::Block(CodedMatrix::new(code, ROWS, COLUMNS, 1e-6, words)?)
        }
        Code::Chained(code) => WeightMatrix::Chained(ChainedMatrix::new(
            code,
            ROWS,
            COLUMNS,
            vec![0.001_953_125; ROWS],
            words,
        )?),
    })
}
