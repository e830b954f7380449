//! What is written for chips of one family, and what is not among the presets: the same cycles, and no warning.

mod tools;

use rayon::prelude::*;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_hdl::board::project::BOARDS;
use seedlm_hdl::generate::{GeneratedFile, files, serial_files};
use seedlm_hdl::options::{Options, Target};
use seedlm_testbenches::benches;
use seedlm_testbenches::lockstep::{Length, run};
use seedlm_testbenches::machines::{chained, code, small};
use seedlm_testbenches::rtl::Rtl;
use seedlm_testbenches::stimulus::Pattern;
use seedlm_verilator::Verilator;
use std::fs;
use std::process::Command;
use tools::{root, run as run_tool, work_folder};

/// Lanes of the chained code are written differently for tables of four inputs, and must show the same in every cycle.
#[test]
fn chained_lanes_for_tables_of_four_inputs_keep_step() {
    let verilator = Verilator::find().unwrap_or_else(|error| panic!("{error}"));
    let formats = [
        WeightFormat::named("chained-4b").unwrap(),
        WeightFormat::named("chained-3b-k12").unwrap(),
        // Fields that wait for several stages, and one that is alone.
        chained(8, 24, &[8, 1, 4, 4, 8, 8, 2, 8]),
        chained(1, 6, &[3]),
    ];
    // With a stage to spare the fields have one of their own.
    let cases: Vec<(&WeightFormat, u32)> = formats.iter().flat_map(|format| [(format, 0), (format, 1)]).collect();
    cases.par_iter().for_each(|&(format, extra_decode_stages)| {
        let config = DatapathConfig {
            extra_decode_stages,
            ..small(format)
        };
        let options = Options::written_for(Target::Ice40);
        let rtl = Rtl::written_with(&config, format, &options).unwrap();
        for module in ["seedlm_decode_lane", "seedlm_decoder"] {
            let make = benches::bench(module);
            let length = Length {
                cycles: 2500,
                checked: 100,
            };
            for pattern in Pattern::ALL {
                let outcome = run(&|| make(&config, format), &rtl, &verilator, pattern, length);
                let label = format.label();
                outcome.unwrap_or_else(|mismatch| panic!("{label}, {extra_decode_stages} stages more: {mismatch}"));
            }
        }
    });
}

/// Lanes of block codes are written differently for every family of chips, and must show the same in every cycle. Their rows
/// of adders are plain here; `equivalence` proves that the chips' cells are the same.
#[test]
fn block_lanes_for_chips_keep_step() {
    let verilator = Verilator::find().unwrap_or_else(|error| panic!("{error}"));
    let formats = [
        WeightFormat::named("paper-4b").unwrap(),
        WeightFormat::named("paper-3b").unwrap(),
        // One coefficient; two; as many coefficients as the register has bits; many edges of either kind.
        WeightFormat::Block(code(3, 1, 4, 4, 2)),
        WeightFormat::Block(code(4, 2, 9, 3, 4)),
        WeightFormat::Block(code(6, 4, 4, 2, 1)),
        WeightFormat::Block(code(13, 8, 16, 4, 4)),
    ];
    let both = |format| [Target::Xc7, Target::Ecp5].map(|target| (format, target));
    let cases: Vec<(&WeightFormat, Target)> = formats.iter().flat_map(both).collect();
    cases.par_iter().for_each(|&(format, target)| {
        let config = small(format);
        let options = Options {
            target,
            plain_rows: true,
        };
        let rtl = Rtl::written_with(&config, format, &options).unwrap();
        let make = benches::bench("seedlm_decode_lane");
        let length = Length {
            cycles: 2500,
            checked: 100,
        };
        for pattern in Pattern::ALL {
            let outcome = run(&|| make(&config, format), &rtl, &verilator, pattern, length);
            outcome.unwrap_or_else(|mismatch| panic!("{}, {target}: {mismatch}", format.label()));
        }
    });
}

