//! Prints error and speed of the encoder for chained codes on seeded N(0,1) rows of 4096 weights, on one thread.
//!
//! `cargo run --release -p seedlm-encoder --example chained_speed -- [ROWS [PRESET [INSTRUCTIONS]]]`

use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use seedlm_codec::ChainedCode;
use seedlm_encoder::{ChainedEncoder, Instructions};
use std::error::Error;
use std::ops::ControlFlow;
use std::time::Instant;

const COLUMNS: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    let rows: usize = std::env::args().nth(1).map_or(Ok(32), |text| text.parse())?;
    let only = std::env::args().nth(2);
    let which = std::env::args().nth(3);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let values: Vec<f32> = StandardNormal.sample_iter(&mut random).take(rows * COLUMNS).collect();
    println!(
        "{:<15} {:<12} {:>9} {:>9} {:>9} {:>11}",
        "code", "instructions", "weights", "error", "seconds", "weights/s"
    );
    for name in ChainedCode::PRESETS {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let code = ChainedCode::preset(name)?;
        for instructions in Instructions::available().into_iter().rev() {
            if which.as_ref().is_some_and(|which| which != instructions.name()) {
                continue;
            }
            let encoder = ChainedEncoder::with_instructions(&code, instructions)?;
            let start = Instant::now();
            let go_on = |_| ControlFlow::Continue(());
            let encoded = pool.install(|| encoder.encode(rows, COLUMNS, &values, None, &go_on))?;
            let seconds = start.elapsed().as_secs_f64();
            println!(
                "{name:<15} {instructions:<12} {:>9} {:>9.5} {seconds:>9.3} {:>11.0}",
                values.len(),
                encoded.relative_error(),
                values.len() as f64 / seconds
            );
        }
    }
    Ok(())
}
