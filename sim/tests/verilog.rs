//! `sim run --rtl-from` with wrong Verilog: an error that says what is wrong with it, and no panic.

use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Verilog of `paper-4b`, with its top module changed.
fn changed(change: impl Fn(&str) -> String) -> TempDir {
    let folder = TempDir::new().unwrap();
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hdl/verilog/paper-4b");
    for entry in fs::read_dir(original).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let top = folder.path().join("seedlm_matvec.v");
    let text = fs::read_to_string(&top).unwrap();
    let new = change(&text);
    assert_ne!(new, text);
    fs::write(top, new).unwrap();
    folder
}

/// What a run on the Verilog of a folder complains about.
fn complaint(folder: &TempDir) -> String {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("sim"))
        .args(["run", "--quiet", "--weights", "paper-4b", "--workload", "matvec:16x64"])
        .arg("--rtl-from")
        .arg(folder.path())
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(output.stdout.is_empty(), "{error}");
    error
}

/// Only the ports of the module: no more is needed to see that they are wrong.
fn ports_only(text: &str) -> String {
    let (ports, _) = text.split_once(");").unwrap();
    format!("{ports});\nendmodule\n")
}

#[test]
fn ports_of_another_width_or_direction_are_named() {
    let changes = [
        (
            ["[511:0] s_axis_weights_tdata", "[255:0] s_axis_weights_tdata"],
            "the port is input [255:0] s_axis_weights_tdata, and must be input [511:0] s_axis_weights_tdata",
        ),
        (
            ["[7:0] probe", "[8:0] probe"],
            "the port is output [8:0] probe, and must be output [7:0] probe",
        ),
        (
            ["output wire m_axis_tlast", "input wire m_axis_tlast"],
            "the port is input m_axis_tlast, and must be output m_axis_tlast",
        ),
        (["s_axil_bready", "s_axil_ready"], "no port \"s_axil_bready\""),
    ];
    for ([before, after], message) in changes {
        let error = complaint(&changed(|text| ports_only(text).replace(before, after)));
        assert!(error.contains("not the machine of the run (paper-4b)"), "{error}");
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_probe_that_shows_what_cannot_be_is_named() {
    let folder = changed(|text| {
        let (before, probe) = text.split_once("assign probe = {").unwrap();
        let (fields, after) = probe.split_once('}').unwrap();
        // The first field is the highest bit, `sums_valid`.
        let (_, others) = fields.split_once(',').unwrap();
        format!("{before}assign probe = {{1'b0,{others}}}{after}")
    });
    let error = complaint(&folder);
    for part in [
        "does not keep to its ports",
        "cycle",
        "probe bit sums_valid is 0, and must be 1",
    ] {
        assert!(error.contains(part), "{error}");
    }
}
