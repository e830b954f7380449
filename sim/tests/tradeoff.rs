//! `sim tradeoff` as a user meets it.

use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn tradeoff(folder: &TempDir, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("sim"));
    let output = command
        .args(["tradeoff", "-q", "--model-shape"])
        .arg(shape_file(folder.path()))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn shape_file(folder: &Path) -> PathBuf {
    let path = folder.join("mine.toml");
    let text =
        "name = \"mine\"\nsource = \"a test\"\n[[matrix]]\nname = \"only\"\nrows = 4096\ncolumns = 256\ncount = 1\n";
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn simulated_formats_reach_their_roofs_and_the_forms_agree() {
    let folder = TempDir::new().unwrap();
    let arguments = [
        "--weights",
        "fp16,chained-4b",
        "--batches",
        "1,4,16",
        "--json",
        "-",
        "--csv",
        "curves.csv",
        "--svg",
        "picture.svg",
    ];
    let (code, json, errors) = tradeoff(&folder, &arguments);
    assert_eq!(code, Some(0), "{errors}");
    let report: Value = serde_json::from_str(&json).unwrap();
    let formats = report["formats"].as_array().unwrap();
    let names: Vec<&str> = formats
        .iter()
        .map(|format| format["format"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["fp16", "chained-4b", "int8", "int4-g128"]);
    for format in &formats[..2] {
        let bits = format["roofs"]["read_bits_per_weight"].as_f64().unwrap();
        let roof = report["memory_gb_per_s"].as_f64().unwrap() * 8e9 / bits / report["weights"].as_f64().unwrap();
        let share = format["tokens_per_second"].as_f64().unwrap() / roof;
        assert!((0.97..1.001).contains(&share), "{}: {share}", format["format"]);
    }
    // With equally many multipliers, and four tokens at a time, four times the bits take four times as long; with sixteen both multiply.
    let point = |format: &str, batch: u64| {
        let points = report["over_batch"].as_array().unwrap();
        points
            .iter()
            .find(|point| point["format"] == format && point["batch"] == batch)
            .unwrap()
            .clone()
    };
    assert!((point("chained-4b", 1)["speedup_over_fp16"].as_f64().unwrap() - 4.0).abs() < 0.01);
    assert_eq!(point("chained-4b", 16)["speedup_over_fp16"], 1.0);
    assert_eq!(point("fp16", 16)["limit"], "macs");
    let lines = csv::Reader::from_path(folder.path().join("curves.csv"))
        .unwrap()
        .records()
        .count();
    assert_eq!(lines, 4 + 4 * 31 + 4 * 3);
    let picture = std::fs::read_to_string(folder.path().join("picture.svg")).unwrap();
    assert_eq!(picture.matches("<polyline").count(), 2 * 4);
    assert!(picture.ends_with("</svg>\n"));
}

#[test]
fn a_baseline_shows_what_has_changed() {
    let folder = TempDir::new().unwrap();
    let (code, _, errors) = tradeoff(&folder, &["--weights", "fp16,paper-4b", "--json", "old.json"]);
    assert_eq!(code, Some(0), "{errors}");
    let (_, same, _) = tradeoff(&folder, &["--weights", "fp16,paper-4b", "--baseline", "old.json"]);
    assert!(
        same.contains("no figure of a format that both have is different"),
        "{same}"
    );
    let changed = [
        "--weights",
        "fp16,chained-4b",
        "--memory",
        "ideal",
        "--baseline",
        "old.json",
    ];
    let (_, changed, _) = tradeoff(&folder, &changed);
    for line in [
        "memory was paper, and is ideal",
        "chained-4b is new",
        "paper-4b is gone",
        "tokens_per_second",
    ] {
        assert!(changed.contains(line), "{line}: {changed}");
    }
    let more = [
        "--weights",
        "fp16,paper-4b",
        "--multipliers",
        "1024",
        "--baseline",
        "old.json",
    ];
    let (_, more, _) = tradeoff(&folder, &more);
    assert!(
        more.contains("multipliers_in_batches was 128, and is 1024") && more.contains("tokens_per_second, batch 64"),
        "{more}"
    );
    let (code, _, error) = tradeoff(&folder, &["--json", "mine.toml"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("mine.toml: is an input"), "{error}");
    std::fs::write(folder.path().join("later.json"), "{\"schema_version\": 2}").unwrap();
    let (code, _, error) = tradeoff(&folder, &["--baseline", "later.json"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("its form is version 2"), "{error}");
    std::fs::write(folder.path().join("other.json"), "{}").unwrap();
    let (code, _, error) = tradeoff(&folder, &["--baseline", "other.json"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("other.json: this is no JSON of sim tradeoff"), "{error}");
}
