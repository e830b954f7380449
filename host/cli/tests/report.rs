//! The files of `seedlm compress --report`.
#[allow(dead_code)]
mod common;

use common::{listing, numbers, run, write_model};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A name with all that CSV, Markdown and XML could take for their own.
const NASTY: &str = "a,\"b\"|<c>&\n.q_proj.weight";

/// Two matrices, the second with outliers that make its error the larger one.
fn write_two_matrices(path: &Path) {
    let mut heavy = numbers(8 * 64);
    for row in 0..8 {
        let place = (row * 64 + 5) * 4;
        heavy[place..place + 4].copy_from_slice(&500_f32.to_le_bytes());
    }
    write_model(
        path,
        &[
            ("even.weight", &[16, 64], numbers(16 * 64)),
            (NASTY, &[8, 64], heavy),
            ("even.bias", &[16], numbers(16)),
        ],
    );
}

/// A folder with the model, compressed with a report in each form.
fn compressed_with_reports() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    write_two_matrices(path("plain.safetensors").as_ref());
    let reports = ["json", "csv", "md", "SVG"].map(|ending| path(&format!("report.{ending}")));
    let mut arguments = vec![
        "compress",
        "-q",
        "--json",
        "--code",
        "chained-4b-k12",
        "--rotate",
        "never",
    ];
    let (plain, packed) = (path("plain.safetensors"), path("packed.safetensors"));
    arguments.extend([plain.as_str(), "-o", &packed]);
    for report in &reports {
        arguments.extend(["--report", report]);
    }
    let (code, out, err) = run(&arguments);
    assert!(code == 0 && err.is_empty(), "{err}");
    fs::write(path("stdout.json"), out).unwrap();
    folder
}

#[test]
fn all_forms_tell_the_same() {
    let folder = compressed_with_reports();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(
        listing(folder.path()),
        [
            "packed.safetensors",
            "plain.safetensors",
            "report.SVG",
            "report.csv",
            "report.json",
            "report.md",
            "stdout.json"
        ]
    );
    // JSON: what --json says, and the worst matrices.
    let mut json: Value = serde_json::from_str(&read("report.json")).unwrap();
    let worst = json.as_object_mut().unwrap().remove("worst_matrices").unwrap();
    assert_eq!(json, serde_json::from_str::<Value>(&read("stdout.json")).unwrap());
    assert_eq!((&worst[0]["name"], worst.as_array().unwrap().len()), (&NASTY.into(), 2));
    assert_eq!(worst[0]["relative_error"], json["largest_relative_error"]);

    // CSV: the same figures, matrix by matrix.
    let text = read("report.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 2);
    for (row, matrix) in rows.iter().zip(json["matrices"].as_array().unwrap()) {
        let field = |name: &str| &row[columns.iter().position(|column| column == name).unwrap()];
        assert_eq!(field("name"), matrix["name"]);
        assert_eq!(field("code"), "chained-4b-k12");
        assert_eq!(field("rotated"), "false");
        for (column, key) in [
            ("bits_per_weight", "bits_per_weight"),
            ("stored_bytes", "stored_bytes"),
            ("relative_error", "relative_error"),
            ("sqnr_db", "sqnr_db"),
            ("encode_seconds", "seconds"),
        ] {
            assert_eq!(
                field(column).parse::<f64>().unwrap(),
                matrix[key].as_f64().unwrap(),
                "{key}"
            );
        }
        let weights: u64 = field("rows").parse::<u64>().unwrap() * field("columns").parse::<u64>().unwrap();
        assert_eq!(weights, matrix["weights"]);
    }

    // Markdown: the worst matrix comes first, in a table whose rows all have as many cells.
    let text = read("report.md");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 2 * 4, "{text}");
    assert!(
        rows[2].starts_with("| a,\"b\"\\|\\<c\\>\\&\\\\n.q_proj.weight | "),
        "{}",
        rows[2]
    );
    assert!(rows[3].starts_with("| even.weight "), "{}", rows[3]);
    let bars = |row: &str| row.replace("\\|", "").matches('|').count();
    assert!(rows.iter().all(|row| bars(row) == bars(rows[0])), "{text}");

    // The picture.
    let svg = read("report.SVG");
    assert_eq!(elements(&svg).iter().filter(|name| *name == "circle").count(), 2 + 1);
    assert!(svg.contains("a,\"b\"|&lt;c&gt;&amp;\\n.q_proj.weight"), "{svg}");
}

