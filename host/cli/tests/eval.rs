//! `seedlm eval`, on the model in the program and on small copies of it.

#[allow(dead_code, reason = "models are for the other verbs")]
mod common;

use common::{folder_with_model, listing, run};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn json(arguments: &[&str]) -> Value {
    let (code, out, err) = run(&[&["eval"], arguments, &["--json", "-q"]].concat());
    assert!(code == 0 && err.is_empty(), "{err}");
    serde_json::from_str(&out).unwrap()
}

fn number(value: &Value, path: &str) -> f64 {
    let found = value.pointer(path);
    found
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("{path} of {value}"))
}

fn variant<'a>(report: &'a Value, name: &str) -> &'a Value {
    let variants = report["variants"].as_array().unwrap();
    let found = variants.iter().find(|variant| variant["name"] == name);
    found.unwrap_or_else(|| panic!("{name} in {variants:?}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_chained_code_is_better_than_the_papers_and_rounding_is_counted_apart() {
    let options = ["--against", "paper-4b,chained-4b-k12,int4-g128,q4_k"];
    let report = json(&[&options[..], &["--activations", "int8,int16", "--windows", "4"]].concat());
    assert!(report["tool"].as_str().unwrap().starts_with("seedlm 0."));
    assert_eq!(report["reference"], "embedded:shakespeare");
    assert_eq!(report["interrupted"], false);
    for (field, expected) in [
        ("window", 256),
        ("stride", 256),
        ("windows", 4),
        ("finished_windows", 4),
        ("tokens", 8192),
        ("bytes", 8192),
        ("matrices", 21),
        ("weights", 1_671_168),
    ] {
        assert_eq!(report[field], expected, "{field}");
    }
    assert_eq!(report["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(number(&report, "/reference_scores/tokens"), 1024.0);
    assert!(
        report["standard_errors"]
            .as_str()
            .unwrap()
            .contains("one standard error")
    );
    let names: Vec<&str> = (report["variants"].as_array().unwrap().iter())
        .map(|variant| variant["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names[..4],
        ["reference + int8", "reference + int16", "paper-4b", "paper-4b + int8"]
    );
    assert_eq!(names.len(), 2 + 4 * 3);

    let (paper, chained) = (variant(&report, "paper-4b"), variant(&report, "chained-4b-k12"));
    let divergence = |variant: &Value| number(variant, "/divergence/mean");
    assert!(divergence(chained) < 0.5 * divergence(paper), "{chained} {paper}");
    for variant in [paper, chained] {
        assert!(number(variant, "/divergence/standard_error") > 0.0);
        assert!(number(variant, "/divergence_99_percent") > divergence(variant));
        assert!((0.9..1.0).contains(&number(variant, "/top_1_agreement/mean")));
        let ratio = number(variant, "/perplexity") / number(&report, "/reference_scores/perplexity");
        assert!((100.0 * (ratio - 1.0) - number(variant, "/perplexity_rise_percent")).abs() < 1e-9);
        let tensors = variant["tensors"].as_array().unwrap();
        assert_eq!(tensors.len(), 21);
        assert!(
            tensors
                .iter()
                .all(|tensor| (0.03..0.3).contains(&number(tensor, "/relative_error")))
        );
    }
    assert_eq!(number(paper, "/bits_per_weight").round(), 4.0);
    assert_eq!(number(variant(&report, "int4-g128"), "/bits_per_weight"), 4.125);
    assert_eq!(number(variant(&report, "q4_k"), "/bits_per_weight"), 4.5);

    let rounded = variant(&report, "paper-4b + int8");
    assert_eq!(rounded["activations"], "int8");
    assert_eq!(rounded["tensors"].as_array().unwrap().len(), 0);
    let roundings = report["roundings"].as_array().unwrap();
    assert_eq!(roundings.len(), 2 * 5);
    let of = |weights: &str, activations: &str| {
        let found = roundings
            .iter()
            .find(|r| r["weights_of"] == weights && r["activations"] == activations);
        found.unwrap()
    };
    let int8 = of("paper-4b", "int8");
    let added = divergence(rounded) - divergence(paper);
    assert!((number(int8, "/divergence_added/mean") - added).abs() < 1e-12);
    // Token by token: what both have in common is not in the error.
    assert!(number(int8, "/divergence_added/standard_error") < number(rounded, "/divergence/standard_error"));
    assert!(of("reference", "int8")["share_percent"].is_null());
    let reference = |activations| number(of("reference", activations), "/divergence_added/mean");
    assert!(reference("int8") > 1000.0 * reference("int16").abs());
}

/// A plain copy, what `compress` writes, and what `decompress` makes of that.
#[test]
fn variants_on_the_disk_are_read() {
    let (folder, model) = folder_with_model();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (packed, again, file) = (path("packed"), path("again"), path("file.safetensors"));
    let code = ["--code", "chained-4b-k12", "-q"];
    let weights = model.join("model.safetensors");
    assert_eq!(
        run(&[&["compress", text(&model), "-o", &packed], &code[..]].concat()).0,
        0
    );
    assert_eq!(
        run(&[&["compress", text(&weights), "-o", &file], &code[..]].concat()).0,
        0
    );
    assert_eq!(run(&["decompress", &packed, "-o", &again, "--dtype", "f32", "-q"]).0, 0);
    let against = format!("{},{packed},{again},{file},chained-4b-k12", text(&weights));
    let passage = path("text.txt");
    let report = json(&[
        text(&model),
        "--text",
        &passage,
        "--against",
        &against,
        "--windows",
        "2",
    ]);
    assert_eq!(report["text"], passage);

    let copy = variant(&report, text(&weights));
    assert_eq!(
        (&copy["kind"], &copy["bits_per_weight"]),
        (&"plain".into(), &32.0.into())
    );
    assert_eq!(number(copy, "/relative_error"), 0.0);
    assert_eq!(number(copy, "/divergence/mean").abs(), 0.0);
    assert_eq!(number(copy, "/divergence_99_percent").abs(), 0.0);
    assert_eq!(number(copy, "/top_1_agreement/mean"), 1.0);
    assert_eq!(number(copy, "/perplexity_rise_percent"), 0.0);

    let encoded = variant(&report, "chained-4b-k12");
    for packed in [&packed, &file] {
        let stored = variant(&report, packed);
        assert_eq!(stored["kind"], "compressed");
        assert_eq!(stored["divergence"], encoded["divergence"]);
        assert_eq!(stored["bits_per_weight"], encoded["bits_per_weight"]);
        let difference = number(stored, "/relative_error") - number(encoded, "/relative_error");
        assert!(difference.abs() < 1e-9, "{difference}");
    }
    // Weights whose rotation is undone are the same up to rounding.
    let undone = number(variant(&report, &again), "/divergence/mean") / number(encoded, "/divergence/mean");
    assert!((undone - 1.0).abs() < 0.01, "{undone}");

    // The model in the program takes a file that has no architecture beside it.
    let alone = folder.path().join("alone");
    fs::create_dir(&alone).unwrap();
    let alone = alone.join("weights.safetensors");
    fs::rename(&file, &alone).unwrap();
    let report = json(&["--against", text(&alone), "--windows", "2"]);
    assert_eq!(variant(&report, text(&alone))["divergence"], encoded["divergence"]);
}

#[test]
fn a_container_that_compresses_other_matrices_is_named() {
    let (folder, model) = folder_with_model();
    let packed = folder.path().join("packed");
    let options = ["--code", "chained-4b-k12", "--exclude", "*.v_proj.*", "-q"];
    assert_eq!(
        run(&[&["compress", text(&model), "-o", text(&packed)], &options[..]].concat()).0,
        0
    );
    let (code, out, _) = run(&["eval", "--against", text(&packed), "--windows", "1"]);
    assert!(
        code == 0 && out.contains("keeps 3 of the matrices that are compressed by default"),
        "{out}"
    );
}

#[test]
fn threads_do_not_change_what_is_printed() {
    let printed = ["1", "3"].map(|threads| {
        let options = [
            "--against",
            "chained-4b-k12,q4_0",
            "--activations",
            "int8",
            "--tensors",
            "--windows",
            "3",
        ];
        let (code, out, err) = run(&[&["eval", "-j", threads], &options[..]].concat());
        assert_eq!(code, 0, "{err}");
        assert!(
            err.contains("reading 768 tokens in 3 windows of 256 tokens, disjoint with 6 models"),
            "{err}"
        );
        let figures: Vec<String> = out
            .lines()
            .filter(|line| !line.starts_with("Time:"))
            .map(String::from)
            .collect();
        assert_eq!(figures.len() + 1, out.lines().count());
        figures
    });
    assert_eq!(printed[0], printed[1]);
    let all = printed[0].join("\n");
    for expected in [
        "Matrices of chained-4b-k12:",
        "±: one standard error",
        "reference + int8",
        "SHA-256",
    ] {
        assert!(all.contains(expected), "{all}");
    }
}

#[test]
fn windows_may_slide() {
    let sliding = json(&["--window", "64", "--stride", "16", "--windows", "5"]);
    assert_eq!(
        (&sliding["stride"], &sliding["finished_windows"]),
        (&16.into(), &5.into())
    );
    // The first window predicts 64 tokens, each other one the 16 that are new.
    assert_eq!(number(&sliding, "/reference_scores/tokens"), 128.0);
    let disjoint = json(&["--window", "64", "--windows", "2"]);
    assert_eq!(number(&disjoint, "/reference_scores/tokens"), 128.0);
    // The same tokens, with more before them.
    let perplexity = |report: &Value| number(report, "/reference_scores/perplexity");
    assert!(perplexity(&sliding) < perplexity(&disjoint));
    let (_, out, _) = run(&["eval", "--window", "64", "--stride", "16", "-q"]);
    assert!(
        out.contains("of 64 tokens, sliding: each begins 16 tokens behind"),
        "{out}"
    );
}

#[test]
fn reports_go_where_they_are_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (json, svg) = (format!("--json={}", path("a.json")), path("a.svg"));
    let options = ["--against", "int4-g128,nf4-g64", "--windows", "1", "-q", "--markdown"];
    let (code, out, err) = run(&[&["eval", &json, "--svg", &svg], &options[..]].concat());
    assert!(code == 0 && err.is_empty(), "{err}");
    assert!(
        out.contains("| int4-g128 |") && out.contains("* reference: embedded:shakespeare"),
        "{out}"
    );
    assert_eq!(listing(folder.path()), ["a.json", "a.svg"]);
    let report: Value = serde_json::from_str(&fs::read_to_string(path("a.json")).unwrap()).unwrap();
    assert_eq!(report["variants"].as_array().unwrap().len(), 2);
    let picture = fs::read_to_string(svg).unwrap();
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    assert!(picture.contains("nf4-g64: 4.250 bits per weight") && picture.matches("<circle").count() == 3);
}
