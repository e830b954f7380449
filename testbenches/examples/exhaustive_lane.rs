//! Checks the decode lane of `paper-4b` in Verilator on every pair of seed and coefficients: all 2^28 of them, seed 0, which
//! no file has, included: as it is committed, and as it is written for 7-series and for ECP5, with plain rows of adders. The
//! exponent only passes by; it takes every value in turn. The log says how long it took:
//! `cargo run --release -p seedlm-testbenches --example exhaustive_lane > testbenches/logs/exhaustive_lane.log`

use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_hdl::options::{Options, Target};
use seedlm_testbenches::bits::fields;
use seedlm_testbenches::rtl::Rtl;
use seedlm_verilator::{BuildOptions, Optimisation, Verilator};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const LANE: &str = "seedlm_decode_lane";
const SEED_BITS: u32 = 16;
const EXPONENT_BITS: u32 = 4;
const COEFFICIENT_BITS: u32 = 12;

fn main() {
    let format = WeightFormat::named("paper-4b").expect("the preset is there");
    let config = DatapathConfig::reference(&format);
    let verilator = Verilator::find().unwrap_or_else(|error| panic!("{error}"));
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let words = 1_u64 << (SEED_BITS + COEFFICIENT_BITS);
    println!("seedlm-testbenches {}", env!("CARGO_PKG_VERSION"));
    println!("{}", verilator.version().trim());
    println!("{words} words on {threads} threads");
    for target in [Target::Portable, Target::Xc7, Target::Ecp5] {
        let options = Options {
            target,
            plain_rows: true,
        };
        let rtl = Rtl::written_with(&config, &format, &options).expect("the preset can be built");
        println!("{LANE} of paper-4b, {target}, SHA-256 {}", checksum(&rtl));
        check_all(&rtl, &verilator, &format, &config, words, threads);
    }
}

/// Runs all words through one lane, shared out among threads.
fn check_all(
    rtl: &Rtl,
    verilator: &Verilator,
    format: &WeightFormat,
    config: &DatapathConfig,
    words: u64,
    threads: u64,
) {
    let started = Instant::now();
    let done = AtomicU64::new(0);
    let checked: u64 = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                let done = &done;
                let range = words * part / threads..words * (part + 1) / threads;
                scope.spawn(move || check(rtl, verilator, format, config, range, done))
            })
            .collect();
        parts
            .into_iter()
            .map(|part| part.join().expect("no word differs"))
            .sum()
    });
    assert_eq!(checked, words, "every word has come out");
    println!(
        "{checked} words checked, 0 differ, {:.0} s",
        started.elapsed().as_secs_f64()
    );
}

/// The log says which text it is about; a test compares this with the committed file.
fn checksum(rtl: &Rtl) -> String {
    let name = format!("{LANE}.v");
    let file = rtl
        .files
        .iter()
        .find(|file| file.name == name)
        .expect("the lane is generated");
    let digest = Sha256::digest(file.text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs a range of words through a lane of its own. Returns how many have come out as they must.
fn check(
    rtl: &Rtl,
    verilator: &Verilator,
    format: &WeightFormat,
    config: &DatapathConfig,
    range: std::ops::Range<u64>,
    done: &AtomicU64,
) -> u64 {
    let options = BuildOptions {
        optimisation: Optimisation::LongRuns,
        ..BuildOptions::default()
    };
    let mut lane = rtl
        .build(verilator, LANE, &options)
        .unwrap_or_else(|error| panic!("{error}"));
    let port = |name: &str| lane.port(name).expect("the lane has this port");
    let [clk, rst, enable, in_valid, in_word] = ["clk", "rst", "enable", "in_valid", "in_word"].map(port);
    let [out_valid, out_mantissas, out_exponent] = ["out_valid", "out_mantissas", "out_exponent"].map(port);
    lane.set(rst, 1);
    lane.posedge(clk);
    lane.set(rst, 0);
    lane.set(enable, 1);
    let mut under_way = VecDeque::new();
    let mut got = vec![0; out_mantissas.byte_count()];
    let mut checked = 0;
    let stages = u64::from(config.decode_stages(format));
    for index in range.start..range.end + stages {
        let offered = (index < range.end).then(|| word(index));
        lane.set(in_valid, u64::from(offered.is_some()));
        lane.set(in_word, offered.unwrap_or_default());
        lane.posedge(clk);
        under_way.extend(offered);
        if lane.get(out_valid) == 1 {
            let word = under_way.pop_front().expect("no word comes out that was not put in");
            let (mantissas, exponent) = format.split_word(word.into());
            let expected = fields(
                mantissas.iter().map(|&mantissa| i128::from(mantissa)),
                format.mantissa_bits() as usize,
            );
            lane.get_bytes(out_mantissas, &mut got);
            assert_eq!(got, expected, "mantissas of word {word:#010x}");
            assert_eq!(
                lane.get(out_exponent),
                u64::from(exponent),
                "exponent of word {word:#010x}"
            );
            checked += 1;
            if checked % (1 << 22) == 0 {
                let so_far = done.fetch_add(1 << 22, Ordering::Relaxed) + (1 << 22);
                eprintln!("{:>3} %", (so_far * 100) >> (SEED_BITS + COEFFICIENT_BITS));
            }
        }
    }
    checked
}

/// The word with a seed and coefficients of its own for every index.
fn word(index: u64) -> u64 {
    let seed = index >> COEFFICIENT_BITS;
    let coefficients = index & ((1 << COEFFICIENT_BITS) - 1);
    let exponent = index & ((1 << EXPONENT_BITS) - 1);
    seed | exponent << SEED_BITS | coefficients << (SEED_BITS + EXPONENT_BITS)
}