/// Names of the elements of a picture, in order; panics where they are not well nested, or a text has a bare `<` or `&`.
fn elements(xml: &str) -> Vec<String> {
    let (mut names, mut open) = (Vec::new(), Vec::new());
    let mut rest = xml;
    while let Some((text, after)) = rest.split_once('<') {
        for entity in text.split('&').skip(1) {
            let known = ["lt;", "gt;", "amp;"];
            assert!(known.iter().any(|name| entity.starts_with(name)), "{text}");
        }
        assert!(!open.is_empty() || text.trim().is_empty(), "text outside: {text}");
        let (tag, after) = after.split_once('>').expect("a tag ends");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = |tag: &str| tag.split_whitespace().next().unwrap().to_string();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "{tag}");
        } else {
            names.push(name(tag.trim_end_matches('/')));
            if !tag.ends_with('/') {
                open.push(name(tag));
            }
        }
        rest = after;
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
    names
}

#[test]
fn reports_that_cannot_be_are_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    write_two_matrices(path("plain.safetensors").as_ref());
    let (plain, packed) = (path("plain.safetensors"), path("packed.csv"));
    let refused = |reports: &[&str], expected: &str| {
        let mut arguments = vec!["compress", &plain, "-o", &packed];
        for report in reports {
            arguments.extend(["--report", report]);
        }
        let (code, out, err) = run(&arguments);
        assert!(code == 2 && out.is_empty() && err.contains(expected), "{err}");
        assert_eq!(listing(folder.path()), ["plain.safetensors"]);
    };
    refused(&[&path("report.txt")], "one of .json, .csv, .md and .svg");
    refused(&[&path("a.csv"), &path("report")], "one of .json, .csv, .md and .svg");
    refused(&[&path("a.csv"), &path("a.csv")], "a.csv: is named for two reports");
    refused(&[&packed], "packed.csv: is the output");
    refused(&[&path("no/where.csv")], "where.csv: cannot write");
    let (code, _, err) = run(&["compress", &plain, "--dry-run", "--report", &path("a.csv")]);
    assert!(code == 2 && err.contains("cannot be used with"), "{err}");

    // In a folder that is the input, or will be replaced.
    fs::create_dir(folder.path().join("model")).unwrap();
    fs::rename(&plain, folder.path().join("model/model.safetensors")).unwrap();
    fs::create_dir(folder.path().join("out")).unwrap();
    for (report, expected) in [("model/a.md", "is an input"), ("out/a.md", "is the output, or in it")] {
        let (model, out) = (path("model"), path("out"));
        let (code, _, err) = run(&["compress", &model, "-o", &out, "-f", "--report", &path(report)]);
        assert!(code == 2 && err.contains(expected), "{err}");
    }
    assert_eq!(listing(folder.path()), ["model", "out"]);
    assert_eq!(listing(&folder.path().join("model")), ["model.safetensors"]);
}

#[test]
fn a_model_without_matrices_has_a_report_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let plain = path("plain.safetensors");
    write_model(plain.as_ref(), &[("a.bias", &[16], numbers(16))]);
    let reports = ["a.json", "a.csv", "a.md", "a.svg"].map(path);
    let mut arguments = vec!["compress", &plain, "-q", "-o"];
    let packed = path("packed.safetensors");
    arguments.push(&packed);
    for report in &reports {
        arguments.extend(["--report", report]);
    }
    let (code, _, err) = run(&arguments);
    assert_eq!(code, 0, "{err}");
    let json: Value = serde_json::from_str(&fs::read_to_string(&reports[0]).unwrap()).unwrap();
    assert_eq!(json["worst_matrices"], Value::Array(Vec::new()));
    assert_eq!(fs::read_to_string(&reports[1]).unwrap().lines().count(), 1);
    assert!(!fs::read_to_string(&reports[2]).unwrap().contains('|'));
    assert_eq!(
        elements(&fs::read_to_string(&reports[3]).unwrap()),
        ["svg", "rect", "text", "text"]
    );
}
