//! Every module and both tops: the simulator's unit and the Verilog, every output in every cycle, under all patterns.

use rayon::prelude::*;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{ChainedCode, WeightFormat};
use seedlm_hdl::generate::{modules, presets};
use seedlm_hdl::options::Options;
use seedlm_testbenches::benches;
use seedlm_testbenches::lockstep::{Length, run};
use seedlm_testbenches::machines::{self, chained, code};
use seedlm_testbenches::nightly::is_nightly;
use seedlm_testbenches::rtl::Rtl;
use seedlm_testbenches::stimulus::Pattern;
use seedlm_verilator::Verilator;

const LENGTH: Length = Length {
    cycles: 2500,
    checked: 100,
};

fn check(config: &DatapathConfig, format: &WeightFormat, modules: &[&str], length: Length) {
    let verilator = Verilator::find().unwrap_or_else(|error| panic!("{error}"));
    check_with(&verilator, config, format, modules, length);
}

fn check_with(verilator: &Verilator, config: &DatapathConfig, format: &WeightFormat, modules: &[&str], length: Length) {
    let rtl = Rtl::generate(config, format).unwrap_or_else(|error| panic!("{}: {error}", format.label()));
    modules.par_iter().for_each(|&module| {
        let make = benches::bench(module);
        for pattern in Pattern::ALL {
            let outcome = run(&|| make(config, format), &rtl, verilator, pattern, length);
            outcome.unwrap_or_else(|mismatch| panic!("{}: {mismatch}", format.label()));
        }
    });
}

/// The modules that a format's machine has.
fn all_modules(format: &WeightFormat) -> Vec<&'static str> {
    let names = benches::ALL.iter().map(|(name, _)| *name);
    names
        .filter(|name| *name != "seedlm_history" || format.history_bits() > 0)
        .collect()
}

fn reference(name: &str) -> (DatapathConfig, WeightFormat) {
    let format = WeightFormat::named(name).unwrap();
    (DatapathConfig::reference(&format), format)
}

/// A module that is new must not go untested.
#[test]
fn every_generated_module_has_its_bench() {
    for name in WeightFormat::names() {
        let (config, format) = reference(&name);
        let mut benches = all_modules(&format);
        benches.sort_unstable();
        let modules = modules(&config, &format, &Options::default()).unwrap();
        let mut generated: Vec<&str> = modules.iter().map(|module| module.name()).collect();
        generated.sort_unstable();
        assert_eq!(generated, benches, "{name}");
    }
}

fn check_all_modules(name: &str) {
    let (config, format) = reference(name);
    check(&config, &format, &all_modules(&format), LENGTH);
}

#[test]
fn all_modules_of_paper_4b() {
    check_all_modules("paper-4b");
}

#[test]
fn all_modules_of_paper_3b() {
    check_all_modules("paper-3b");
}

#[test]
fn all_modules_of_fp16() {
    check_all_modules("fp16");
}

#[test]
fn all_modules_of_chained_4b() {
    check_all_modules("chained-4b");
}

/// What another number of bits per weight changes; the other modules are as those of `chained-4b`.
#[test]
fn decoders_and_macs_of_chained_3b_and_2b() {
    for name in ["chained-3b", "chained-2b"] {
        let (config, format) = reference(name);
        let modules = ["seedlm_decode_lane", "seedlm_history", "seedlm_decoder", "seedlm_mac"];
        check(&config, &format, &modules, LENGTH);
    }
}

/// At least 200,000 words through the decoder of each preset, or 10 million in the nightly form; a quarter in each
/// pattern.
#[test]
fn many_random_words_through_the_decoders() {
    let words = if is_nightly() { 10_000_000 } else { 200_000 };
    let length = Length {
        cycles: 0,
        checked: words / Pattern::ALL.len() as u64,
    };
    for name in presets() {
        let (config, format) = reference(&name);
        check(&config, &format, &["seedlm_decoder"], length);
    }
}

