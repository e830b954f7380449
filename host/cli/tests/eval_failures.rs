//! What `seedlm eval` says of what it cannot do, and how it ends at Ctrl-C.

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use common::{folder_with_model, run};
use seedlm_model::embedded::{SHAKESPEARE_CONFIG_JSON, SHAKESPEARE_TOKENIZER_JSON};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

/// The error of a run that must fail.
fn error(arguments: &[&str]) -> String {
    let (code, out, err) = run(&[&["eval"], arguments].concat());
    assert!(code == 2 && out.is_empty(), "{code} {out} {err}");
    err
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn errors_say_what_to_do() {
    let (folder, model) = folder_with_model();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let with_text = |more: &[&str]| error(&[&[text(&model), "--text", &path("text.txt")], more].concat());

    let err = error(&["--against", "chained-5b"]);
    assert!(
        err.contains("chained-5b: there is no such file") && err.contains("chained-4b-k12"),
        "{err}"
    );
    let err = error(&["--against", "q4_0,q4_0"]);
    assert!(err.contains("named twice"), "{err}");
    let err = error(&["--activations", "int99"]);
    assert!(err.contains("int8-g64"), "{err}");
    let err = error(&["--window", "257"]);
    assert!(err.contains("--window 257") && err.contains("256 positions"), "{err}");
    let err = error(&["--stride", "300"]);
    assert!(err.contains("--stride 300") && err.contains("256 or less"), "{err}");
    let err = error(&[text(&model)]);
    assert!(err.contains("--text"), "{err}");
    let err = error(&["--text", &path("gone.txt")]);
    assert!(err.contains("gone.txt: cannot read"), "{err}");
    fs::write(path("latin1.txt"), b"caf\xe9 and more").unwrap();
    let err = error(&["--text", &path("latin1.txt")]);
    assert!(err.contains("latin1.txt: is no text in UTF-8"), "{err}");
    fs::write(path("short.txt"), "a").unwrap();
    let err = error(&["--text", &path("short.txt")]);
    assert!(err.contains("short.txt") && err.contains("at least 2"), "{err}");
    let err = with_text(&["--svg", text(&model)]);
    assert!(err.contains("is a folder"), "{err}");
    let err = with_text(&["--svg", &path("model/config.json")]);
    assert!(err.contains("is an input, or in one"), "{err}");

    // A container is no reference.
    let packed = path("packed");
    assert_eq!(
        run(&[
            "compress",
            text(&model),
            "-o",
            &packed,
            "--code",
            "chained-2b-k12",
            "-q"
        ])
        .0,
        0
    );
    let err = error(&[&packed, "--text", &path("text.txt")]);
    assert!(err.contains("is compressed; name the model as it was before"), "{err}");

    // Another architecture, said in config.json, or seen by the shapes alone.
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    let config = SHAKESPEARE_CONFIG_JSON.replace("\"vocab_size\": 256", "\"vocab_size\": 200");
    fs::write(other.join("config.json"), &config).unwrap();
    fs::write(other.join("tokenizer.json"), SHAKESPEARE_TOKENIZER_JSON).unwrap();
    common::write_small_model(&other.join("model.safetensors"));
    let err = error(&["--against", text(&other)]);
    assert!(err.contains("other/config.json: is of another model"), "{err}");
    fs::remove_file(other.join("config.json")).unwrap();
    let err = error(&["--against", text(&other)]);
    assert!(
        err.contains("other: this is no variant of embedded:shakespeare") && err.contains("input_layernorm.weight"),
        "{err}"
    );
    // A tokenizer with more tokens than the model.
    let mut tokenizer: Value = serde_json::from_str(SHAKESPEARE_TOKENIZER_JSON).unwrap();
    tokenizer["added_tokens"] = serde_json::json!([{
        "id": 256, "content": "ROMEO", "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": false,
    }]);
    fs::write(model.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    fs::write(path("more.txt"), "Says ROMEO").unwrap();
    let err = error(&[text(&model), "--text", &path("more.txt")]);
    assert!(
        err.contains("more.txt: has token 256") && err.contains("256 tokens only"),
        "{err}"
    );
    fs::remove_file(model.join("tokenizer.json")).unwrap();
    let err = with_text(&[]);
    assert!(err.contains("tokenizer.json: cannot be read"), "{err}");
}

/// The windows that are finished when the signal comes are in the table.
#[test]
fn ctrl_c_keeps_what_is_finished() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_seedlm"))
        .args([
            "eval",
            "--windows",
            "32",
            "--against",
            "int4-g128,nf4-g64,q4_0",
            "--activations",
            "int8,int16",
            "-v",
            "-j",
            "1",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    // Every window says a line; 32 windows of 12 models take seconds.
    assert!(lines.any(|line| line.starts_with("window 2 of 32")));
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signal.unwrap().success());
    let rest: Vec<String> = lines.collect();
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{out}");
    assert!(
        out.contains(" of 32 (interrupted) of 256 tokens") && out.contains("nf4-g64"),
        "{out}"
    );
    assert!(
        rest.iter()
            .any(|line| line.contains("interrupted; the result is that of the")),
        "{rest:?}"
    );
}

/// While variants are made ready, nothing is finished.
#[test]
fn ctrl_c_before_the_first_window_gives_no_table() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_seedlm"))
        .args([
            "eval",
            "--against",
            "chained-4b-k12,chained-4b,chained-3b,chained-2b",
            "-j",
            "1",
            "-v",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first variant is ready when it says so; the others take much longer.
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("chained-4b-k12: ready") {
        line.clear();
        assert_ne!(
            err.read_line(&mut line).unwrap(),
            0,
            "it ended before it was interrupted"
        );
    }
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signal.unwrap().success());
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(130), 0), "{rest}");
    assert!(rest.contains("interrupted"), "{rest}");
}
