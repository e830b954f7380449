//! What a synthesis makes of a decode lane, simulated with yosys' models of the cells: in lockstep with the simulator's unit,
//! and on the golden vectors.

mod golden;
mod lane_model;
#[path = "netlists/mod.rs"]
mod netlists;
mod tools;
#[path = "tools/yosys.rs"]
mod yosys;

use golden::cases;
use lane_model::LaneModel;
use netlists::{CHIPS, LANE, lane_netlist, models, with_flipped_table_bit};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_hdl::generate::GeneratedFile;
use seedlm_hdl::options::Target;
use seedlm_testbenches::benches;
use seedlm_testbenches::lockstep::{Length, differs, run};
use seedlm_testbenches::nightly::is_nightly;
use seedlm_testbenches::rtl::Rtl;
use seedlm_testbenches::stimulus::Pattern;
use seedlm_verilator::Verilator;

fn verilator() -> Verilator {
    Verilator::find().unwrap_or_else(|error| panic!("{error}"))
}

/// The netlist as a design that Verilator builds. That cells have ports and parameters that nothing uses is no fault.
fn design(netlist: &str, target: Target) -> Rtl {
    let text = format!("/* verilator lint_off WIDTH */\n{}\n{netlist}", models(netlist, target));
    Rtl {
        files: vec![GeneratedFile {
            name: format!("{LANE}.v"),
            text,
        }],
    }
}

fn machine(preset: &str) -> (DatapathConfig, WeightFormat) {
    let format = WeightFormat::named(preset).expect("presets have names");
    (DatapathConfig::reference(&format), format)
}

/// A word as the lane gets it, its mantissas and its exponent.
struct Golden {
    place: String,
    word: u128,
    mantissas: Vec<i64>,
    exponent: u64,
}

/// The golden vectors of a preset's code.
fn golden_words(format: &WeightFormat) -> Vec<Golden> {
    let (file, mantissas) = match format {
        WeightFormat::Chained(_) => ("good/chained_presets.json", "integers"),
        _ => ("good/words.json", "mantissas"),
    };
    let mut found = Vec::new();
    for case in cases(file) {
        let (word, exponent) = match format {
            WeightFormat::Block(code) if case.block_code().is_ok_and(|of_case| of_case == *code) => {
                (case.bits("word"), case.integer::<u32>("exponent").into())
            }
            WeightFormat::Chained(code) if case.chained_code().is_ok_and(|of_case| of_case == *code) => {
                (case.bits("word") << code.history_bits() | case.bits("history"), 0)
            }
            _ => continue,
        };
        found.push(Golden {
            place: case.place.clone(),
            word,
            mantissas: case.integers(mantissas),
            exponent,
        });
    }
    assert!(!found.is_empty(), "{file} has no case of {}", format.label());
    found
}

/// Sends the words right behind each other: the first that comes out wrong, or in another cycle than the one in which it has
/// gone through all stages.
fn first_wrong_word(rtl: &Rtl, config: &DatapathConfig, format: &WeightFormat) -> Option<String> {
    let words = golden_words(format);
    let mut lane = LaneModel::new(&rtl.design(LANE), format);
    let stages = config.decode_stages(format) as usize;
    for cycle in 0..words.len() + stages {
        let sent = words.get(cycle);
        lane.set(true, sent.is_some(), sent.map_or(0, |golden| golden.word));
        let leaves = cycle.checked_sub(stages).map(|number| &words[number]);
        if lane.is_valid() != leaves.is_some() {
            return Some(format!("cycle {cycle}: out_valid is {}", lane.is_valid()));
        }
        if let Some(golden) = leaves.filter(|golden| !lane.shows(&golden.mantissas, golden.exponent)) {
            return Some(golden.place.clone());
        }
        lane.clock();
    }
    None
}

/// The golden vectors come out as they stand there. Every output in every cycle is that of the simulator's unit, so values
/// are right and come in the right stage.
fn runs_as_the_unit(preset: &str) {
    let (config, format) = machine(preset);
    let checked = if is_nightly() { 1_000_000 } else { 5_000 };
    let length = Length { cycles: 0, checked };
    let make = benches::bench(LANE);
    for target in CHIPS {
        let rtl = design(&lane_netlist(preset, target), target);
        assert_eq!(first_wrong_word(&rtl, &config, &format), None, "{preset}, {target}");
        for pattern in Pattern::ALL {
            let outcome = run(&|| make(&config, &format), &rtl, &verilator(), pattern, length);
            outcome.unwrap_or_else(|mismatch| panic!("{preset}, {target}: {mismatch}"));
        }
    }
}

#[test]
fn netlists_of_paper_4b_run_as_the_unit() {
    runs_as_the_unit("paper-4b");
}

#[test]
fn netlists_of_chained_4b_run_as_the_unit() {
    runs_as_the_unit("chained-4b");
}

#[test]
fn a_flipped_bit_of_a_table_is_found() {
    let (config, format) = machine("chained-4b");
    let make = benches::bench(LANE);
    let length = Length {
        cycles: 0,
        checked: 5_000,
    };
    for target in CHIPS {
        let netlist = lane_netlist("chained-4b", target);
        let rtl = design(&with_flipped_table_bit(&netlist, target), target);
        let found = differs(&|| make(&config, &format), &rtl, &verilator(), Pattern::Steady, length);
        assert!(found.is_some(), "{target}");
    }
}
