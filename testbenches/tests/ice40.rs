//! What the decoders take on an iCE40, as nextpnr packs them into logic cells, and a bitstream for the board that has one.

mod tools;

use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_hdl::board::project::Board;
use seedlm_hdl::generate::{GeneratedFile, serial_files};
use seedlm_hdl::options::{Options, Target};
use seedlm_hdl::synthesis::SynthesisError;
use seedlm_hdl::synthesis::design::{Design, Top};
use seedlm_hdl::synthesis::device::Device;
use seedlm_hdl::synthesis::nextpnr::{Nextpnr, packed_cell};
use seedlm_hdl::synthesis::timing::read_summary;
use seedlm_hdl::synthesis::tools::{Program, Tool};
use seedlm_hdl::synthesis::yosys::{Yosys, script};
use std::fs;
use std::process::Command;
use tools::{succeed, work_folder};

const OPTIONS: Options = Options::written_for(Target::Ice40);

/// The part on the board, and one of the same family, with the same logic cells, that has pins enough for wide ports.
const UP5K: &str = "up5k";
const MANY_PINS: &str = "hx8k";

/// What nextpnr works for where nobody asks for a clock.
const GOAL_MHZ: f64 = 12.0;

/// What a tool has made.
///
/// # Panics
/// When it is missing or has failed: a test that cannot run has not passed.
fn made<T>(result: Result<T, SynthesisError>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// Logic cells of a design, packed and placed.
fn logic_cells(name: &str, top: &str, part: &str, files: &[GeneratedFile]) -> u64 {
    let folder = work_folder(&format!("ice40-{name}"));
    let device = made(Device::of(Target::Ice40, Some(part), None, None));
    made(made(Yosys::find()).run(&folder, files, &script(files, Target::Ice40, top, true)));
    let placer = made(Nextpnr::find(Target::Ice40)).expect("there is a placer for iCE40");
    let report = made(placer.place(&folder, "netlist.json", &device, GOAL_MHZ, 1));
    let cells = report.used[packed_cell(Target::Ice40)].used;
    println!("{name}: {cells} logic cells, {:.1} MHz (--{part})", report.fmax_mhz);
    cells
}

/// What is synthesised of a machine that decodes 16 weights in a cycle.
fn design(top: Top, format: &WeightFormat) -> Design {
    made(Design::new(top, &sixteen_weights(format), format, Target::Ice40))
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
        let design = design(Top::Lanes, &named(weights));
        let name = format!("lanes-{weights}");
        let cells = logic_cells(&name, &design.module, MANY_PINS, &design.files);
        assert!(cells <= most, "{name}: {cells} logic cells, and {most} were enough");
    }
    for (weights, most) in [("chained-4b", 879), ("chained-4b-k12", 744)] {
        let design = design(Top::Decoder, &named(weights));
        let name = format!("decoder-{weights}");
        let cells = logic_cells(&name, &design.module, MANY_PINS, &design.files);
        assert!(cells <= most, "{name}: {cells} logic cells, and {most} were enough");
    }
}

/// From the generator to the file that is sent to the board, with time to spare for its clock.
#[test]
fn the_bitstream_of_the_icebreaker_can_be_made() {
    let board = Board::named("icebreaker").expect("there is this board");
    let folder = work_folder("ice40-board");
    let project = board.project("chained-4b", board.timing()).expect("there is a tensor");
    for file in &project.files {
        fs::write(folder.join(&file.name), &file.text).expect("the file can be written");
    }
    let mut build = Command::new("bash");
    build.arg("build.sh").current_dir(&folder);
    let [place, pack] = board.tools;
    for (variable, program) in [("YOSYS", Program::Yosys), ("NEXTPNR", place), ("PACK", pack)] {
        build.env(variable, made(Tool::find(program)).path());
    }
    succeed(&mut build);
    let report = fs::read_to_string(folder.join("report.json")).expect("nextpnr has written a report");
    let report = made(read_summary(&report));
    assert_eq!(report.fmax_mhz.len(), 1, "{report:?}");
    assert!(report.fmax_mhz.values().all(|&fmax_mhz| fmax_mhz >= 12.0), "{report:?}");
    // The ROM is block RAM.
    assert!(report.used["ICESTORM_RAM"].used >= 5, "{report:?}");
    let bitstream = fs::read(folder.join(board.bitstream)).expect("there is a bitstream");
    // Its comment, then the preamble.
    assert!(
        bitstream
            .windows(4)
            .take(64)
            .any(|bytes| bytes == [0x7e, 0xaa, 0x99, 0x7e])
    );
}