/// The last words of the activation buffer: other benches have no time to come so far.
#[test]
fn every_step_of_the_activation_buffers() {
    let verilator = Verilator::find().unwrap_or_else(|error| panic!("{error}"));
    ["paper-4b", "paper-3b", "fp16"].par_iter().for_each(|name| {
        let (config, format) = reference(name);
        let rtl = Rtl::generate(&config, &format).unwrap();
        // Both halves at least: the first matrix may have three tiles.
        let length = Length {
            cycles: 0,
            checked: 4 * config.largest_steps(&format) as u64 + 100,
        };
        let make = || benches::WHOLE_ACTIVATION_BUFFER(&config, &format);
        for pattern in Pattern::ALL {
            let outcome = run(&make, &rtl, &verilator, pattern, length);
            outcome.unwrap_or_else(|mismatch| panic!("{name}: {mismatch}"));
        }
    });
}

#[test]
fn both_tops_of_other_machines() {
    for (format, config) in machines::others() {
        check(&config, &format, &["seedlm_decoder", "seedlm_matvec"], LENGTH);
    }
}

/// Codes at the edges of what the format allows, where chunks and windows take other shapes.
#[test]
fn lanes_of_other_codes() {
    let codes = [
        code(1, 1, 2, 2, 0),
        code(4, 1, 16, 4, 4),
        code(6, 2, 5, 4, 4),
        code(3, 3, 2, 3, 1),
        code(8, 8, 8, 4, 4),
        code(8, 5, 7, 8, 2),
        code(16, 4, 12, 4, 4),
        code(2, 2, 24, 4, 3),
        code(8, 3, 17, 5, 0),
        code(64, 2, 11, 4, 2),
    ];
    for format in codes.map(WeightFormat::Block) {
        let config = DatapathConfig {
            largest_columns: 64,
            ..machines::small(&format)
        };
        check(&config, &format, &["seedlm_decode_lane", "seedlm_mac"], LENGTH);
    }
}

/// Maps at the edges of what the format allows: where fields are added in other ways, and windows reach further or less far.
#[test]
fn lanes_of_other_chained_codes() {
    let codes = [
        ChainedCode::preset("chained-4b-k12")
            .map(WeightFormat::Chained)
            .unwrap(),
        ChainedCode::preset("chained-3b-k12")
            .map(WeightFormat::Chained)
            .unwrap(),
        chained(1, 2, &[1]),
        chained(8, 9, &[8]),
        chained(1, 24, &[4, 4]),
        chained(7, 24, &[1, 8]),
        chained(3, 10, &[5, 3, 1]),
        chained(6, 16, &[4, 4, 4, 4]),
        chained(4, 20, &[2, 2, 6, 1, 3]),
        chained(8, 24, &[8; 8]),
    ];
    for format in codes {
        let config = DatapathConfig {
            largest_columns: 64,
            ..machines::small(&format)
        };
        let modules = ["seedlm_decode_lane", "seedlm_history", "seedlm_mac"];
        check(&config, &format, &modules, LENGTH);
    }
}

/// Rows that share multipliers: the presets on the reference machine, and weights at the edges of what fits, the widest (60 and 63)
/// and the narrowest.
#[test]
fn rows_that_share_multipliers() {
    for name in ["chained-4b", "chained-3b", "chained-2b"] {
        let (mut config, format) = reference(name);
        config.pack_products = true;
        check(&config, &format, &["seedlm_mac", "seedlm_matvec"], LENGTH);
    }
    for format in [
        chained(6, 16, &[4, 4, 4, 4]),
        chained(8, 9, &[6]),
        chained(4, 6, &[1]),
        chained(1, 6, &[2, 1]),
    ] {
        let config = DatapathConfig {
            pack_products: true,
            ..machines::small(&format)
        };
        check(&config, &format, &["seedlm_mac", "seedlm_matvec"], LENGTH);
    }
}

/// The same with a current Verilator: what a test shows must not depend on one version of the tool.
#[test]
fn all_modules_of_a_small_machine_with_a_current_verilator() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/verilator-current/bin/verilator");
    let verilator =
        Verilator::at(path).unwrap_or_else(|error| panic!("{error}\nrun `bash testbenches/test.sh` to install it"));
    for name in ["paper-4b", "chained-4b"] {
        let format = WeightFormat::named(name).unwrap();
        let modules = all_modules(&format);
        check_with(&verilator, &machines::small(&format), &format, &modules, LENGTH);
    }
}
