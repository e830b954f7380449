//! How fast weights are decoded, on one thread: each preset, output and instruction set, and a copy of the `f32` weights.
//!
//! `cargo bench -p seedlm-decoder --bench decode -- [FILTER]`, such as `paper-4b/f32`. The matrix is small enough for the caches:
//! `seedlm bench decode` measures large ones.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use half::bf16;
use rand::{Rng, SeedableRng};
use seedlm_codec::bits::{read_field, write_field};
use seedlm_codec::{ChainedMatrix, Code, CodedMatrix, WeightMatrix};
use seedlm_decoder::{Decoder, Instructions};
use std::hint::black_box;
use std::time::Duration;

const ROWS: usize = 64;
const COLUMNS: usize = 4096;
const WEIGHTS: usize = ROWS * COLUMNS;

/// Random words, no seed of which is zero.
fn random_matrix(code: &Code) -> WeightMatrix {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut words = vec![0; code.word_bytes(ROWS, COLUMNS).expect("not too large")];
    random.fill_bytes(&mut words);
    match code {
        Code::Block(code) => {
            let (width, length) = (code.word_bits() as usize, code.lfsr().length() as usize);
            let count = ROWS * code.blocks_per_row(COLUMNS);
            for start in (0..count).map(|index| index * width) {
                if read_field(&words, start, length) == 0 {
                    write_field(&mut words, start, length, 1);
                }
            }
            WeightMatrix::Block(CodedMatrix::new(code, ROWS, COLUMNS, 1e-6, words).expect("legal words"))
        }
        Code::Chained(code) => {
            let scales = vec![0.001_953_125; ROWS];
            WeightMatrix::Chained(ChainedMatrix::new(code, ROWS, COLUMNS, scales, words).expect("legal words"))
        }
    }
}

fn decode(criterion: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread");
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(WEIGHTS as u64));
    group.sample_size(20);
    group.warm_up_time(Duration::from_millis(200));
    group.measurement_time(Duration::from_millis(500));
    let mut values = vec![1.0_f32; WEIGHTS];
    let mut copy = vec![2.0_f32; WEIGHTS];
    group.bench_function("copy/f32", |bencher| {
        bencher.iter(|| black_box(&mut copy[..]).copy_from_slice(black_box(&values)));
    });
    let mut rounded = vec![bf16::ZERO; WEIGHTS];
    let (mut integers, mut scales) = (vec![0_i8; WEIGHTS], vec![0.0; ROWS]);
    let activations: Vec<f32> = (0..COLUMNS).map(|column| (column % 13) as f32 - 6.0).collect();
    let mut results = vec![0.0; ROWS];
    for name in Code::presets() {
        let code = Code::preset(name).expect("a preset");
        let matrix = random_matrix(&code);
        for instructions in Instructions::available() {
            let decoder = Decoder::with_instructions(&code, instructions).expect("available");
            let mut bench = |output: &str, run: &mut (dyn FnMut() + Send)| {
                group.bench_function(format!("{name}/{output}/{instructions}"), |bencher| {
                    bencher.iter_custom(|times| {
                        let start = std::time::Instant::now();
                        pool.install(|| (0..times).for_each(|_| run()));
                        start.elapsed()
                    });
                });
            };
            let all = 0..ROWS;
            bench("f32", &mut || {
                decoder.f32_rows(&matrix, all.clone(), &mut values).expect("lengths")
            });
            bench("bf16", &mut || {
                decoder.bf16_rows(&matrix, all.clone(), &mut rounded).expect("lengths")
            });
            bench("i8", &mut || {
                let (integers, scales) = (&mut integers, &mut scales);
                decoder
                    .i8_rows(&matrix, all.clone(), integers, scales)
                    .expect("lengths");
            });
            bench("product", &mut || {
                decoder.product(&matrix, &activations, &mut results).expect("lengths")
            });
        }
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
