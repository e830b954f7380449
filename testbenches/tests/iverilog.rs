//! The decode lane in a second simulator, one that knows unknown values, against the golden model.

mod tools;

use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use std::fmt::Write;
use std::fs;
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

/// Every finite binary16, or words of the block code: the padding word, all fields at their ends, every seed with a
/// single bit, and random ones.
fn words(format: &WeightFormat) -> Vec<u128> {
    let WeightFormat::Block(code) = format else {
        return (0..1 << 16).filter(|word| (word >> 10) & 31 != 31).collect();
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

/// The vector as one number in hexadecimal, highest bit first: mantissas, exponent, word.
fn line(format: &WeightFormat, vector: &Vector) -> String {
    let mut bits = Vec::new();
    let mut push = |value: u128, width: u32| bits.extend((0..width).map(|bit| value >> bit & 1 == 1));
    push(vector.word, format.word_bits());
    push(vector.exponent.into(), format.exponent_bits());
    for mantissa in &vector.mantissas {
        push(*mantissa as u128, format.mantissa_bits());
    }
    let digits = bits.chunks(4).rev().map(|nibble| {
        let value = nibble.iter().rev().fold(0, |value, &bit| value << 1 | u32::from(bit));
        char::from_digit(value, 16).expect("four bits")
    });
    digits.collect()
}

/// What the simulation says in the end.
fn simulate(name: &str, preset: &str, format: &WeightFormat, vectors: &[Vector]) -> String {
    let folder = work_folder(&format!("iverilog-{name}"));
    let mut text = String::new();
    for vector in vectors {
        writeln!(text, "{}", line(format, vector)).expect("text can be written");
    }
    fs::write(folder.join("vectors.hex"), text).expect("the vectors can be written");
    let parameters = [
        ("COUNT", vectors.len()),
        ("WORD_BITS", format.word_bits() as usize),
        (
            "MANTISSAS_BITS",
            format.weights_per_word() * format.mantissa_bits() as usize,
        ),
        ("EXPONENT_BITS", format.exponent_bits() as usize),
        (
            "STAGES",
            DatapathConfig::reference(format).decode_stages(format) as usize,
        ),
    ];
    let mut compile = Command::new("iverilog");
    compile.current_dir(&folder).args(["-g2005", "-Wall", "-Wno-timescale"]);
    for (parameter, value) in parameters {
        compile.arg(format!("-Plane_test.{parameter}={value}"));
    }
    compile.arg("-Plane_test.VECTORS=\"vectors.hex\"");
    compile.args(["-s", "lane_test", "-o", "lane_test.vvp"]);
    compile.arg(preset_folder(preset).join("seedlm_decode_lane.v"));
    compile.arg(root().join("testbenches/iverilog/lane_test.v"));
    let printed = succeed(&mut compile);
    assert!(printed.is_empty(), "{printed}");
    let printed = succeed(Command::new("vvp").current_dir(&folder).args(["-n", "lane_test.vvp"]));
    printed.trim_end().to_string()
}

fn decodes_words(preset: &str) {
    let format = WeightFormat::named(preset).expect("presets have names");
    let vectors: Vec<Vector> = words(&format).into_iter().map(|word| vector(&format, word)).collect();
    let expected = format!("PASS {} words", vectors.len());
    assert!(vectors.len() >= 6000);
    assert_eq!(simulate(preset, preset, &format, &vectors), expected);
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

/// A testbench that finds no faults would pass too.
#[test]
fn the_first_wrong_word_is_named() {
    for preset in ["paper-4b", "fp16"] {
        let format = WeightFormat::named(preset).expect("presets have names");
        let words = words(&format);
        let spoils: [fn(&mut Vector); 2] = [
            |vector| *vector.mantissas.last_mut().expect("a word has weights") ^= 1,
            |vector| vector.exponent ^= 1,
        ];
        for spoil in spoils {
            let mut vectors: Vec<Vector> = words[..300].iter().map(|&word| vector(&format, word)).collect();
            spoil(&mut vectors[217]);
            spoil(&mut vectors[250]);
            let printed = simulate(&format!("{preset}-wrong"), preset, &format, &vectors);
            assert!(printed.starts_with("MISMATCH word 217 "), "{printed}");
        }
    }
}
