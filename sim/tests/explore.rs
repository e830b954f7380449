//! `sim explore` as a user meets it.

use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Few weights: the programs' ways are tested here, not the encoders.
const FEW: [&str; 3] = ["explore", "--model-weights", "4096"];

/// Some codes that are encoded in no time.
const CODES: [&str; 4] = ["--block", "C=6:8,P=2:3,K=10+12", "--chained", "k=2:4,K=12"];

/// The program beside no other, with a cache of its own, so that nothing of this machine is found.
struct Alone {
    folder: TempDir,
}

impl Alone {
    fn new() -> Self {
        // A link and no copy: a program is not started while any process has it open for writing, and one that
        // another test is just starting inherits whatever this one has open.
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::hard_link(assert_cmd::cargo::cargo_bin!("sim"), folder.path().join("sim")).unwrap();
        Alone { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().into()
    }

    /// Puts a shell script in the place of `hdl`, written by a shell for the reason given in [`Alone::new`].
    fn with_generator(self, script: &str) -> Self {
        let write = r#"printf '#!/bin/sh\n%s\n' "$1" >"$0" && chmod +x "$0""#;
        let arguments = ["-c", write, &self.path("hdl"), script];
        assert!(
            std::process::Command::new("sh")
                .args(arguments)
                .status()
                .unwrap()
                .success()
        );
        self
    }

    fn std_command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(self.folder.path().join("sim"));
        command.args(FEW).args(arguments).current_dir(self.folder.path());
        if !arguments.contains(&"--gaussian-weights") {
            command.args(["--gaussian-weights", "4096"]);
        }
        command.env("SEEDLM_EXPLORE_CACHE", self.folder.path().join("cache"));
        // What a script needs, and no hdl.
        command.env("PATH", "/usr/bin:/bin");
        command
    }

    fn run(&self, arguments: &[&str]) -> (bool, String, String) {
        let output = Command::from_std(self.std_command(arguments)).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (is_success, out, err) = self.run(&[arguments, &["--json", "-", "-q"]].concat());
        assert!(is_success, "{err}");
        serde_json::from_str(&out).unwrap()
    }

    fn refusal(&self, arguments: &[&str]) -> String {
        let (is_success, _, err) = self.run(arguments);
        assert!(!is_success && err.starts_with("sim: "), "{err}");
        err
    }
}

/// A report without what a clock has measured.
fn timeless(mut report: Value) -> Value {
    for code in report["codes"].as_array_mut().unwrap() {
        code["encode"] = Value::Null;
    }
    report
}

