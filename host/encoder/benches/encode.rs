//! How fast small matrices are encoded, on one thread: each preset and instruction set.
//!
//! `cargo bench -p seedlm-encoder --bench encode -- [FILTER]`, such as `paper-4b/avx2`. `seedlm bench encode` measures large ones,
//! beside a naive search.

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use seedlm_codec::{BlockCode, ChainedCode};
use seedlm_encoder::{BlockEncoder, ChainedEncoder, Instructions, Quantizer};
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Duration;

/// Blocks of a block code: a few batches of the widest vectors.
const BLOCKS: usize = 256;
/// Rows of a chained code: one batch of the widest vectors.
const ROWS: usize = 32;
/// Weights in each of them.
const COLUMNS: usize = 32;

/// Normally distributed weights, the same in every run.
fn gaussian(count: usize) -> Vec<f32> {
    let random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    StandardNormal.sample_iter(random).take(count).collect()
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    group.warm_up_time(Duration::from_millis(100));
    group.measurement_time(Duration::from_millis(200));
    group
}

fn one_thread() -> rayon::ThreadPool {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
    pool.build().expect("a thread")
}

fn block(criterion: &mut Criterion) {
    let pool = one_thread();
    let mut group = group(criterion, "block");
    for name in BlockCode::PRESETS {
        let code = BlockCode::preset(name).expect("a preset");
        let values = gaussian(BLOCKS * code.block_size());
        group.throughput(Throughput::Elements(values.len() as u64));
        for instructions in Instructions::available() {
            let encoder = pool.install(|| BlockEncoder::with_instructions(&code, instructions));
            let encoder = encoder.expect("available");
            let encode = || {
                let go_on = |_| ControlFlow::Continue(());
                encoder.encode(1, values.len(), black_box(&values), Quantizer::Exact, &go_on)
            };
            group.bench_function(format!("{name}/{instructions}"), |bencher| {
                pool.install(|| encode().expect("a legal matrix"));
                bencher.iter(|| pool.install(encode));
            });
        }
    }
    group.finish();
}

fn chained(criterion: &mut Criterion) {
    let pool = one_thread();
    let mut group = group(criterion, "chained");
    let values = gaussian(ROWS * COLUMNS);
    group.throughput(Throughput::Elements(values.len() as u64));
    for name in ChainedCode::PRESETS {
        let code = ChainedCode::preset(name).expect("a preset");
        for instructions in Instructions::available() {
            let encoder = ChainedEncoder::with_instructions(&code, instructions).expect("available");
            let encode = || {
                let go_on = |_| ControlFlow::Continue(());
                encoder.encode(ROWS, COLUMNS, black_box(&values), None, &go_on)
            };
            group.bench_function(format!("{name}/{instructions}"), |bencher| {
                pool.install(|| encode().expect("a legal matrix"));
                bencher.iter(|| pool.install(encode));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, block, chained);
criterion_main!(benches);
