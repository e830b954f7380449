//! Runs that fail or are stopped: the exit code, the message, and nothing half-written.
#![cfg(unix)]
#[allow(dead_code)]
mod common;

use common::{listing, numbers, run, write_model, write_small_model};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn inputs_and_outputs_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain.safetensors");
    write_small_model(&plain);
    let refused = |arguments: &[&str], expected: &str| {
        let before = listing(folder.path());
        let (code, out, err) = run(arguments);
        assert!(
            code == 2 && out.is_empty() && err.contains(expected),
            "{code} {out} {err}"
        );
        assert_eq!(listing(folder.path()), before);
    };
    let broken = folder.path().join("broken.safetensors");
    let whole = fs::read(&plain).unwrap();
    fs::write(&broken, &whole[..whole.len() - 100]).unwrap();
    let out = folder.path().join("out.safetensors");
    let sizes = format!(
        "{} bytes expected, {} bytes found; download",
        whole.len(),
        whole.len() - 100
    );
    refused(&["compress", text(&broken), "-o", text(&out)], &sizes);
    write_model(
        &broken,
        &[(
            "a.weight",
            &[1, 2],
            [1_f32.to_le_bytes(), f32::NAN.to_le_bytes()].concat(),
        )],
    );
    refused(
        &["compress", text(&broken), "-o", text(&out), "-q"],
        "tensor \"a.weight\": row 0, column 1: the weight is NaN",
    );
    refused(&["compress", text(&plain), "-o", text(&plain), "-f"], "is the input");
    refused(&["compress", text(&plain), "-o", text(&broken)], "exists already; -f");
    refused(
        &["compress", text(&plain), "-o", text(folder.path()), "-f"],
        "holds the input",
    );
    refused(
        &["compress", text(&plain), "-o", text(&folder.path().join("no/where"))],
        "does not exist; create it first",
    );
    refused(
        &["decompress", text(&plain), "-o", text(&out)],
        "not a SeedLM container",
    );
    // Nobody may create a file there, whoever runs this test.
    refused(
        &["compress", text(&plain), "-o", "/proc/out.safetensors"],
        "/proc/out.safetensors: cannot create",
    );
}

/// The system's limit on the size of a file stands in for a full disk: the write in the middle fails the same way, and
/// no rights are needed to set it. (The signal that comes with it is switched off.)
#[test]
fn a_disk_that_fills_up_leaves_nothing_but_finished_matrices() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain.safetensors");
    write_model(
        &plain,
        &[
            ("a.q_proj.weight", &[4, 16], numbers(64)),
            ("embed.weight", &[100, 100], numbers(10_000)),
        ],
    );
    let script = |verb: &str, from: &str, to: &str| {
        let program = env!("CARGO_BIN_EXE_seedlm");
        format!(
            "trap '' XFSZ; ulimit -f 16; cd '{}'; exec '{program}' {verb} {from} -o {to}",
            text(folder.path())
        )
    };
    let limited = |verb, from, to| {
        let output = Command::new("sh")
            .args(["-c", &script(verb, from, to)])
            .output()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains(&format!("{to}: cannot write: File too large")), "{err}");
        err
    };
    let err = limited("compress", "plain.safetensors", "out.safetensors");
    assert!(
        err.contains("1 of 1 matrices are finished and kept in .out.safetensors.seedlm-work")
            && err.contains("--resume"),
        "{err}"
    );
    assert_eq!(
        listing(folder.path()),
        [".out.safetensors.seedlm-work", "plain.safetensors"]
    );
    // With more room, it goes on.
    let out = folder.path().join("out.safetensors");
    let (code, _, err) = run(&["compress", text(&plain), "-o", text(&out), "--resume"]);
    assert!(
        code == 0 && err.contains("resuming: 1 of 1 matrices are finished"),
        "{err}"
    );
    assert_eq!(listing(folder.path()), ["out.safetensors", "plain.safetensors"]);
    fs::remove_file(out).unwrap();
    let packed = folder.path().join("packed.safetensors");
    assert_eq!(run(&["compress", text(&plain), "-o", text(&packed), "-q"]).0, 0);
    limited("decompress", "packed.safetensors", "out.safetensors");
    assert_eq!(listing(folder.path()), ["packed.safetensors", "plain.safetensors"]);

    // The same for a folder.
    fs::create_dir(folder.path().join("model")).unwrap();
    fs::rename(&plain, folder.path().join("model/model.safetensors")).unwrap();
    let output = Command::new("sh")
        .args(["-c", &script("compress", "model", "out")])
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(2) && err.contains("out/model.safetensors: cannot write: File too large"),
        "{err}"
    );
    assert_eq!(
        listing(folder.path()),
        [".out.seedlm-work", "model", "packed.safetensors"]
    );
}

/// Starts a compression that takes long, and waits until it has begun.
fn long_run(folder: &Path, input: &str) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_seedlm"))
        .current_dir(folder)
        .args(["compress", input, "-o", "out", "-j", "1"])
        .env("SEEDLM_SIMD", "scalar")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stderr.as_mut().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.starts_with("compressing 1 of 1 tensors"), "{first}");
    child
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{name} {}", child.id())])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn ctrl_c_in_the_first_matrix_stops_with_130_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("model")).unwrap();
    let file = folder.path().join("model/model.safetensors");
    write_model(&file, &[("a.q_proj.weight", &[2048, 2048], numbers(2048 * 2048))]);
    for input in ["model/model.safetensors", "model"] {
        for name in ["INT", "TERM"] {
            let mut child = long_run(folder.path(), input);
            std::thread::sleep(Duration::from_millis(200));
            signal(&child, name);
            let status = child.wait().unwrap();
            let mut err = String::new();
            child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
            assert_eq!(status.code(), Some(130), "{err}");
            assert!(
                err.is_empty() || err.contains("interrupted; nothing was written"),
                "{err}"
            );
            assert_eq!(listing(folder.path()), ["model"], "{input} {name}");
        }
    }
}

#[test]
fn ctrl_c_stops_a_measurement() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    write_model(&file, &[("a.q_proj.weight", &[4096, 2048], numbers(4096 * 2048))]);
    // A minute of work on one thread without vector instructions; nothing says when it has begun.
    let interrupted_after = |wait: Duration| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_seedlm"))
            .args(["bench", "quality", text(&file), "-j", "1"])
            .args(["--code", "chained-4b", "--gaussian", "1x8"])
            .env("SEEDLM_SIMD", "scalar")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(wait);
        assert!(child.try_wait().unwrap().is_none(), "ended by itself");
        signal(&child, "INT");
        let status = child.wait().unwrap();
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (status.code(), err)
    };
    // On a busy machine the signal can come before anybody listens, and ends the program without a code: once more, later.
    let waits = [500, 2000, 8000, 20_000].map(Duration::from_millis);
    let ended = waits
        .into_iter()
        .map(interrupted_after)
        .find(|(code, _)| code.is_some());
    let (code, err) = ended.expect("it listens at last");
    assert_eq!(code, Some(130), "{err}");
}

#[test]
fn a_killed_run_leaves_nothing_under_the_final_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    write_model(&file, &[("a.q_proj.weight", &[2048, 2048], numbers(2048 * 2048))]);
    let mut child = long_run(folder.path(), "model.safetensors");
    std::thread::sleep(Duration::from_millis(200));
    signal(&child, "KILL");
    child.wait().unwrap();
    assert!(!folder.path().join("out").exists());
}
