//! `--scale-group` as a user meets it.
#[allow(dead_code)]
mod common;

use common::{numbers, run, write_model};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

struct Workplace {
    folder: TempDir,
}

impl Workplace {
    fn new() -> Self {
        let place = Workplace {
            folder: TempDir::new().unwrap(),
        };
        let tensors: [(&str, &[usize], Vec<u8>); 2] = [
            ("layers.0.q_proj.weight", &[16, 48], numbers(768)),
            ("layers.0.k_proj.weight", &[4, 24], numbers(96)),
        ];
        write_model(&place.folder.path().join("plain"), &tensors);
        place
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().into()
    }

    fn compress(&self, output: &str, more: &[&str]) -> (i32, String, String) {
        let (input, output) = (self.path("plain"), self.path(output));
        run(&[&["compress", &input, "-o", &output, "-q", "-f"][..], more].concat())
    }
}

#[test]
fn what_is_compressed_in_groups_says_so_and_comes_back() {
    let place = Workplace::new();
    let options = [
        "--layers",
        "2+2",
        "--chain-length",
        "12",
        "--scale-group",
        "8",
        "--rotate",
        "always",
    ];
    let (code, _, error) = place.compress("packed", &options);
    assert_eq!(code, 0, "{error}");
    let packed = place.path("packed");
    let (_, text, _) = run(&["inspect", &packed]);
    assert!(
        text.contains("container version 4") && text.contains("rotated  a scale for every 8 columns"),
        "{text}"
    );
    let (_, text, _) = run(&["inspect", &packed, "--json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["matrices"][0]["scale_group"], 8);
    // 2 + 2 bits, and in each layer 16 bits for 8 weights.
    assert_eq!(json["bits_per_compressed_weight"].as_f64(), Some(8.0));
    assert_eq!(run(&["verify", &packed]).0, 0);
    for layers in ["1", "2"] {
        let [cut, of_cut, decoded] = ["cut", "of_cut", "decoded"].map(|name| place.path(name));
        for arguments in [
            &["truncate", &packed, "--layers", layers, "-f", "-o", &cut][..],
            &["decompress", &cut, "-f", "-o", &of_cut],
            &["decompress", &packed, "--layers", layers, "-f", "-o", &decoded],
        ] {
            let (code, _, error) = run(arguments);
            assert_eq!(code, 0, "{error}");
        }
        assert!(fs::read(&of_cut).unwrap() == fs::read(&decoded).unwrap());
    }
    let (code, text, error) = run(&["compare", &place.path("plain"), &packed]);
    assert!(code <= 1 && text.contains("layers.0.q_proj.weight"), "{text}{error}");
    // An image has a scale for each row.
    let (code, _, error) = run(&["truncate", &packed, "--layers", "1", "-f", "-o", &place.path("base")]);
    assert_eq!(code, 0, "{error}");
    let (code, _, error) = run(&["image", &place.path("base"), "-o", &place.path("image")]);
    assert_eq!(code, 2, "{error}");
    for part in [
        "layers.0.k_proj.weight",
        "a scale for every 8 columns",
        "again without --scale-group",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn groups_cost_what_the_plan_says() {
    let place = Workplace::new();
    let bits = |more: &[&str]| {
        let chained = ["--code", "chained-4b-k12", "--json"];
        let (code, text, error) = place.compress("packed", &[&chained[..], more].concat());
        assert_eq!(code, 0, "{error}");
        let report: Value = serde_json::from_str(&text).unwrap();
        report["bits_per_compressed_weight"].as_f64().unwrap()
    };
    assert_eq!(bits(&["--scale-group", "12"]), 4.0 + 16.0 / 12.0);
    let (_, text, _) = place.compress(
        "planned",
        &["--code", "chained-4b-k12", "--scale-group", "12", "--dry-run", "--json"],
    );
    let plan: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(plan["bits_per_compressed_weight"].as_f64(), Some(4.0 + 16.0 / 12.0));
    assert_eq!(plan["compressed"][0]["scale_group"], 12);
    // Bits are shared out with the groups counted.
    let shared = [
        "--target-bits",
        "5.5",
        "--chain-length",
        "12",
        "--scale-group",
        "8",
        "--json",
    ];
    let (code, text, error) = place.compress("shared", &shared);
    assert_eq!(code, 0, "{error}");
    let report: Value = serde_json::from_str(&text).unwrap();
    let mean = report["bits_per_compressed_weight"].as_f64().unwrap();
    assert!((4.0..=5.5).contains(&mean), "{mean}");
    let (code, _, error) = place.compress("shared", &[&shared[..], &["--candidates", "3,paper-3b"]].concat());
    assert!(code == 2 && error.contains("paper-3b is a block code"), "{error}");
}

#[test]
fn groups_that_cannot_be_are_refused_with_the_next_step() {
    let place = Workplace::new();
    for (options, parts) in [
        (
            &["--code", "chained-4b-k12", "--scale-group", "0"][..],
            &["--scale-group", "0 is not in"][..],
        ),
        (
            &["--code", "paper-4b", "--scale-group", "8"],
            &["--scale-group", "paper-4b is a block code"],
        ),
        (
            &["--code", "chained-4b-k12", "--scale-group", "16"],
            &[
                "layers.0.k_proj.weight",
                "do not divide its 24 columns",
                "have 12 or 24",
                "a rule for the tensor",
            ],
        ),
    ] {
        let (code, _, error) = place.compress("packed", options);
        assert_eq!(code, 2, "{error}");
        for part in parts {
            assert!(error.contains(part), "{error}");
        }
    }
    // A rule gives the tensor groups that divide it.
    let rules = place.path("rules.toml");
    fs::write(&rules, "[[rule]]\nmatch = \"*.k_proj.*\"\nscale_group = 12\n").unwrap();
    let options = [
        "--code",
        "chained-4b-k12",
        "--scale-group",
        "16",
        "--rules",
        &rules,
        "--json",
    ];
    let (code, text, error) = place.compress("packed", &options);
    assert_eq!(code, 0, "{error}");
    let report: Value = serde_json::from_str(&text).unwrap();
    let weights = 768.0 * (4.0 + 1.0) + 96.0 * (4.0 + 16.0 / 12.0);
    assert_eq!(report["bits_per_compressed_weight"].as_f64(), Some(weights / 864.0));
}
