//! The decoder between AXI4-Stream models that others have written, against the decoder in Python that was written from
//! `docs/format.md` alone: neither the testbench nor what it expects shares anything with the Rust.

mod tools;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tools::{preset_folder, root, run, succeed, work_folder};

/// What testbenches/cocotb/test_decoder.py calls its parts.
const PARTS: [&str; 4] = ["pauses", "speed", "malformed", "reset"];

fn simulate(preset: &str, verilog: &Path, build: &Path) -> (bool, String) {
    // cocotb's own message about a missing simulator does not say what to do.
    succeed(Command::new("iverilog").arg("-V"));
    let program = root().join("testbenches/cocotb/run.py");
    run(Command::new(root().join(".tools/bin/python"))
        .arg(program)
        .arg(preset)
        .arg(verilog)
        .arg(build)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("PYTHONPATH")
        .env_remove("PYTHONHOME"))
}

fn decodes_streams(preset: &str, fewest_words: usize) {
    let build = work_folder(&format!("cocotb-{preset}"));
    let (success, text) = simulate(preset, &preset_folder(preset), &build);
    assert!(success, "{text}");
    let mut words = 0;
    for part in PARTS {
        let start = format!("{preset}, {part}: checked ");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        let line = line.unwrap_or_else(|| panic!("{part} did not come to its end:\n{text}"));
        let count = line
            .strip_suffix(" words")
            .and_then(|count| count.parse::<usize>().ok());
        words += count.unwrap_or_else(|| panic!("no count of words: {line}"));
    }
    assert!(words >= fewest_words, "only {words} words:\n{text}");
}

#[test]
fn paper_4b_decodes_streams() {
    decodes_streams("paper-4b", 5000);
}

#[test]
fn paper_3b_decodes_streams() {
    decodes_streams("paper-3b", 7000);
}

#[test]
fn fp16_decodes_streams() {
    decodes_streams("fp16", 10000);
}

/// A testbench that finds no faults would pass too.
#[test]
fn faults_on_the_bus_are_found() {
    for (signal, part) in [
        ("m_axis_tdata", "pauses"),
        ("m_axis_tuser", "reset"),
        ("m_axis_tlast", "speed"),
    ] {
        let verilog = faulty_copy("fp16", signal);
        let (success, text) = simulate("fp16", &verilog, &verilog.join("build"));
        let passed = format!("fp16, {part}: checked ");
        assert!(!success && !text.contains(&passed), "{signal} inverted:\n{text}");
    }
}

/// A copy of a preset's Verilog in which the decoder inverts the lowest bit of an output.
fn faulty_copy(preset: &str, signal: &str) -> PathBuf {
    let folder = work_folder(&format!("cocotb-{preset}-{signal}-inverted"));
    let from = format!("assign {signal} = ");
    for entry in fs::read_dir(preset_folder(preset)).expect("the preset is there") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().expect("a file has a name");
        let mut text = fs::read_to_string(&path).expect("generated files are text");
        if name == "seedlm_decoder.v" {
            assert_eq!(text.matches(&from).count(), 1, "{from:?} in {}", path.display());
            text = text.replace(&from, &format!("{from}1'b1 ^ "));
        }
        fs::write(folder.join(name), text).expect("the copy can be written");
    }
    folder
}
