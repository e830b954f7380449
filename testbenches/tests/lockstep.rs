//! Every module and both tops: the simulator's unit and the Verilog, every output in every cycle, under all patterns.

use rayon::prelude::*;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{BlockCode, BlockCodeFields, Lfsr, WeightFormat};
use seedlm_testbenches::benches;
use seedlm_testbenches::lockstep::{Length, run};
use seedlm_testbenches::rtl::Rtl;
use seedlm_testbenches::stimulus::Pattern;
use seedlm_verilator::Verilator;

/// Set to 1 for the long form: 10 million words through the decoder of every preset.
const NIGHTLY: &str = "SEEDLM_NIGHTLY";

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

fn all_modules() -> Vec<&'static str> {
    benches::ALL.iter().map(|(name, _)| *name).collect()
}

fn reference(name: &str) -> (DatapathConfig, WeightFormat) {
    let format = WeightFormat::named(name).unwrap();
    (DatapathConfig::reference(&format), format)
}

/// A machine small enough to be built in seconds, with buffers small enough to fill up.
fn small(format: &WeightFormat) -> DatapathConfig {
    DatapathConfig {
        beat_bits: 64,
        lanes: 2,
        tile_rows: 2,
        largest_columns: 256,
        beat_fifo_beats: 4,
        result_fifo_groups: 2,
        ..DatapathConfig::reference(format)
    }
}

fn free(
    block_size: u32,
    latent_dimension: u32,
    length: u32,
    coefficient_bits: u32,
    exponent_bits: u32,
) -> WeightFormat {
    let lfsr = Lfsr::paper(length).unwrap();
    let fields = BlockCodeFields {
        block_size,
        latent_dimension,
        coefficient_bits,
        exponent_bits,
        lfsr,
    };
    WeightFormat::Block(BlockCode::new(fields).unwrap())
}

#[test]
fn all_modules_of_paper_4b() {
    let (config, format) = reference("paper-4b");
    check(&config, &format, &all_modules(), LENGTH);
}

#[test]
fn all_modules_of_paper_3b() {
    let (config, format) = reference("paper-3b");
    check(&config, &format, &all_modules(), LENGTH);
}

#[test]
fn all_modules_of_fp16() {
    let (config, format) = reference("fp16");
    check(&config, &format, &all_modules(), LENGTH);
}

/// At least 200,000 words through the decoder of each preset, or 10 million in the nightly form; a quarter in each
/// pattern.
#[test]
fn many_random_words_through_the_decoders() {
    let words = match std::env::var(NIGHTLY).as_deref() {
        Ok("1") => 10_000_000,
        _ => 200_000,
    };
    let length = Length {
        cycles: 0,
        checked: words / Pattern::ALL.len() as u64,
    };
    for name in ["paper-4b", "paper-3b", "fp16"] {
        let (config, format) = reference(name);
        check(&config, &format, &["seedlm_decoder"], length);
    }
}

/// Shapes of machine that the presets do not have: groups wider and narrower than a beat, several words per row, steps that
/// take several beats or share one, buffers of one entry, extra stages, wide activations.
#[test]
fn both_tops_of_other_machines() {
    let paper = |name: &str| WeightFormat::named(name).unwrap();
    let (four, three, fp16) = (paper("paper-4b"), paper("paper-3b"), paper("fp16"));
    type Change = fn(&mut DatapathConfig);
    let machines: Vec<(WeightFormat, Change)> = vec![
        (four.clone(), |_| {}),
        (four.clone(), |c| (c.lanes, c.tile_rows, c.gearbox) = (1, 1, false)),
        (four.clone(), |c| (c.lanes, c.tile_rows, c.beat_bits) = (4, 1, 64)),
        (four.clone(), |c| {
            (c.result_fifo_groups, c.beat_fifo_beats, c.beat_bits) = (1, 1, 128)
        }),
        (four, |c| {
            (c.activation_bits, c.extra_decode_stages, c.extra_mac_stages) = (16, 2, 3)
        }),
        (three.clone(), |c| (c.lanes, c.tile_rows, c.beat_bits) = (3, 3, 128)),
        (three, |c| (c.lanes, c.tile_rows) = (4, 2)),
        (fp16.clone(), |c| (c.lanes, c.tile_rows) = (8, 2)),
        (fp16, |c| {
            (c.activation_bits, c.largest_columns, c.extra_decode_stages) = (16, 64, 1)
        }),
    ];
    for (format, change) in machines {
        let mut config = small(&format);
        change(&mut config);
        check(&config, &format, &["seedlm_decoder", "seedlm_matvec"], LENGTH);
    }
}

/// Codes at the edges of what the format allows, where chunks and windows take other shapes.
#[test]
fn lanes_of_other_codes() {
    let codes = [
        free(1, 1, 2, 2, 0),
        free(4, 1, 16, 4, 4),
        free(6, 2, 5, 4, 4),
        free(3, 3, 2, 3, 1),
        free(8, 8, 8, 4, 4),
        free(8, 5, 7, 8, 2),
        free(16, 4, 12, 4, 4),
        free(2, 2, 24, 4, 3),
        free(8, 3, 17, 5, 0),
        free(64, 2, 11, 4, 2),
    ];
    for format in codes {
        let config = DatapathConfig {
            largest_columns: 64,
            ..small(&format)
        };
        check(&config, &format, &["seedlm_decode_lane", "seedlm_mac"], LENGTH);
    }
}

/// The same with a current Verilator: what a test shows must not depend on one version of the tool.
#[test]
fn all_modules_of_a_small_machine_with_a_current_verilator() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/verilator-current/bin/verilator");
    let verilator =
        Verilator::at(path).unwrap_or_else(|error| panic!("{error}\nrun `bash testbenches/test.sh` to install it"));
    let format = WeightFormat::named("paper-4b").unwrap();
    check_with(&verilator, &small(&format), &format, &all_modules(), LENGTH);
}
