//! The decode lane in two simulators, Verilator and one that knows unknown values, against the golden model: both get the
//! same words in the same cycles.

mod lane_model;
mod tools;

use lane_model::LaneModel;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{ChainedCode, WeightFormat};
use seedlm_verilator::Design;
use std::collections::VecDeque;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tools::{preset_folder, root, succeed, work_folder};

/// A word with what must come out for it.
struct Vector {
    word: u128,
    mantissas: Vec<i64>,
    exponent: u32,
}

fn vector(format: &WeightFormat, word: u128) -> Vector {
    let (mantissas, exponent) = format.split_word(word);
    Vector {
        word,
        mantissas,
        exponent,
    }
}

/// SplitMix64: the same numbers in every run.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Every finite binary16; for the chained code, every window, each at one of the word's weights; or words of the block code: the padding word, all fields at their ends, every seed with a
/// single bit, and random ones.
fn words(format: &WeightFormat) -> Vec<u128> {
    let code = match format {
        WeightFormat::Binary16 => return (0..1 << 16).filter(|word| (word >> 10) & 31 != 31).collect(),
        WeightFormat::Chained(code) => return windows(code),
        WeightFormat::Block(code) => code,
    };
    let (length, exponent_bits) = (code.lfsr().length(), code.exponent_bits());
    let (coefficient_bits, latent) = (code.coefficient_bits(), code.latent_dimension() as u32);
    let half = 1_u128 << (coefficient_bits - 1);
    let mut words = vec![0];
    let seeds = (0..length).map(|bit| 1 << bit).chain([(1_u128 << length) - 1]);
    for seed in seeds {
        // Least, -1, 0, 1, greatest, in every order.
        let ends = [half, 2 * half - 1, 0, 1, half - 1];
        for choice in 0..ends.len().pow(latent) {
            let exponent = [0, (1_u128 << exponent_bits) - 1][choice % 2];
            let mut word = seed | exponent << length;
            for place in 0..latent {
                let coefficient = ends[choice / ends.len().pow(place) % ends.len()];
                word |= coefficient << (length + exponent_bits + place * coefficient_bits);
            }
            words.push(word);
        }
    }
    // The corners alone would be too many for a code with four coefficients.
    let every = words.len().div_ceil(2000);
    let mut words: Vec<u128> = words.into_iter().step_by(every).collect();
    let mut state = 7;
    while words.len() < 6000 {
        let random = u128::from(next_random(&mut state)) << 64 | u128::from(next_random(&mut state));
        let word = random & ((1 << code.word_bits()) - 1);
        // A zero seed with coefficients means nothing.
        if word & ((1 << length) - 1) != 0 {
            words.push(word);
        }
    }
    words
}

/// What a lane is given so that every window is seen, with random bits around it.
fn windows(code: &ChainedCode) -> Vec<u128> {
    let length = code.map().length();
    let weights = code.weights_per_word() as u32;
    let width = code.history_bits() + weights * code.bits_per_weight();
    let mut state = 7;
    let word = |window: u128| {
        let place = window as u32 % weights * code.bits_per_weight();
        let others = !(((1 << length) - 1) << place) & ((1 << width) - 1);
        u128::from(next_random(&mut state)) & others | window << place
    };
    (0..1 << length).map(word).collect()
}

/// Inputs of a cycle, the word left out.
#[derive(Clone, Copy)]
struct Cycle {
    enable: bool,
    valid: bool,
}

/// Cycles until so many words have come out of a pipeline of so many stages.
fn schedule(words: usize, stages: usize) -> Vec<Cycle> {
    let mut state = 1;
    let mut three_in_four = || !next_random(&mut state).is_multiple_of(4);
    let mut cycles = Vec::new();
    let mut sent = 0;
    // The cycle that takes the last word, and those that move it to the output and out of it.
    let mut cycles_left = stages + 1;
    while cycles_left > 0 {
        let cycle = Cycle {
            enable: three_in_four(),
            valid: sent < words && three_in_four(),
        };
        sent += usize::from(cycle.enable && cycle.valid);
        cycles_left -= usize::from(cycle.enable && sent == words);
        cycles.push(cycle);
    }
    cycles
}

/// The vector as one number in hexadecimal, highest bit first: mantissas, exponent, word.
fn line(format: &WeightFormat, vector: &Vector) -> String {
    let mut bits = Vec::new();
    let mut push = |value: u128, width: u32| bits.extend((0..width).map(|bit| value >> bit & 1 == 1));
    push(vector.word, format.lane_bits());
    push(vector.exponent.into(), format.exponent_bits().max(1));
    for mantissa in &vector.mantissas {
        push(*mantissa as u128, format.mantissa_bits());
    }
    let digits = bits.chunks(4).rev().map(|nibble| {
        let value = nibble.iter().rev().fold(0, |value, &bit| value << 1 | u32::from(bit));
        char::from_digit(value, 16).expect("four bits")
    });
    digits.collect()
}

/// The lane of a preset.
struct Lane {
    preset: &'static str,
    format: WeightFormat,
    stages: usize,
}

impl Lane {
    fn of_preset(preset: &'static str) -> Self {
        let format = WeightFormat::named(preset).expect("presets have names");
        let stages = DatapathConfig::reference(&format).decode_stages(&format) as usize;
        Lane { preset, format, stages }
    }

    fn file(&self) -> PathBuf {
        preset_folder(self.preset).join("seedlm_decode_lane.v")
    }
}