#[test]
fn the_quick_grid_gives_all_forms_of_one_report() {
    let alone = Alone::new();
    let files = ["json", "csv", "svg"].map(|form| alone.path(&format!("report.{form}")));
    let (is_success, text, err) = alone.run(&[
        "--grid", "quick", "-q", "--json", &files[0], "--csv", &files[1], "--svg", &files[2],
    ]);
    assert!(is_success, "{err}");
    let [json, csv, svg] = files.map(|file| std::fs::read_to_string(file).unwrap());
    let report: Value = serde_json::from_str(&json).unwrap();
    let codes = report["codes"].as_array().unwrap();
    assert_eq!(report["schema_version"], 1);
    for part in [
        "The paper's grid at 4 bits",
        "The paper's grid at 3 bits",
        "Pareto front, size and error:",
        "Pareto front, speed and error, memory ideal, 16 lanes",
        "the program hdl is neither next to this program nor on PATH",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // Half the error at the same size: chained codes are what the fronts are made of.
    let front = &report["fronts"][0];
    assert_eq!(
        front["members"],
        serde_json::json!(["chained-3b-k12", "chained-4b-k12"])
    );
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(
        rows.len(),
        codes.len() * report["settings"]["machines"].as_array().unwrap().len()
    );
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>") && svg.contains("<polyline"));
    for code in codes {
        let error = code["gaussian"]["relative_error"].as_f64().unwrap();
        assert!((0.05..0.4).contains(&error), "{code}");
        assert!(
            code["machines"][0]["estimate"]["tokens_per_second"].as_f64().unwrap() > 1.0,
            "{code}"
        );
        assert!(
            code["machines"][0]["estimate"]["energy_j"].as_f64().unwrap() > 0.1,
            "{code}"
        );
    }
    // What is done leaves nothing behind.
    assert_eq!(std::fs::read_dir(alone.path("cache")).unwrap().count(), 0);
}

/// On few weights, and with the nearest competitors only; docs/explorer.md has the whole grid.
#[test]
fn the_papers_choices_come_out_as_far_as_they_do() {
    let alone = Alone::new();
    let [four, three] = [4, 3].map(|bits| format!("C=7:12,P=3:4,K=10:16,bits={bits}"));
    let report = alone.json(&[
        "--block",
        &four,
        "--block",
        &three,
        "--no-model",
        "--gaussian-weights",
        "16384",
    ]);
    let [four, three] = &report["papers_grid"].as_array().unwrap()[..] else {
        panic!("{report}");
    };
    assert_eq!((&four["stored_bits"], &three["stored_bits"]), (&4.into(), &3.into()));
    assert_eq!(
        (&three["place_of_paper"], &three["indistinguishable"]),
        (&1.into(), &1.into())
    );
    assert_eq!(three["best_by_printed_rule"], "paper-3b");
    // With the best words of all, one coefficient more is better; with the paper's rule it is not.
    assert_eq!(four["candidates"][0]["label"], "C=9 P=4 K=16");
    assert_eq!(
        (&four["best_by_printed_rule"], &four["place_of_paper"]),
        (&"paper-4b".into(), &2.into())
    );
    assert_eq!(four["beaten_by"], serde_json::json!(["C=9 P=4 K=16"]));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let alone = Alone::new();
    let run = |threads| timeless(alone.json(&[&CODES[..], &["-j", threads]].concat()));
    assert_eq!(run("1"), run("3"));
}

/// A run that is going on.
fn wait_for_lines(child: &mut Child, work: &str, lines: usize) {
    let begun = Instant::now();
    loop {
        let text = std::fs::read_to_string(work).unwrap_or_default();
        if text.lines().count() >= lines {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "it has ended too early");
        assert!(begun.elapsed() < Duration::from_secs(120), "no code in two minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Codes that take so long that a run can be stopped in their midst.
const SLOW: [&str; 6] = ["--block", "C=6:8,P=2:3,K=12", "--gaussian-weights", "65536", "-j", "1"];

fn slow(work: &str) -> Vec<&str> {
    [&SLOW[..], &["--no-model", "--work", work]].concat()
}

#[test]
fn a_killed_run_goes_on_to_the_same_result() {
    let alone = Alone::new();
    let [work, other] = ["killed.jsonl", "whole.jsonl"].map(|name| alone.path(name));
    let few = [&SLOW[..2], &["-j", "1", "--no-model", "--work", &work]].concat();
    let mut child = alone
        .std_command(&few)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for_lines(&mut child, &work, 2);
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = std::fs::read_to_string(&work).unwrap();
    // As if it had been killed in the midst of a line.
    let lines: Vec<&str> = kept.lines().take(2).collect();
    std::fs::write(&work, format!("{}\n{}\n{}", lines[0], lines[1], &lines[1][..100])).unwrap();
    let (is_success, _, err) = alone.run(&few);
    assert!(
        is_success && err.contains("going on: 1 of 6 codes are finished"),
        "{err}"
    );
    assert!(err.contains("1 unreadable lines are skipped"), "{err}");
    let resumed = timeless(alone.json(&few));
    let mut whole = few.clone();
    *whole.last_mut().unwrap() = &other;
    assert_eq!(timeless(alone.json(&whole)), resumed);
}

#[test]
fn an_interrupt_says_how_to_go_on() {
    let alone = Alone::new();
    let work = alone.path("work.jsonl");
    let mut child = alone
        .std_command(&slow(&work))
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for_lines(&mut child, &work, 1);
    // From its first line on it listens.
    let sent = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("sim: interrupted"), "{err}");
    assert!(
        err.contains("finished codes are kept in") && err.contains("--work"),
        "{err}"
    );
    assert!(std::fs::read_to_string(&work).unwrap().starts_with("{\"sim explore\":"));
}

#[test]
fn work_of_other_settings_is_refused() {
    let alone = Alone::new();
    let work = alone.path("work.jsonl");
    let small = ["--block", "C=7,P=3,K=10", "--work", &work];
    let run = |more: &[&str]| alone.run(&[&small[..], more].concat());
    assert!(run(&[]).0);
    // The finished code, and another one.
    let (is_success, _, err) = run(&["--block", "C=8,P=3,K=10"]);
    assert!(
        is_success && err.contains("going on: 1 of 2 codes are finished"),
        "{err}"
    );
    let refusal = |more: &[&str]| alone.refusal(&[&small[..], more].concat());
    let err = refusal(&["--no-model"]);
    assert!(
        err.contains("it is of a run with other settings (model: there {"),
        "{err}"
    );
    assert!(err.contains("here null") && err.contains("--fresh"), "{err}");
    let err = refusal(&["--memory", "hbm2", "--clock-mhz", "100"]);
    assert!(
        err.contains("machines: there") && err.contains("memories: there"),
        "{err}"
    );
    let (is_success, _, err) = run(&["--no-model", "--fresh"]);
    assert!(is_success && !err.contains("going on"), "{err}");
    std::fs::write(&work, "[dependencies]\n").unwrap();
    assert!(refusal(&[]).contains("it is no work file of sim explore"));
    assert_eq!(std::fs::read_to_string(&work).unwrap(), "[dependencies]\n");
    let used = std::fs::File::open(&work).unwrap();
    used.lock().unwrap();
    assert!(refusal(&[]).contains("another run is using it"));
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let alone = Alone::new();
    let file = |name: &str, text: &str| {
        let path = alone.path(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let grid = file("grid.toml", "[[block]]\nC = 8\nP = 3\nK = 16\ncolour = 1\n");
    let map = file("map.json", r#"{"length": 8, "fields": [[256]]}"#);
    let cases: [(&[&str], &str); 12] = [
        (&["--grid", &grid], "unknown field `colour`"),
        (&["--grid", "nowhere"], "no built-in grid (default, paper, quick)"),
        (&["--block", "C=8,P=3"], "it needs C, P and K, for example"),
        (&["--block", "C=8,P=3,K=25"], "2 to 24"),
        (&["--block", "C=8,P=3,K=16,Q=1"], "\"Q\" is not one of C, P, K, bits"),
        (&["--block", "C=8,C=9,P=3,K=16"], "C is there twice"),
        (&["--chained", "k=4,K=13"], "no standard chain map"),
        (&["--map", &map, "--map-bits", "4"], "mask 0x100"),
        (
            &["--grid", "quick", "--memory", "nowhere"],
            "it is no preset (paper, ideal",
        ),
        (&["--grid", "quick", "--lanes", "many"], "--lanes: \"many\" is neither"),
        (&["--grid", "quick", "--model", "nowhere"], "nowhere"),
        (&["--grid", &grid, "--json", &grid], "grid.toml"),
    ];
    for (arguments, reason) in cases {
        let err = alone.refusal(arguments);
        assert!(err.contains(reason), "{arguments:?}: {err}");
    }
    assert!(
        alone
            .refusal(&["--grid", "quick", "--measure-areas"])
            .contains("cargo build --release --bin hdl")
    );
    // Machines that some codes do not have are left out for them alone.
    let report = alone.json(&[&CODES[..], &["--lanes", "3,auto"]].concat());
    assert!(report["codes"][0]["machines"][0]["estimate"].is_object());
}

/// A generator that knows one area and counts any other as 500 of 10 weights.
const KNOWING: &str = r#"
area() { printf '{"tool": "Yosys 9", "areas": [%s]}' "$1"; }
entry() { printf '{"format": "%s", "weights_per_cycle": 10, "luts_per_weight": %s, "flip_flops": 200}' "$1" "$2"; }
case "$*" in
  operations*) exit 1 ;;
  *--cached-only*) area "$(entry chained-4b-k12 7.5)" ;;
  *) area "$(entry counted 50)" ;;
esac"#;

#[test]
fn areas_are_counted_where_that_is_possible_and_marked() {
    let areas = |report: &Value| -> Vec<(String, f64)> {
        let of = |code: &Value| {
            let area = &code["area"];
            (
                area["origin"].as_str().unwrap().to_string(),
                area["luts_per_weight"].as_f64().unwrap(),
            )
        };
        report["codes"].as_array().unwrap().iter().map(of).collect()
    };
    let codes = ["--chained", "k=4,K=12+16", "--block", "C=20,P=3,K=11", "--no-model"];
    let knowing = Alone::new().with_generator(KNOWING);
    let found = areas(&knowing.json(&codes));
    let origins: Vec<&str> = found.iter().map(|(origin, _)| origin.as_str()).collect();
    // Block codes come first.
    assert_eq!(origins, ["fitted", "measured", "table"]);
    assert_eq!(found[1].1, 7.5);
    assert!((50.0..200.0).contains(&found[0].1), "{found:?}");
    let counted = areas(&knowing.json(&[&codes[..], &["--measure-areas"]].concat()));
    assert_eq!(
        counted.iter().map(|(_, luts)| *luts).collect::<Vec<_>>(),
        [50.0, 7.5, 50.0]
    );

    let failing = Alone::new().with_generator("echo 'hdl: yosys is not installed, or not on PATH' >&2; exit 2");
    let (is_success, text, err) = failing.run(&codes);
    assert!(is_success && text.contains("Nothing was counted in this run:"), "{err}");
    assert!(
        text.contains("yosys is not installed") && text.contains("LUT f: fitted, not counted"),
        "{text}"
    );
    let err = failing.refusal(&[&codes[..], &["--measure-areas"]].concat());
    assert!(
        err.contains("--measure-areas") && err.contains("yosys is not installed"),
        "{err}"
    );
    assert!(Path::new(&failing.path("hdl")).exists());
}
