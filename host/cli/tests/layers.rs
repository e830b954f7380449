//! Layers on the command line: compressed, looked at, streamed, truncated.
#[allow(dead_code)]
mod common;

use common::{listing, run, seedlm, write_small_model};
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
        write_small_model(&place.folder.path().join("plain.safetensors"));
        let (code, text, error) = run(&[
            "compress",
            &place.path("plain.safetensors"),
            "-q",
            "--layers",
            "2+1+1",
            "--chain-length",
            "12",
            "-o",
            &place.path("packed.safetensors"),
        ]);
        assert_eq!(code, 0, "{error}");
        assert!(text.contains("chained-2b-k12 + k=1 K=12 + k=1 K=12"), "{text}");
        assert!(text.contains("after layer      1: relative error"), "{text}");
        place
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().into()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }
}

#[test]
fn more_scales_are_tried_on_request_and_one_as_before() {
    let place = Workplace::new();
    let error = |trials: &str| {
        let (code, text, error) = run(&[
            "compress",
            &place.path("plain.safetensors"),
            "--layers",
            "2+2",
            "--chain-length",
            "12",
            "--scale-trials",
            trials,
            "-q",
            "-f",
            "--json",
            "-o",
            &place.path("tried.safetensors"),
        ]);
        assert_eq!(code, 0, "{error}");
        let report: Value = serde_json::from_str(&text).unwrap();
        report["relative_error"].as_f64().unwrap()
    };
    let (one, five, most) = (error("1"), error("5"), error("16"));
    assert!(most <= five && five < one, "{one} {five} {most}");
}

