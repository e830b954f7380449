//! `seedlm compress --calibrate` as a user meets it.

use assert_cmd::Command;
use seedlm_model::embedded;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn seedlm() -> Command {
    Command::new(env!("CARGO_BIN_EXE_seedlm"))
}

/// The embedded model as a Hugging Face folder, with a text.
fn folder() -> (TempDir, PathBuf, PathBuf) {
    let root = TempDir::new().unwrap();
    let model = root.path().join("model");
    fs::create_dir(&model).unwrap();
    fs::write(model.join("model.safetensors"), embedded::SHAKESPEARE_SAFETENSORS).unwrap();
    fs::write(model.join("config.json"), embedded::SHAKESPEARE_CONFIG_JSON).unwrap();
    fs::write(model.join("tokenizer.json"), embedded::SHAKESPEARE_TOKENIZER_JSON).unwrap();
    let text = root.path().join("text.txt");
    fs::write(&text, &embedded::SHAKESPEARE_SAMPLE_TEXT[..1500]).unwrap();
    (root, model, text)
}

fn words(output: &Path) -> Vec<u8> {
    fs::read(output.join("model.safetensors")).unwrap()
}

#[test]
fn the_bytes_depend_on_the_text_and_not_on_the_threads() {
    let (root, model, text) = folder();
    let other_text = root.path().join("other.txt");
    fs::write(&other_text, &embedded::SHAKESPEARE_SAMPLE_TEXT[3000..4500]).unwrap();
    let compress = |name: &str, more: &[&str]| {
        let output = root.path().join(name);
        let arguments = [&["compress", "--code", "chained-2b-k12", "-q"], more].concat();
        seedlm()
            .args(arguments)
            .arg(&model)
            .arg("-o")
            .arg(&output)
            .assert()
            .success();
        seedlm().args(["verify", "-q"]).arg(&output).assert().success();
        words(&output)
    };
    let plain = compress("plain", &[]);
    let text = text.to_str().unwrap();
    let one = compress("one", &["--calibrate", text, "-j", "1"]);
    assert!(one == compress("three", &["--calibrate", text, "-j", "3"]));
    assert!(one != plain);
    assert!(one != compress("other", &["--calibrate", other_text.to_str().unwrap()]));
    assert!(one != compress("fewer", &["--calibrate", text, "--calibrate-tokens", "500"]));
    // The same number of bits: only the header's record of the errors may be longer.
    assert!(one.len().abs_diff(plain.len()) < 4096);
}

#[test]
fn what_cannot_calibrate_is_refused_with_the_reason() {
    let (root, model, text) = folder();
    let text = text.to_str().unwrap();
    let file = model.join("model.safetensors");
    let bare = root.path().join("bare");
    fs::create_dir(&bare).unwrap();
    fs::copy(&file, bare.join("model.safetensors")).unwrap();
    let empty = root.path().join("empty.txt");
    fs::write(&empty, "").unwrap();
    let binary = root.path().join("binary.txt");
    fs::write(&binary, [0xff, 0xfe, 0x80]).unwrap();
    let output = root.path().join("out");
    let cases: [(&Path, &[&str], &str); 6] = [
        (
            &bare,
            &["--calibrate", text],
            "a language model is a folder with config.json",
        ),
        (
            &model,
            &["--calibrate", "no such file"],
            "no such file: --calibrate cannot read it",
        ),
        (
            &model,
            &["--calibrate", empty.to_str().unwrap()],
            "at least 2 are needed",
        ),
        (
            &model,
            &["--calibrate", binary.to_str().unwrap()],
            "needs a text in UTF-8",
        ),
        (
            &model,
            &["--calibrate", text, "--memory", "1GiB"],
            "cannot be used with",
        ),
        (&model, &["--calibrate-tokens", "100"], "--calibrate <TEXT>"),
    ];
    for (input, arguments, reason) in cases {
        let run = seedlm()
            .arg("compress")
            .arg(input)
            .args(arguments)
            .arg("-o")
            .arg(&output)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(reason), "{arguments:?}: {error}");
        assert!(!output.exists());
    }
}
