//! `sim run --model-shape` as a user meets it.

use assert_cmd::Command;
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;

fn sim() -> Command {
    Command::new(assert_cmd::cargo::cargo_bin!("sim"))
}

fn shape_file(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("mine.toml");
    let text =
        "name = \"mine\"\nsource = \"a test\"\n[[matrix]]\nname = \"only\"\nrows = 20000\ncolumns = 256\ncount = 3\n";
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn the_report_marks_what_is_extrapolated() {
    let folder = TempDir::new().unwrap();
    let csv = folder.path().join("mine.csv");
    let output = sim()
        .args(["run", "-q", "--weights", "chained-4b", "--json", "-", "--model-shape"])
        .arg(shape_file(&folder))
        .arg("--csv")
        .arg(&csv)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let format = &report["formats"][0];
    assert_eq!(format["origin"], "extrapolated");
    // 20000 x 256 weights of 4 bits and 256 activations of 8, in beats of 64 bytes, three times.
    assert_eq!(format["read_bytes"], 3 * (20_000 * 256 / 2 + 256));
    let extrapolated: Vec<&str> = report["how"]["extrapolated"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert!(extrapolated.contains(&"tokens_per_second") && !extrapolated.contains(&"read_bytes"));
    assert!(format["simulated_cycles"].as_u64().unwrap() > 100_000);
    let energy = &format["energy"];
    let dram_j = energy["dram_j"].as_f64().unwrap();
    assert!((dram_j / (format["read_bytes"].as_f64().unwrap() * 8.0 * 20.3e-12) - 1.0).abs() < 1e-9);
    assert!(report["checks"][0]["deviation"].as_f64().unwrap().abs() < 0.005);
    assert_eq!(csv::Reader::from_path(csv).unwrap().records().count(), 1);
}

#[test]
fn what_a_shape_cannot_do_is_said() {
    let folder = TempDir::new().unwrap();
    for (arguments, reason) in [
        (vec!["--model-shape", "gpt-9"], "llama-3-70b"),
        (
            vec!["--model-shape", "embedded", "--vcd", "waves.vcd"],
            "cannot be used with",
        ),
        (vec!["--model-shape", "embedded", "--energy", "7nm"], "45nm"),
    ] {
        let output = sim().arg("run").args(&arguments).current_dir(&folder).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(reason), "{arguments:?}: {text}");
    }
}
