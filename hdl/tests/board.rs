//! `hdl board` and `hdl generate --serial` from outside.

use assert_cmd::Command;
use std::collections::BTreeSet;
use std::path::Path;

fn hdl(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hdl"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text.into_owned())
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_board_gets_its_sources_pins_and_script() {
    let folder = tempfile::tempdir().unwrap();
    for (board, constraints) in [("icebreaker", "icebreaker.pcf"), ("ulx3s", "ulx3s.lpf")] {
        let (is_success, text) = hdl(folder.path(), &["board", "--board", board, "--out", board]);
        assert!(is_success && text.contains("their CRC-32 must be"), "{text}");
        let names = names(&folder.path().join(board));
        assert!(names.contains(constraints) && names.contains("build.sh"), "{names:?}");
        let list = std::fs::read_to_string(folder.path().join(board).join("sources.f")).unwrap();
        let listed: BTreeSet<String> = list.lines().map(String::from).collect();
        let sources = names.into_iter().filter(|name| name.ends_with(".v")).collect();
        assert_eq!(listed, sources);
    }
}

/// Every preset of the chained code has a tensor; others are refused, and so is a bitstream without the tools.
#[test]
fn what_a_board_cannot_have_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for weights in seedlm_codec::ChainedCode::PRESETS {
        let arguments = ["board", "--board", "icebreaker", "--weights", weights, "--out", weights];
        let (is_success, text) = hdl(folder.path(), &arguments);
        assert!(is_success, "{weights}: {text}");
    }
    let arguments = ["board", "--board", "ulx3s", "--weights", "paper-4b", "--out", "refused"];
    let (is_success, text) = hdl(folder.path(), &arguments);
    assert!(
        !is_success && text.contains("there are: chained-4b, chained-3b"),
        "{text}"
    );
    assert!(!folder.path().join("refused").exists());
    let output = Command::new(env!("CARGO_BIN_EXE_hdl"))
        .current_dir(folder.path())
        .env("PATH", folder.path())
        .args(["board", "--board", "icebreaker", "--out", "no-tools", "--bitstream"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = "yosys is not installed, or not on PATH: run bash testbenches/tools.sh";
    assert!(output.status.code() == Some(2) && text.contains(expected), "{text}");
}

#[test]
fn a_serial_decoder_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "generate",
        "--weights",
        "chained-4b",
        "--serial",
        "8",
        "--out",
        "serial",
    ];
    let (is_success, text) = hdl(folder.path(), &arguments);
    assert!(is_success, "{text}");
    let expected = BTreeSet::from(["seedlm_decoder_serial.v".to_string()]);
    assert_eq!(names(&folder.path().join("serial")), expected);
    for (weights, word_bits, reason) in [
        ("chained-3b", "32", "a multiple of 8 and of the 3 of a weight"),
        ("chained-4b", "1032", "at most 1024"),
        ("paper-4b", "32", "no serial decoder for paper-4b"),
    ] {
        let arguments = [
            "generate",
            "--weights",
            weights,
            "--serial",
            word_bits,
            "--out",
            "refused",
        ];
        let (is_success, text) = hdl(folder.path(), &arguments);
        assert!(!is_success && text.contains(reason), "{text}");
        assert!(!folder.path().join("refused").exists());
    }
    let (_, help) = hdl(folder.path(), &["generate", "--help"]);
    assert!(help.contains("at most 1,024"), "{help}");
}
