//! Every tool that reads the Verilog reads it without a word: the presets, and machines that differ from them.

mod tools;

use rayon::prelude::*;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{BlockCode, BlockCodeFields, Lfsr, WeightFormat};
use seedlm_hdl::generate::{files, presets};
use seedlm_hdl::options::Options;
use seedlm_testbenches::machines::chained;
use seedlm_verilator::Verilator;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use tools::{preset_folder, root, run, work_folder};

const TOPS: [&str; 2] = ["seedlm_decoder", "seedlm_matvec"];

/// Names of the Verilog files of a folder.
fn sources(folder: &Path) -> Vec<String> {
    let list = fs::read_to_string(folder.join("seedlm.f")).expect("there is a list of files");
    list.split_whitespace().map(String::from).collect()
}

/// The Verilator that users have, and the current one, each with what keeps it from reporting about itself.
static VERILATORS: LazyLock<[(Verilator, &[&str]); 2]> = LazyLock::new(|| {
    let current = root().join(".tools/verilator-current/bin/verilator");
    [Verilator::find(), Verilator::at(current)].map(|verilator| {
        let verilator = verilator.unwrap_or_else(|error| panic!("{error}"));
        // Older ones do not report, and refuse the option.
        let option: &[&str] = &["--quiet-stats"];
        let (is_known, _) = run(verilator.command().args(option).arg("--version"));
        (verilator, if is_known { option } else { &[] })
    })
});

/// What a tool complains about, if anything.
fn complaint(command: &mut Command, folder: &Path) -> Option<String> {
    let (success, text) = run(command.current_dir(folder));
    (!success || !text.is_empty()).then(|| format!("{command:?}\n{text}"))
}

fn verilator_complaints(folder: &Path, top: &str) -> Vec<String> {
    let lint = |(verilator, quiet): &(Verilator, &[&str])| {
        let mut command = verilator.command();
        command.args(*quiet).args(["--lint-only", "-Wall", "--top-module", top]);
        complaint(command.args(sources(folder)), folder)
    };
    VERILATORS.iter().filter_map(lint).collect()
}

fn iverilog_complaints(folder: &Path, top: &str) -> Vec<String> {
    let mut command = Command::new("iverilog");
    command.args(["-g2005", "-Wall", "-t", "null", "-s", top]);
    complaint(command.args(sources(folder)), folder).into_iter().collect()
}

fn yosys_complaints(folder: &Path, top: &str) -> Vec<String> {
    let script = format!(
        "read_verilog {}; hierarchy -check -top {top}; proc; opt; memory_collect; check -assert",
        sources(folder).join(" ")
    );
    complaint(Command::new("yosys").args(["-q", "-p", &script]), folder)
        .into_iter()
        .collect()
}