/// What a Verilator complains about.
fn complaint(verilator: &Verilator, name: &str, top: &str, files: &[GeneratedFile]) -> Option<String> {
    let folder = work_folder(&format!("targets-{name}"));
    for file in files {
        fs::write(folder.join(&file.name), &file.text).expect("the file can be written");
    }
    let sources = files.iter().map(|file| file.name.as_str());
    let mut command = verilator.command();
    command.args(["--lint-only", "-Wall", "--top-module", top]);
    command.args(sources.filter(|name| name.ends_with(".v")));
    let (success, text) = run_tool(command.current_dir(&folder));
    let is_clean = success && !text.contains("%Warning") && !text.contains("%Error");
    (!is_clean).then(|| format!("{name}: {text}"))
}

#[test]
fn serial_decoders_and_boards_are_read_without_a_warning() {
    let current = root().join(".tools/verilator-current/bin/verilator");
    let verilators =
        [Verilator::find(), Verilator::at(current)].map(|found| found.unwrap_or_else(|error| panic!("{error}")));
    let mut designs = Vec::new();
    for board in BOARDS {
        for weights in ["chained-4b", "chained-3b"] {
            let project = board.project(weights, board.timing()).unwrap();
            designs.push((format!("{}-{weights}", board.name), board.name, project.files));
        }
    }
    for weights in ["paper-4b", "paper-3b"] {
        for target in [Target::Xc7, Target::Ecp5] {
            let format = WeightFormat::named(weights).unwrap();
            let options = Options {
                target,
                plain_rows: true,
            };
            let files = files(&small(&format), &format, &options, "").unwrap();
            designs.push((format!("lane-{weights}-{target}"), "seedlm_decode_lane", files));
        }
    }
    for (weights, word_bits) in [("chained-4b", 32), ("chained-3b", 24), ("chained-2b-k12", 8)] {
        for target in Target::ALL {
            let format = WeightFormat::named(weights).unwrap();
            let files = serial_files(&format, word_bits, &Options::written_for(target)).unwrap();
            designs.push((format!("serial-{weights}-{target}"), "seedlm_decoder_serial", files));
        }
    }
    let complaints: Vec<String> = verilators
        .iter()
        .flat_map(|verilator| {
            let of_design =
                |(name, top, files): &(String, &str, Vec<GeneratedFile>)| complaint(verilator, name, top, files);
            designs.iter().filter_map(of_design).collect::<Vec<_>>()
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    // A check that finds nothing in bad Verilog would pass too.
    let bad = GeneratedFile {
        name: "bad.v".into(),
        text: "module bad (input wire a, output wire [1:0] b);\n    assign b = a;\nendmodule\n".into(),
    };
    assert!(complaint(&verilators[0], "bad", "bad", &[bad]).is_some());
}

/// The boards' own files for other readers: the scripts are bash, and every port of a top has its pin.
#[test]
fn boards_have_a_script_and_a_pin_for_every_port() {
    for board in BOARDS {
        let project = board.project("chained-4b", board.timing()).unwrap();
        let folder = work_folder(&format!("targets-script-{}", board.name));
        let text = |name: &str| {
            let file = project.files.iter().find(|file| file.name == name);
            &file
                .unwrap_or_else(|| panic!("{}: there is no {name}", board.name))
                .text
        };
        fs::write(folder.join("build.sh"), text("build.sh")).unwrap();
        let (is_bash, message) = run_tool(Command::new("bash").current_dir(&folder).args(["-n", "build.sh"]));
        assert!(is_bash && text("build.sh").contains(board.bitstream), "{message}");
        let constraints = project
            .files
            .iter()
            .find(|file| file.name.ends_with(".pcf") || file.name.ends_with(".lpf"));
        let constraints = &constraints.expect("there are constraints").text;
        let top = text(&format!("{}.v", board.name));
        let ports = top
            .lines()
            .filter(|line| line.starts_with("    input") || line.starts_with("    output"));
        for port in ports {
            let name = port.trim_end_matches(',').split_whitespace().last().unwrap();
            let places = if port.contains("[7:0]") {
                (0..8).map(|bit| format!("{name}[{bit}]")).collect()
            } else {
                vec![name.to_string()]
            };
            for place in places {
                let is_placed = constraints.contains(&format!("set_io -nowarn {place} "))
                    || constraints.contains(&format!("LOCATE COMP \"{place}\" SITE"));
                assert!(is_placed, "{}: {place} has no pin", board.name);
            }
        }
    }
}
