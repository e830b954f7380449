//! Proofs that what a synthesis makes of a decode lane is the lane: register by register, with yosys' models of the cells.

#[path = "netlists/mod.rs"]
mod netlists;
#[path = "netlists/registers.rs"]
mod registers;
mod tools;
#[path = "tools/yosys.rs"]
mod yosys;

use netlists::{CHIPS, lane, lane_netlist, models, with_flipped_table_bit};
use registers::{Registers, copies, pairs};
use seedlm_codec::WeightFormat;
use seedlm_hdl::netlist::row::row_modules;
use seedlm_hdl::options::{Options, Target};
use seedlm_testbenches::nightly::is_nightly;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tools::{root, run, work_folder};
use yosys::{run_script, yosys};

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("the file can be written");
}

/// What the proof is about.
struct Outcome {
    proved: bool,
    /// Registers of the lane that have one of the netlist that must take the same.
    pairs: usize,
    /// Registers of the lane without.
    alone: Vec<String>,
    /// Registers of the netlist that are in no pair, and no copy of one that is.
    netlist_alone: Vec<String>,
    text: String,
}

/// Module proof: both designs with their registers opened. Paired registers hold the same, and so do copies of them; all others
/// anything.
fn proof(
    format: &WeightFormat,
    lane: &Registers,
    netlist: &Registers,
    pairs: &BTreeMap<String, String>,
    copies: &BTreeMap<String, String>,
) -> String {
    let word = format.lane_bits() - 1;
    let mantissas = format.weights_per_word() as u32 * format.mantissa_bits() - 1;
    let numbers = |cells: Vec<&str>| -> BTreeMap<String, usize> {
        cells
            .into_iter()
            .enumerate()
            .map(|(number, cell)| (cell.to_string(), number))
            .collect()
    };
    let (netlist_numbers, lane_numbers) = (numbers(netlist.cells()), numbers(lane.cells()));
    let mut text = format!(
        "module proof (input wire clk, rst, enable, in_valid, input wire [{word}:0] in_word,\n    \
         input wire [{}:0] held, input wire [{}:0] alone, output wire [{}:0] differs);\n",
        netlist_numbers.len() - 1,
        lane_numbers.len() - 1,
        lane_numbers.len() + 1 + usize::from(format.exponent_bits() > 0) + copies.len(),
    );
    text += &format!("    wire [{}:0] netlist_next;\n", netlist_numbers.len() - 1);
    text += &format!("    wire [{}:0] lane_next;\n", lane_numbers.len() - 1);
    for side in ["lane", "netlist"] {
        text += &format!("    wire {side}_valid;\n    wire [{mantissas}:0] {side}_mantissas;\n");
        if format.exponent_bits() > 0 {
            text += &format!("    wire [{}:0] {side}_exponent;\n", format.exponent_bits() - 1);
        }
        text +=
            &format!("    {side} {side}_opened (\n        .clk(clk), .rst(rst), .enable(enable), .in_valid(in_valid)");
        text += &format!(", .in_word(in_word),\n        .out_valid({side}_valid), .out_mantissas({side}_mantissas)");
        if format.exponent_bits() > 0 {
            text += &format!(", .out_exponent({side}_exponent)");
        }
        let numbers = if side == "lane" {
            &lane_numbers
        } else {
            &netlist_numbers
        };
        for (cell, number) in numbers {
            let held = match (side, pairs.get(cell), copies.get(cell)) {
                ("netlist", _, Some(original)) => format!("held[{}]", netlist_numbers[&pairs[original]]),
                ("netlist", _, None) => format!("held[{number}]"),
                (_, Some(other), _) => format!("held[{}]", netlist_numbers[other]),
                (_, None, _) => format!("alone[{number}]"),
            };
            text += &format!(",\n        .\\{cell}.held ({held}), .\\{cell}.next ({side}_next[{number}])");
        }
        text += "\n    );\n";
    }
    for (cell, number) in &lane_numbers {
        let differs = match pairs.get(cell) {
            Some(other) => format!("lane_next[{number}] != netlist_next[{}]", netlist_numbers[other]),
            None => "1'b0".into(),
        };
        text += &format!("    assign differs[{number}] = {differs};\n");
    }
    let outputs = ["valid", "mantissas", "exponent"];
    for (index, port) in outputs
        .iter()
        .take(2 + usize::from(format.exponent_bits() > 0))
        .enumerate()
    {
        let place = lane_numbers.len() + index;
        text += &format!("    assign differs[{place}] = lane_{port} != netlist_{port};\n");
    }
    let first = lane_numbers.len() + 2 + usize::from(format.exponent_bits() > 0);
    for (place, (copy, original)) in (first..).zip(copies) {
        let (copy, original) = (netlist_numbers[copy], lane_numbers[original]);
        text += &format!("    assign differs[{place}] = lane_next[{original}] != netlist_next[{copy}];\n");
    }
    text + "endmodule\n"
}