#[test]
fn inspect_shows_the_error_after_each_layer() {
    let place = Workplace::new();
    let packed = place.path("packed.safetensors");
    let (_, text, _) = run(&["inspect", &packed, "--json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    let prefixes = json["prefixes"].as_array().unwrap();
    assert_eq!((json["version"].as_u64(), prefixes.len()), (Some(3), 3));
    let figure = |index: usize, key: &str| prefixes[index][key].as_f64().unwrap();
    for index in 1..3 {
        assert!(figure(index, "relative_error") < figure(index - 1, "relative_error"));
        assert!(figure(index, "read_bytes") > figure(index - 1, "read_bytes"));
    }
    assert_eq!(figure(2, "relative_error"), json["relative_error"].as_f64().unwrap());
    assert_eq!(figure(2, "read_bytes"), json["file_bytes"].as_f64().unwrap());
    let (_, text, _) = run(&["inspect", &packed]);
    assert!(text.contains("up to layer 2: 3."), "{text}");
}

#[test]
fn what_is_streamed_decodes_as_what_is_truncated() {
    let place = Workplace::new();
    let packed = place.path("packed.safetensors");
    for layers in ["1", "2", "3"] {
        let (code, _, error) = run(&[
            "decompress",
            &packed,
            "--layers",
            layers,
            "-f",
            "-o",
            &place.path("expected.safetensors"),
        ]);
        assert_eq!(code, 0, "{error}");
        let expected = place.bytes("expected.safetensors");
        let streamed = seedlm()
            .args(["stream", &packed, "-q", "--layers", layers])
            .output()
            .unwrap();
        assert!(streamed.status.success() && streamed.stderr.is_empty());
        let decoded = seedlm()
            .args(["decompress", "-", "-f", "-o", &place.path("streamed.safetensors")])
            .write_stdin(streamed.stdout.clone())
            .output()
            .unwrap();
        let told = String::from_utf8(decoded.stderr).unwrap();
        assert!(
            decoded.status.success() && told.contains("received layer 1 of 2 matrices"),
            "{told}"
        );
        assert_eq!(place.bytes("streamed.safetensors"), expected, "{layers}");
        let (code, _, error) = run(&[
            "truncate",
            &packed,
            "--layers",
            layers,
            "-f",
            "-o",
            &place.path("less.safetensors"),
        ]);
        assert_eq!(code, 0, "{error}");
        run(&[
            "decompress",
            &place.path("less.safetensors"),
            "-f",
            "-o",
            &place.path("less-decoded.safetensors"),
        ]);
        assert_eq!(place.bytes("less-decoded.safetensors"), expected, "{layers}");
        // A stream that was kept in a file is a file that is cut off.
        fs::write(place.path("cut.safetensors"), &streamed.stdout).unwrap();
        let (code, _, error) = run(&[
            "decompress",
            &place.path("cut.safetensors"),
            "-f",
            "-o",
            &place.path("cut-decoded.safetensors"),
        ]);
        if layers == "3" {
            assert_eq!(code, 0, "{error}");
        } else {
            assert_eq!(code, 2, "{error}");
            assert!(error.contains("it still holds layer 1 of 2 matrices"), "{error}");
            let partial = [
                "decompress",
                "--partial",
                &place.path("cut.safetensors"),
                "-f",
                "-o",
                &place.path("cut-decoded.safetensors"),
            ];
            assert_eq!(run(&partial).0, 0);
        }
        assert_eq!(place.bytes("cut-decoded.safetensors"), expected, "{layers}");
    }
    // Refused before anything is read, which may come once only.
    let there = ["decompress", "-", "-o", &place.path("streamed.safetensors")];
    let (code, _, error) = run(&there);
    assert!(code == 2 && error.contains("exists already"), "{error}");
    // What came through the pipe is not left behind.
    let names = listing(place.folder.path());
    assert_eq!(names.len(), 8, "{names:?}");
}

#[test]
fn layers_that_cannot_be_are_refused() {
    let place = Workplace::new();
    let plain = place.path("plain.safetensors");
    let out = place.path("out.safetensors");
    let compress = |options: &[&str]| {
        let arguments = [&["compress", &plain, "-o", &out], options].concat();
        let (code, _, error) = run(&arguments);
        assert_eq!(code, 2, "{options:?}: {error}");
        error
    };
    for (options, expected) in [
        (&["--layers", "2+x"][..], "\"x\" is no number of bits per weight"),
        (&["--layers", ""], "is no number of bits per weight"),
        (&["--layers", "9"], "must be 1 to 8"),
        (&["--layers", "1+1+1+1+1+1+1+1+1"], "a matrix has 1 to 8"),
        (&["--layers", "2+2", "--code", "paper-4b"], "cannot be used with"),
        (
            &["--code", "progressive-4b", "--chain-length", "12"],
            "give the layers themselves",
        ),
        (
            &["--layers", "2+2", "--quantizer", "exact"],
            "belongs to the paper's codes",
        ),
        (
            &["--layers", "2+2", "--scale-trials", "0"],
            "--scale-trials: 0 scales were asked for, and 1 to 16",
        ),
        (
            &["--layers", "2+2", "--scale-trials", "18446744073709551615"],
            "18446744073709551615 scales were asked for",
        ),
        (&["--layers", "2+2", "--scale-trials", "-1"], "unexpected argument '-1'"),
        (
            &["--code", "chained-4b", "--scale-trials", "3"],
            "--scale-trials belongs to matrices in layers (--layers 2+2), and chained-4b is one",
        ),
    ] {
        let error = compress(options);
        assert!(error.contains(expected), "{options:?}: {error}");
    }
    let packed = place.path("packed.safetensors");
    for (arguments, expected) in [
        (&["stream", &packed, "--max-bytes", "10"][..], "10 are too few"),
        (&["stream", &packed, "--layers", "0"], "at least one layer"),
        (&["truncate", &packed, "-o", &out, "--bits", "0.5"], "0.5 is too few"),
        (
            &["truncate", &packed, "-o", &out],
            "required arguments were not provided",
        ),
        (&["image", &packed, "-o", &out], "an image holds matrices of one"),
    ] {
        let (code, _, error) = run(arguments);
        assert!(code == 2 && error.contains(expected), "{arguments:?}: {error}");
    }
    assert!(!fs::exists(&out).unwrap());
}
