//! Runs that are killed, stopped and resumed, and runs in little memory.
#![cfg(unix)]
#[allow(dead_code)]
mod common;

use common::{listing, numbers, run, write_model};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Matrices of the model.
const MATRICES: usize = 72;

/// A model whose matrices take so long without vector instructions that a run on one thread is nowhere near its end when it is
/// stopped, and not long with them, on all.
struct Workplace {
    folder: tempfile::TempDir,
}

impl Workplace {
    fn new() -> Self {
        let place = Workplace {
            folder: tempfile::tempdir().unwrap(),
        };
        let names: Vec<String> = (0..MATRICES)
            .map(|number| format!("layers.{number:02}.q.weight"))
            .collect();
        let tensors: Vec<(&str, &[usize], Vec<u8>)> = names
            .iter()
            .enumerate()
            .map(|(number, name)| {
                (
                    &name[..],
                    &[64, 256][..],
                    numbers(64 * 256 + number).split_off(4 * number),
                )
            })
            .collect();
        write_model(&place.path("model.safetensors"), &tensors);
        write_map(&place.path("map.json"));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn listing(&self) -> Vec<String> {
        listing(self.folder.path())
    }

    fn arguments<'a>(&self, output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let fixed = [
            "compress",
            "model.safetensors",
            "-o",
            output,
            "--code",
            "chained-2b",
            "--map",
            "map.json",
        ];
        [&fixed[..], more].concat()
    }

    /// Runs to the end; returns exit code, stdout and stderr.
    fn run(&self, output: &str, more: &[&str]) -> (i32, String, String) {
        let output = common::seedlm()
            .current_dir(self.folder.path())
            .args(self.arguments(output, more))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    /// Starts a slow run and holds it when some matrices are finished, then sends it a signal. Returns exit code and stderr.
    fn end_by(&self, signal: &str, more: &[&str]) -> (Option<i32>, String) {
        let before = self.finished();
        let mut child = Command::new(env!("CARGO_BIN_EXE_seedlm"))
            .current_dir(self.folder.path())
            .args(self.arguments("out", &[&["-j", "1"], more].concat()))
            .env("SEEDLM_SIMD", "scalar")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while self.finished() < before + 2 {
            assert!(begun.elapsed() < Duration::from_secs(60), "no matrix is finished");
            assert!(child.try_wait().unwrap().is_none(), "ended by itself");
            sleep(Duration::from_millis(2));
        }
        // Held, it cannot get to its end while this test waits for its turn on a busy machine.
        send(&child, "STOP");
        let held_at = self.finished();
        assert!(held_at < MATRICES, "ended before it could be held");
        send(&child, signal);
        send(&child, "CONT");
        let status = child.wait().unwrap();
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (status.code(), err)
    }

    /// Matrices that the journal says are finished.
    fn finished(&self) -> usize {
        let journal = fs::read_to_string(self.path(".out.seedlm-work/journal")).unwrap_or_default();
        journal.matches('\n').count().saturating_sub(1)
    }
}