/// What testbenches/iverilog/lane_test.v says in the end.
fn in_icarus(name: &str, lane: &Lane, vectors: &[Vector], cycles: &[Cycle]) -> String {
    let format = &lane.format;
    let folder = work_folder(&format!("iverilog-{name}"));
    let mut text = String::new();
    for vector in vectors {
        writeln!(text, "{}", line(format, vector)).expect("text can be written");
    }
    fs::write(folder.join("vectors.hex"), text).expect("the vectors can be written");
    let mut text = String::new();
    for cycle in cycles {
        let bits = u32::from(cycle.enable) << 1 | u32::from(cycle.valid);
        writeln!(text, "{bits:x}").expect("text can be written");
    }
    fs::write(folder.join("schedule.hex"), text).expect("the schedule can be written");
    let parameters = [
        ("COUNT", vectors.len()),
        ("CYCLES", cycles.len()),
        ("WORD_BITS", format.lane_bits() as usize),
        (
            "MANTISSAS_BITS",
            format.weights_per_word() * format.mantissa_bits() as usize,
        ),
        ("EXPONENT_BITS", format.exponent_bits().max(1) as usize),
        ("STAGES", lane.stages),
    ];
    let mut compile = Command::new("iverilog");
    compile.current_dir(&folder).args(["-g2005", "-Wall", "-Wno-timescale"]);
    for (parameter, value) in parameters {
        compile.arg(format!("-Plane_test.{parameter}={value}"));
    }
    if format.exponent_bits() == 0 {
        compile.arg("-DNO_EXPONENT");
    }
    compile.arg("-Plane_test.VECTORS=\"vectors.hex\"");
    compile.arg("-Plane_test.SCHEDULE=\"schedule.hex\"");
    compile.args(["-s", "lane_test", "-o", "lane_test.vvp"]);
    compile.arg(lane.file());
    compile.arg(root().join("testbenches/iverilog/lane_test.v"));
    let printed = succeed(&mut compile);
    assert!(printed.is_empty(), "{printed}");
    let printed = succeed(Command::new("vvp").current_dir(&folder).args(["-n", "lane_test.vvp"]));
    printed.trim_end().to_string()
}

/// The same checks of the same vectors with Verilator.
fn in_verilator(lane: &Lane, vectors: &[Vector], cycles: &[Cycle]) -> String {
    let text = fs::read_to_string(lane.file()).expect("the preset has a lane");
    let design = Design::new("seedlm_decode_lane").with_source("seedlm_decode_lane.v", text);
    let mut model = LaneModel::new(&design, &lane.format);
    let (mut sent, mut checked) = (0, 0);
    let mut occupied = VecDeque::from(vec![false; lane.stages]);
    for cycle in cycles {
        // Between words there are no unknown values here, but ones.
        let word = if cycle.valid { vectors[sent].word } else { u128::MAX };
        model.set(cycle.enable, cycle.valid, word);
        let is_there = occupied[lane.stages - 1];
        if model.is_valid() != is_there {
            return format!("MISMATCH word {checked}: out_valid expected {is_there}");
        }
        if is_there {
            let expected = &vectors[checked];
            if !model.shows(&expected.mantissas, expected.exponent.into()) {
                return format!("MISMATCH word {checked} ({:x})", expected.word);
            }
        }
        model.clock();
        if cycle.enable {
            checked += usize::from(is_there);
            sent += usize::from(cycle.valid);
            occupied.pop_back();
            occupied.push_front(cycle.valid);
        }
    }
    format!("PASS {checked} words")
}

/// What both simulators say, given the same.
fn in_both(name: &str, lane: &Lane, vectors: &[Vector]) -> [String; 2] {
    let cycles = schedule(vectors.len(), lane.stages);
    [
        in_icarus(name, lane, vectors, &cycles),
        in_verilator(lane, vectors, &cycles),
    ]
}

fn decodes_words(preset: &'static str) {
    let lane = Lane::of_preset(preset);
    let words = words(&lane.format).into_iter();
    let vectors: Vec<Vector> = words.map(|word| vector(&lane.format, word)).collect();
    let expected = format!("PASS {} words", vectors.len());
    assert!(vectors.len() >= 6000);
    assert_eq!(in_both(preset, &lane, &vectors), [expected.clone(), expected]);
}

#[test]
fn paper_4b_decodes_words() {
    decodes_words("paper-4b");
}

#[test]
fn paper_3b_decodes_words() {
    decodes_words("paper-3b");
}

#[test]
fn fp16_decodes_every_finite_number() {
    decodes_words("fp16");
}

#[test]
fn chained_codes_decode_every_window() {
    for preset in ["chained-4b", "chained-3b", "chained-2b"] {
        decodes_words(preset);
    }
}

/// Testbenches that find no faults would pass too.
#[test]
fn the_first_wrong_word_is_named() {
    for preset in ["paper-4b", "fp16", "chained-4b"] {
        let lane = Lane::of_preset(preset);
        let words = words(&lane.format);
        let spoils: [fn(&mut Vector); 2] = [
            |vector| *vector.mantissas.last_mut().expect("a word has weights") ^= 1,
            |vector| vector.exponent ^= 1,
        ];
        for spoil in spoils {
            let vectors = words[..300].iter().map(|&word| vector(&lane.format, word));
            let mut vectors: Vec<Vector> = vectors.collect();
            spoil(&mut vectors[217]);
            spoil(&mut vectors[250]);
            for printed in in_both(&format!("{preset}-wrong"), &lane, &vectors) {
                assert!(printed.starts_with("MISMATCH word 217 "), "{printed}");
            }
        }
    }
}