/// Tries to prove that a netlist does what the lane of a preset does that is written for the chip, before its rows of adders are
/// cells.
fn prove(name: &str, preset: &str, target: Target, netlist: &str) -> Outcome {
    let folder = work_folder(&format!("equivalence-{name}-{preset}-{target}"));
    write(&folder, "lane.v", &lane(preset, target, true));
    write(&folder, "netlist.v", netlist);
    write(&folder, "cells.v", &models(netlist, target));
    let opened = root().join("testbenches/formal/opened.v");
    fs::copy(opened, folder.join("opened.v")).expect("the file can be copied");
    let (read_all, text) = run_script("registers.ys", &folder);
    assert!(read_all, "{preset}, {target}:\n{text}");
    let lane = Registers::read(&read(&folder, "lane.json"), "lane");
    let netlist = Registers::read(&read(&folder, "netlist.json"), "netlist");
    let pairs = pairs(&lane, &netlist);
    let copies = copies(&lane, &netlist, &pairs);
    let format = WeightFormat::named(preset).expect("presets have names");
    write(&folder, "proof.v", &proof(&format, &lane, &netlist, &pairs, &copies));
    let (proved, text) = run_script("equivalence.ys", &folder);
    let alone = lane.cells().into_iter().filter(|cell| !pairs.contains_key(*cell));
    let in_pair = |cell: &str| copies.contains_key(cell) || pairs.values().any(|other| other == cell);
    Outcome {
        proved,
        pairs: pairs.len(),
        alone: alone.map(|cell| lane.called(cell)).collect(),
        netlist_alone: netlist
            .cells()
            .into_iter()
            .filter(|cell| !in_pair(cell))
            .map(|cell| netlist.called(cell))
            .collect(),
        text,
    }
}

fn proves_lanes(preset: &str, chips: &[Target]) {
    for &target in chips {
        let netlist = lane_netlist(preset, target);
        let outcome = prove("lane", preset, target, &netlist);
        let all = format!(
            "{preset}, {target}: {} pairs, alone {:?}, in the netlist {:?}",
            outcome.pairs, outcome.alone, outcome.netlist_alone
        );
        let text = &outcome.text[outcome.text.len().saturating_sub(3000)..];
        println!("{all}");
        assert!(outcome.proved, "{all}\n{text}");
        assert!(
            text.contains("SAT proof finished - no model found: SUCCESS!"),
            "{all}\n{text}"
        );
    }
}

#[test]
fn chained_4b_lanes_are_their_netlists() {
    proves_lanes("chained-4b", &CHIPS);
}

#[test]
fn paper_4b_lanes_are_their_netlists() {
    proves_lanes("paper-4b", &CHIPS);
}

/// This one differs in widths only: by default for one chip.
#[test]
fn chained_3b_lanes_are_their_netlists() {
    let chips: &[Target] = if is_nightly() { &CHIPS } else { &[Target::Ice40] };
    proves_lanes("chained-3b", chips);
}

/// The largest lane: by default for one chip.
#[test]
fn paper_3b_lanes_are_their_netlists() {
    let chips: &[Target] = if is_nightly() { &CHIPS } else { &[Target::Ice40] };
    proves_lanes("paper-3b", chips);
}