fn write_map(path: &Path) {
    fs::write(path, r#"{"length": 6, "fields": [[32, 16, 8], [37, 18, 11]]}"#).unwrap();
}

fn send(child: &Child, signal: &str) {
    let command = format!("kill -{signal} {}", child.id());
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
}

#[test]
fn a_run_that_is_killed_and_stopped_is_resumed_to_the_same_bytes() {
    let place = Workplace::new();
    assert_eq!(place.run("whole", &["-q"]).0, 0);

    let (code, _) = place.end_by("KILL", &[]);
    assert_eq!(code, None);
    assert_eq!(
        place.listing(),
        [".out.seedlm-work", "map.json", "model.safetensors", "whole"]
    );
    let killed = place.finished();
    assert!((2..MATRICES).contains(&killed));

    // Without --resume it is left alone, and with other options too.
    let (code, _, err) = place.run("out", &[]);
    assert!(
        code == 2 && err.contains("--resume goes on from there, --force discards them"),
        "{err}"
    );
    let (code, _, err) = place.run("out", &["--resume", "--rotate", "always"]);
    assert!(code == 2 && err.contains("--rotate was auto and is always"), "{err}");
    assert_eq!(place.finished(), killed);

    let (code, err) = place.end_by("INT", &["--resume"]);
    assert_eq!(code, Some(130), "{err}");
    assert!(
        err.contains(&format!("resuming: {killed} of {MATRICES} matrices are finished"))
            && err.contains("seedlm: interrupted; ")
            && err.contains(" are finished and kept in .out.seedlm-work: the same command with --resume goes on"),
        "{err}"
    );
    assert_eq!(
        place.listing(),
        [".out.seedlm-work", "map.json", "model.safetensors", "whole"]
    );
    let stopped = place.finished();
    assert!((killed + 2..MATRICES).contains(&stopped));

    let (code, out, err) = place.run("out", &["--resume", "--json"]);
    assert_eq!(code, 0, "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["resumed_matrices"], stopped);
    assert_eq!(report["matrices"].as_array().unwrap().len(), MATRICES);
    assert!(fs::read(place.path("out")).unwrap() == fs::read(place.path("whole")).unwrap());
    assert_eq!(place.listing(), ["map.json", "model.safetensors", "out", "whole"]);
}

#[test]
fn a_run_whose_input_has_changed_is_not_resumed() {
    let place = Workplace::new();
    assert_eq!(place.end_by("TERM", &[]).0, Some(130));
    let model = place.path("model.safetensors");
    let mut bytes = fs::read(&model).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&model, bytes).unwrap();
    let (code, _, err) = place.run("out", &["--resume"]);
    assert!(
        code == 2 && err.contains("the input file model.safetensors has changed"),
        "{err}"
    );
    let discarded = format!(
        "discarding what an unfinished run has left: {} finished",
        place.finished()
    );
    let (code, _, err) = place.run("out", &["--force"]);
    assert!(code == 0 && err.contains(&discarded), "{err}");
    assert_eq!(place.listing(), ["map.json", "model.safetensors", "out"]);
    let (code, _, err) = place.run("new", &["--resume"]);
    assert!(code == 0 && err.contains("nothing to resume"), "{err}");
}

/// Writes a model of zeros, which takes neither time to encode nor room on the disk, and which is several times larger than
/// its largest matrix.
fn write_large_model(path: &Path) {
    let (side, matrices, kept) = (4096_u64, 5, 96_u64 << 20);
    let mut header = serde_json::Map::new();
    let mut end = 0;
    let mut add = |name: String, shape: [u64; 2]| {
        let start = end;
        end += 4 * shape[0] * shape[1];
        header.insert(
            name,
            json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]}),
        );
    };
    for number in 0..matrices {
        add(format!("layers.{number}.q.weight"), [side, side]);
    }
    add("embed.weight".into(), [kept / 4, 1]);
    let header = Value::from(header).to_string();
    let mut file = File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.set_len(8 + header.len() as u64 + end).unwrap();
}

/// The most memory that a program had until it ended, in bytes, looked at often.
#[cfg(target_os = "linux")]
fn peak_memory(child: &mut Child) -> u64 {
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(1024 * kibibytes.unwrap_or(0));
        sleep(Duration::from_millis(2));
    }
    peak
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_keeps_within_its_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let [model, map, out] = ["model.safetensors", "map.json", "out"].map(path);
    write_large_model(model.as_ref());
    write_map(map.as_ref());
    let compress = ["compress", &model[..], "--code", "chained-2b", "--map", &map, "-j", "2"];
    let (_, planned, _) = run(&[&compress[..], &["--dry-run", "--json"]].concat());
    let planned: Value = serde_json::from_str(&planned).unwrap();
    let least = planned["least_memory_bytes"].as_u64().unwrap();
    // The matrices alone are twice that, the model is nearly three times.
    assert!(2 * least < 5 * (64 << 20) + (1 << 20) && 2 * least < fs::metadata(&model).unwrap().len());

    let run_within = |memory: &str| {
        let child = Command::new(env!("CARGO_BIN_EXE_seedlm"))
            .args(compress)
            .args(["-o", &out, "-f", "-q", "--json", "--memory", memory])
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        let peak = peak_memory(&mut child);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (
            peak,
            report["peak_memory_bytes"].as_u64().unwrap(),
            fs::read(&out).unwrap(),
        )
    };
    let (peak, estimate, bytes) = run_within(&least.to_string());
    // One matrix in 32 bits is there at least, or nothing was measured.
    assert!(
        64 << 20 < peak && peak <= estimate && estimate <= least,
        "{peak} {estimate} {least}"
    );
    let (more_peak, more_estimate, more_bytes) = run_within("2GiB");
    assert!(
        more_peak <= more_estimate && least < more_estimate,
        "{more_peak} {more_estimate}"
    );
    assert!(bytes == more_bytes);

    let (code, _, err) = run(&[&compress[..], &["-o", &out, "-f", "--memory", "20MB"]].concat());
    let expected = format!(
        "--memory allows 19MiB; give --memory {}MiB or more",
        least.div_ceil(1 << 20)
    );
    assert!(
        code == 2 && err.contains("tensor \"layers.") && err.contains(&expected),
        "{err}"
    );
    for wrong in ["", "much", "1XB", "-1"] {
        assert_eq!(
            run(&[&compress[..], &["-o", &out, "--memory", wrong]].concat()).0,
            2,
            "{wrong}"
        );
    }
}