#[test]
fn presets_are_clean_in_every_tool() {
    let names = presets();
    let complaints: Vec<String> = names
        .par_iter()
        .flat_map(|preset| TOPS.map(|top| (preset_folder(preset), top)))
        .flat_map(|(folder, top)| {
            [verilator_complaints, iverilog_complaints, yosys_complaints].map(|tool| tool(&folder, top).concat())
        })
        .filter(|complaint| !complaint.is_empty())
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

/// A change of the reference machine's configuration.
type Change = fn(&mut DatapathConfig);

fn code(fields: [u32; 5]) -> WeightFormat {
    let [block_size, latent_dimension, length, coefficient_bits, exponent_bits] = fields;
    let lfsr = Lfsr::paper(length).expect("the paper has taps for it");
    let fields = BlockCodeFields {
        block_size,
        latent_dimension,
        coefficient_bits,
        exponent_bits,
        lfsr,
    };
    WeightFormat::Block(BlockCode::new(fields).expect("a legal code"))
}

/// Machines at the ends of what a configuration may say.
fn machines() -> Vec<(&'static str, WeightFormat, Change)> {
    let named = |name| WeightFormat::named(name).expect("presets have names");
    let one_lane: Change = |c| (c.lanes, c.tile_rows, c.beat_bits) = (1, 1, 64);
    vec![
        ("one-lane", named("paper-4b"), one_lane),
        ("one-lane-3b", named("paper-3b"), one_lane),
        ("one-lane-fp16", named("fp16"), one_lane),
        ("four-words-per-row", named("paper-4b"), |c| {
            (c.lanes, c.tile_rows, c.beat_bits) = (16, 4, 512)
        }),
        ("three-rows", named("paper-3b"), |c| {
            (c.lanes, c.tile_rows, c.beat_bits) = (6, 3, 192)
        }),
        ("wide-activations", named("paper-4b"), |c| {
            (c.lanes, c.tile_rows, c.activation_bits, c.largest_columns) = (4, 2, 16, 4096)
        }),
        ("fp16-wide-activations", named("fp16"), |c| {
            (c.lanes, c.activation_bits) = (16, 16)
        }),
        ("no-gearbox", named("paper-4b"), |c| c.gearbox = false),
        ("no-gearbox-two-groups-per-beat", named("paper-4b"), |c| {
            (c.gearbox, c.lanes, c.tile_rows) = (false, 8, 4)
        }),
        ("no-exponent", code([8, 3, 16, 4, 0]), |c| {
            (c.lanes, c.tile_rows, c.beat_bits) = (4, 2, 128)
        }),
        ("no-exponent-one-lane", code([4, 2, 8, 4, 0]), one_lane),
        ("longest-register", code([8, 3, 24, 4, 4]), |c| {
            (c.lanes, c.tile_rows, c.largest_columns) = (4, 4, 4096)
        }),
        ("shortest-register", code([4, 2, 2, 4, 4]), one_lane),
        ("one-coefficient", code([4, 1, 16, 4, 4]), |c| {
            (c.lanes, c.tile_rows) = (4, 2)
        }),
        ("one-weight", code([1, 1, 8, 2, 1]), one_lane),
        ("eight-coefficients", code([16, 8, 8, 4, 3]), |c| {
            (c.lanes, c.tile_rows) = (2, 1)
        }),
        ("smallest-buffers", named("paper-4b"), |c| {
            (c.lanes, c.tile_rows, c.beat_bits) = (2, 2, 64);
            (c.beat_fifo_beats, c.result_fifo_groups, c.largest_columns) = (1, 1, 1);
        }),
        ("odd-buffers", named("fp16"), |c| {
            (c.beat_fifo_beats, c.result_fifo_groups, c.largest_columns) = (5, 3, 1000)
        }),
        ("more-stages", named("paper-4b"), |c| {
            (c.lanes, c.tile_rows, c.extra_decode_stages, c.extra_mac_stages) = (2, 1, 3, 2)
        }),
        ("chained-one-lane", named("chained-3b-k12"), one_lane),
        ("chained-two-words-per-row", named("chained-4b"), |c| {
            (c.lanes, c.tile_rows, c.extra_decode_stages) = (4, 2, 1)
        }),
        ("chained-shared-multipliers", named("chained-4b"), |c| {
            c.pack_products = true
        }),
        ("chained-one-bit", chained(1, 2, &[1]), one_lane),
        ("chained-two-fields", chained(5, 9, &[2, 3]), |c| {
            (c.lanes, c.tile_rows) = (2, 2)
        }),
        ("chained-eight-fields", chained(8, 24, &[8, 1, 4, 4, 8, 8, 2, 8]), |c| {
            (c.lanes, c.tile_rows) = (2, 1)
        }),
    ]
}

#[test]
fn other_machines_are_clean_in_verilator() {
    let complaints: Vec<String> = machines()
        .into_par_iter()
        .flat_map(|(name, format, change)| {
            let mut config = DatapathConfig::reference(&format);
            change(&mut config);
            let folder = work_folder(&format!("lint-{name}"));
            let files = match files(&config, &format, &Options::default(), "") {
                Ok(files) => files,
                Err(error) => return vec![format!("{name}: {error}")],
            };
            for file in files {
                fs::write(folder.join(&file.name), file.text).expect("the file can be written");
            }
            let of_top = |top| verilator_complaints(&folder, top);
            TOPS.into_iter()
                .flat_map(of_top)
                .map(|text| format!("{name}: {text}"))
                .collect()
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

/// A check that finds nothing in bad Verilog would pass too.
#[test]
fn complaints_are_noticed() {
    let folder = work_folder("lint-bad");
    let text =
        "module bad (input wire [3:0] in, output wire [7:0] out);\n    assign out = in + undeclared;\nendmodule\n";
    fs::write(folder.join("bad.v"), text).expect("the file can be written");
    fs::write(folder.join("seedlm.f"), "bad.v\n").expect("the file can be written");
    assert_eq!(verilator_complaints(&folder, "bad").len(), 2);
    assert_eq!(iverilog_complaints(&folder, "bad").len(), 1);
    assert_eq!(yosys_complaints(&folder, "bad").len(), 1);
}