/// Forms of rows: the module, and its inputs with whether each has a bit for a row, and not for a bit of the numbers.
type Form = (&'static str, &'static [(&'static str, bool)]);

const PLAIN: Form = ("plain", &[("a", false), ("b", false)]);
const GATED: Form = ("gated", &[("a", false), ("b", false), ("b_gate", true)]);
const PAIR: Form = (
    "pair",
    &[("a", false), ("a_gate", true), ("b", false), ("b_gate", true)],
);
const CHOSEN: Form = (
    "chosen",
    &[("a", false), ("choice", true), ("yes", false), ("no", false)],
);
const LESS_CHOSEN: Form = ("less_chosen", CHOSEN.1);
const THREE: Form = ("three", &[("a", false), ("b", false), ("c", false)]);
const THREE_GATED: Form = (
    "three_gated",
    &[("a", false), ("b", false), ("c", false), ("c_gate", true)],
);

/// Tries to prove that a row in a chip's cells computes what the plain one does: whether it did, and what yosys printed.
fn prove_row(target: Target, (module, inputs): Form, width: usize, rows: usize, cells: &str) -> (bool, String) {
    let folder = work_folder(&format!("equivalence-row-{target}-{module}-{width}-{rows}"));
    let plain = Options {
        target,
        plain_rows: true,
    };
    let plain = row_modules(&plain, "_plain").expect("the target has rows");
    let mut text = format!("{plain}\n{cells}\n{}\nmodule proof (", models(cells, target));
    for (name, is_for_row) in inputs {
        let bits = if *is_for_row { rows } else { rows * width };
        text += &format!("input wire [{}:0] {name}, ", bits - 1);
    }
    text += &format!(
        "output wire differs);\n    wire [{}:0] expected, found;\n",
        rows * width - 1
    );
    let pins: String = inputs.iter().map(|(name, _)| format!(".{name}({name}), ")).collect();
    // Rows of 7-series never share a chain.
    let shared = if rows > 1 {
        format!(", .ROWS({rows})")
    } else {
        String::new()
    };
    for (suffix, sum) in [("_plain", "expected"), ("_cells", "found")] {
        text +=
            &format!("    seedlm_row_{module}{suffix} #(.WIDTH({width}){shared}) row{suffix} ({pins}.sum({sum}));\n");
    }
    text += "    assign differs = expected != found;\nendmodule\n";
    write(&folder, "row.v", &text);
    let commands = "read_verilog row.v; hierarchy -check -top proof; proc; flatten; opt; sat -verify -prove differs 0";
    run(yosys(&folder).args(["-p", commands]))
}

fn rows_in_cells(target: Target) -> String {
    row_modules(&Options::written_for(target), "_cells").expect("the target has rows")
}

/// Every form of row on its own, in widths at the ends of the carry chains' cells, alone and in twos.
#[test]
fn rows_in_cells_are_the_plain_ones() {
    let of_chips: [(Target, &[Form], &[usize]); 2] = [
        (Target::Xc7, &[GATED, PAIR, LESS_CHOSEN, THREE, THREE_GATED], &[1]),
        (Target::Ecp5, &[PLAIN, GATED, PAIR, CHOSEN], &[1, 2]),
    ];
    for (target, forms, counts) in of_chips {
        let cells = rows_in_cells(target);
        for &form in forms {
            for width in [3, 4, 5, 8, 9] {
                for &rows in counts {
                    let (proved, text) = prove_row(target, form, width, rows, &cells);
                    let found = text.contains("SAT proof finished - no model found: SUCCESS!");
                    assert!(
                        proved && found,
                        "{target}, {}, {width} bits, {rows} rows:\n{text}",
                        form.0
                    );
                }
            }
        }
    }
}

#[test]
fn a_wrong_table_of_a_row_is_refuted() {
    let wrong = rows_in_cells(Target::Ecp5).replace("16'h665A", "16'h569A");
    let (proved, text) = prove_row(Target::Ecp5, CHOSEN, 4, 1, &wrong);
    assert!(!proved && text.contains("proof did fail!"), "{text}");
}

#[test]
fn a_flipped_bit_of_a_table_is_refuted() {
    for target in CHIPS {
        let netlist = lane_netlist("chained-4b", target);
        let wrong = with_flipped_table_bit(&netlist, target);
        let outcome = prove("flipped", "chained-4b", target, &wrong);
        let refuted = outcome.text.contains("ERROR: Called with -verify and proof did fail!");
        assert!(!outcome.proved && refuted, "{target}:\n{}", outcome.text);
    }
}
