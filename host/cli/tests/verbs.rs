//! What each verb says and returns.
#[allow(dead_code)]
mod common;

use common::{listing, run, write_small_model};
use serde_json::Value;
use std::fs;

/// A folder with the small model, and the paths `plain`, `packed` and `again` in it.
fn workplace() -> (tempfile::TempDir, [String; 3]) {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["plain", "packed", "again"].map(|name| {
        let path = folder.path().join(format!("{name}.safetensors"));
        path.to_str().unwrap().to_string()
    });
    write_small_model(paths[0].as_ref());
    (folder, paths)
}

#[test]
fn there_and_back() {
    let (folder, [plain, packed, again]) = workplace();
    let (code, out, err) = run(&["compress", &plain, "-o", &packed, "--quantizer", "rounded"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("2 matrices in paper-4b, 2 tensors kept"), "{out}");
    for expected in [
        "size ",
        "bits per weight",
        "relative error",
        "worst tensors",
        "weights/s",
    ] {
        assert!(out.contains(expected), "{out}");
    }
    assert!(
        err.contains("] layers.0.q_proj.weight [16, 40] F32 -> paper-4b 4.05 bits/weight  relative error 0."),
        "{err}"
    );
    assert!(
        err.contains("[1/2] ") && err.contains("[2/2] ") && err.contains("SQNR 1"),
        "{err}"
    );
    assert!(
        !err.contains('\u{1b}'),
        "no colours or bars where stderr is no terminal: {err}"
    );

    let (code, out, _) = run(&["verify", &packed]);
    assert!(code == 0 && out.contains("intact: 2 matrices, 2 kept tensors"), "{out}");
    let (code, out, _) = run(&["inspect", &packed]);
    assert!(
        code == 0
            && out.contains("code paper-4b: C=8 P=3 K=16")
            && out.contains("embed_tokens.weight [7, 16] F32 kept"),
        "{out}"
    );
    let (code, out, _) = run(&["inspect", &plain]);
    assert!(
        code == 0 && out.contains("not compressed, 4 tensors, 820 weights"),
        "{out}"
    );
    let (code, out, _) = run(&["decompress", &packed, "-o", &again, "--dtype", "bf16"]);
    assert!(
        code == 0 && out.contains("2 matrices decoded, 2 tensors copied"),
        "{out}"
    );
    assert_eq!(
        listing(folder.path()),
        ["again.safetensors", "packed.safetensors", "plain.safetensors"]
    );
}

#[test]
fn json_is_the_only_thing_on_stdout() {
    let (_folder, [plain, packed, again]) = workplace();
    let json = |arguments: &[&str]| -> Value {
        let (code, out, err) = run(arguments);
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    };
    let planned = json(&["compress", &plain, "--dry-run", "--json", "--code", "paper-3b"]);
    assert_eq!(planned["dry_run"], true);
    assert_eq!(planned["compressed"].as_array().unwrap().len(), 2);
    assert!(planned["estimated_seconds"].as_f64().unwrap() > 0.0);
    let report = json(&[
        "compress",
        &plain,
        "-o",
        &packed,
        "--json",
        "-q",
        "--code",
        "paper-3b",
        "--quantizer",
        "printed",
    ]);
    assert_eq!(report["matrices"][0]["code"], "paper-3b");
    assert_eq!(report["compressed_weights"], 692);
    assert_eq!(report["output_bytes"], fs::metadata(&packed).unwrap().len());
    let inspected = json(&["inspect", &packed, "--json"]);
    assert_eq!(inspected["kind"], "container");
    assert_eq!(inspected["relative_error"], report["relative_error"]);
    let verified = json(&["verify", &packed, "--json"]);
    assert_eq!(verified["intact"], true);
    assert_eq!(
        json(&["decompress", &packed, "-o", &again, "--json"])["decoded_weights"],
        692
    );
}

#[test]
fn the_number_of_threads_does_not_change_a_byte() {
    let (folder, [plain, ..]) = workplace();
    let written = ["1", "2", "3"].map(|threads| {
        let path = folder.path().join(threads);
        let (code, ..) = run(&["compress", &plain, "-o", path.to_str().unwrap(), "-j", threads, "-q"]);
        assert_eq!(code, 0);
        fs::read(path).unwrap()
    });
    assert!(written[0] == written[1] && written[1] == written[2]);
}

#[test]
fn a_dry_run_writes_nothing() {
    let (folder, [plain, packed, _]) = workplace();
    let (code, out, _) = run(&["compress", &plain, "-o", &packed, "--dry-run"]);
    assert!(
        code == 0 && out.contains("dry run, nothing written: 2 tensors to compress, 2 to keep, about"),
        "{out}"
    );
    assert!(
        out.contains("embed_tokens.weight [7, 16] F32 kept (embedding)"),
        "{out}"
    );
    assert_eq!(listing(folder.path()), ["plain.safetensors"]);
}

#[test]
fn patterns_choose_tensors() {
    let (_folder, [plain, ..]) = workplace();
    let chosen = |patterns: &[&str]| {
        let (code, out, err) = run(&[&["compress", &plain, "--dry-run"], patterns].concat());
        (code, format!("{out}{err}"))
    };
    let (_, text) = chosen(&["--exclude", "*k_proj*", "--include", "embed_*"]);
    assert!(
        text.contains("k_proj.weight [4, 13] F32 kept (excluded)")
            && text.contains("embed_tokens.weight [7, 16] F32 -> paper-4b"),
        "{text}"
    );
    let (code, text) = chosen(&["--include", "*kproj*"]);
    assert!(
        code == 2 && text.contains("\"*kproj*\": matches no tensor") && text.contains("k_proj.weight"),
        "{text}"
    );
    let (code, text) = chosen(&["--exclude", "{a"]);
    assert!(code == 2 && text.contains("\"{a\""), "{text}");
}

#[test]
fn verify_says_1_for_damage_and_2_for_what_it_cannot_read() {
    let (_folder, [plain, packed, _]) = workplace();
    assert_eq!(
        run(&["compress", &plain, "-o", &packed, "-q", "--quantizer", "printed"]).0,
        0
    );
    let mut bytes = fs::read(&packed).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&packed, bytes).unwrap();
    let (code, out, _) = run(&["verify", &packed]);
    assert!(
        code == 1
            && out.contains("DAMAGED")
            && out.contains("k_proj.weight.seedlm_words") | out.contains("q_proj.weight.seedlm_words"),
        "{out}"
    );
    assert_eq!(run(&["verify", "-q", &packed]), (1, String::new(), String::new()));
    assert_eq!(run(&["verify", &plain]).0, 1);
    let (code, _, err) = run(&["verify", "gone.safetensors"]);
    assert!(code == 2 && err.contains("gone.safetensors: cannot open"), "{err}");
}

#[test]
fn help_version_and_completions() {
    let (code, out, _) = run(&["--help"]);
    assert!(code == 0 && out.contains("Exit codes:") && out.contains("130"), "{out}");
    assert!(run(&["--version"]).1.starts_with("seedlm 0."));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, out, _) = run(&["completions", shell]);
        assert!(code == 0 && out.contains("compress"), "{shell}");
    }
    for wrong in [
        &["compress"][..],
        &["compress", "a"],
        &["pack", "a"],
        &["compress", "a", "-o", "b", "--code", "paper-9b"],
        &["compress", "a", "-o", "b", "-j", "0"],
    ] {
        assert_eq!(run(wrong).0, 2, "{wrong:?}");
    }
    assert!(
        run(&["compress", "a", "-o", "b", "--code", "paper-9b"])
            .2
            .contains("paper-4b, paper-3b")
    );
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_quiet() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_seedlm"))
        .args(["completions", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
}
