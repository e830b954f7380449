//! `hdl synth` and `hdl chips`. Needs what `bash testbenches/tools.sh` installs.

use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn hdl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hdl"));
    command.current_dir(root());
    command
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// What a run that must succeed prints on standard output and on standard error.
fn succeed(arguments: &[&str]) -> (String, String) {
    let output = hdl().args(arguments).output().unwrap();
    let [out, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{arguments:?}: {error}");
    (out, error)
}

/// The reason of a run that must fail.
fn refusal(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = hdl();
    let output = command
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A lane that is small, so that all is done in seconds.
const SMALL: [&str; 8] = [
    "synth",
    "--code",
    "C=4,P=1,K=5",
    "--lanes",
    "1",
    "--set",
    "beat_bits=64",
    "--seeds",
];

#[test]
fn a_small_lane_is_placed_on_both_families() {
    let folder = tempfile::tempdir().unwrap();
    for (target, packed, grade) in [
        ("ecp5", "TRELLIS_COMB", Value::from(6)),
        ("ice40", "ICESTORM_LC", Value::Null),
    ] {
        let json = folder.path().join(format!("{target}.json"));
        let keep = folder.path().join(target);
        let some = [
            "2",
            "--target",
            target,
            "--top",
            "lanes",
            "--json",
            json.to_str().unwrap(),
            "--keep",
        ];
        let (out, progress) = succeed(&[&SMALL[..], &some, &[keep.to_str().unwrap()]].concat());
        let text = std::fs::read_to_string(&json).unwrap();
        let rows: Value = serde_json::from_str(&text).unwrap();
        let row = &rows[0];
        assert_eq!(
            (&row["weights_per_cycle"], &row["bytes_per_cycle"]),
            (&4.into(), &1.625.into()),
            "{row}"
        );
        let area = &row["area"];
        assert!(
            area["luts"].as_u64() >= Some(8) && area["flip_flops"].as_u64() >= Some(8),
            "{row}"
        );
        let placement = &row["placement"];
        assert_eq!(placement["device"]["speed_grade"], grade);
        // The harness has registers for all inputs and outputs, and nothing of the design is gone.
        let (alone, all) = (
            row["packed_cells"].as_u64().unwrap(),
            placement["cells_with_pins"].as_u64().unwrap(),
        );
        assert!(8 <= alone && alone < all, "{alone} and {all} {packed}");
        let runs = placement["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 2);
        let clock = |name: &str| placement[name].as_f64().unwrap();
        assert!(
            10.0 < clock("worst_mhz") && clock("worst_mhz") <= clock("median_mhz"),
            "{placement}"
        );
        assert!(
            clock("median_mhz") <= clock("best_mhz") && clock("best_mhz") < 1000.0,
            "{placement}"
        );
        assert_eq!(clock("weights_per_s"), clock("median_mhz") * 4e6);
        let path = &runs[0]["path"];
        let delay = path["logic_ns"].as_f64().unwrap() + path["routing_ns"].as_f64().unwrap();
        let fmax = runs[0]["fmax_mhz"].as_f64().unwrap();
        assert!((1000.0 / delay - fmax).abs() < 0.02 * fmax, "{delay} ns and {fmax} MHz");
        assert!(out.contains("Yosys ") && out.contains("nextpnr-"), "{out}");
        assert!(progress.contains("seed 2 of 2; seed 1: "), "{progress}");
        for kept in [
            "alone/yosys.log",
            "alone/packed.json",
            "pins/seedlm_pins.v",
            "pins/seed-1.log",
            "pins/seed-2.json",
        ] {
            let path = keep.join(format!("{target}-lanes")).join(kept);
            assert!(path.is_file(), "{}", path.display());
        }
    }
}

#[test]
fn what_cannot_be_measured_is_refused_with_the_reason() {
    let cases: [(&[&str], &str); 22] = [
        (&["--target", "xc7", "--device", "85k"], "xc7: there is no open placer"),
        (
            &["--target", "ecp5", "--device", "up5k"],
            "no device of ecp5 is called \"up5k\"; there are: 85k, 45k, 25k",
        ),
        (&["--target", "ecp5", "--speed", "5"], "ECP5 has no speed grade 5"),
        (
            &["--target", "ice40", "--package", "bga"],
            "no package of up5k is called \"bga\"",
        ),
        (&["--target", "ecp5", "--lanes", "0"], "lanes is 0"),
        (&["--target", "gowin"], "xc7, ecp5, ice40"),
        (&[], "--target"),
        (
            &["--table", "hdl/synthesis/table.toml", "--row", "none"],
            "no row is called \"none\"; there are: xc7-",
        ),
        (
            &["--table", "hdl/synthesis/table.toml", "--target", "xc7"],
            "'--table <FILE>' cannot be used with",
        ),
        (
            &["--table", "hdl/synthesis/table.toml", "--seeds", "3"],
            "cannot be used with",
        ),
        (
            &["--table", "hdl/synthesis/table.toml", "--weights", "paper-3b"],
            "'--table <FILE>' cannot be used with",
        ),
        (
            &["--table", "hdl/synthesis/table.toml", "--code", "C=4,P=1,K=5"],
            "'--table <FILE>' cannot be used with",
        ),
        (
            &[
                "--table",
                "hdl/synthesis/table.toml",
                "--map",
                "map.json",
                "--bits-per-weight",
                "4",
            ],
            "'--table <FILE>' cannot be used with",
        ),
        (&["--target", "xc7", "--seeds", "3"], "xc7: there is no open placer"),
        (
            &["--target", "xc7", "--frequency-mhz", "200"],
            "xc7: there is no open placer",
        ),
        (
            &["--target", "ecp5", "--seeds", "0"],
            "seeds is 0, and must be 1 to 100",
        ),
        (
            &["--target", "ecp5", "--seeds", "101"],
            "seeds is 101, and must be 1 to 100",
        ),
        (
            &["--target", "ecp5", "--frequency-mhz", "0"],
            "a clock of 0 MHz cannot be worked for",
        ),
        (
            &["--target", "ecp5", "--frequency-mhz", "-200"],
            "a clock of -200 MHz cannot be worked for",
        ),
        (
            &["--target", "ecp5", "--frequency-mhz", "NaN"],
            "a clock of NaN MHz cannot be worked for",
        ),
        (
            &["--target", "ecp5", "--frequency-mhz", "inf"],
            "a clock of inf MHz cannot be worked for",
        ),
        (
            &["--target", "ecp5", "--frequency-mhz", "fast"],
            "invalid float literal",
        ),
    ];
    for (arguments, reason) in cases {
        let error = refusal(&[&["synth"], arguments].concat(), &[]);
        assert!(error.contains(reason), "{arguments:?}: {error}");
    }
}

#[test]
fn a_missing_tool_names_the_command_that_installs_it() {
    let cases = [
        ("ecp5", "SEEDLM_YOSYS", "yosys is not installed"),
        ("ecp5", "SEEDLM_NEXTPNR_ECP5", "nextpnr-ecp5 is not installed"),
        ("ice40", "SEEDLM_NEXTPNR_ICE40", "nextpnr-ice40 is not installed"),
    ];
    for (target, variable, reason) in cases {
        let error = refusal(&["synth", "--target", target], &[(variable, "/nowhere/tool")]);
        assert!(
            error.contains(reason) && error.contains("run bash testbenches/tools.sh"),
            "{error}"
        );
    }
}

/// The page and README.md show what was measured, and what the table and the chips say now.
#[test]
fn the_pages_show_the_committed_figures() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).unwrap();
    let (rows, _) = succeed(&[
        "synth",
        "--table",
        "hdl/synthesis/table.toml",
        "--measured",
        "hdl/synthesis/measured.json",
    ]);
    let (chips, _) = succeed(&["chips"]);
    for (page, text) in [
        ("docs/synthesis.md", &rows),
        ("docs/synthesis.md", &chips),
        ("README.md", &rows),
    ] {
        assert!(
            read(page).contains(text.trim()),
            "{page} is out of date: bash docs/synthesis.sh --tables"
        );
    }
}

/// The committed figures are within the budget, and a figure that is worse fails with the row's name and both figures.
#[test]
fn a_budget_that_is_exceeded_fails() {
    let folder = tempfile::tempdir().unwrap();
    let budget = folder.path().join("budget.toml");
    let budget = budget.to_str().unwrap();
    let before = [
        "synth",
        "--table",
        "hdl/synthesis/table.toml",
        "--measured",
        "hdl/synthesis/measured.json",
    ];
    succeed(&[&before[..], &["--check-budget", "hdl/synthesis/budget.toml"]].concat());
    succeed(&[&before[..], &["--write-budget", budget]].concat());
    let text = std::fs::read_to_string(budget).unwrap();
    succeed(&[&before[..], &["--check-budget", budget]].concat());
    let line = text.lines().find(|line| line.starts_with("luts = ")).unwrap();
    std::fs::write(budget, text.replacen(line, "luts = 9", 1)).unwrap();
    let error = refusal(&[&before[..], &["--check-budget", budget]].concat(), &[]);
    assert!(error.contains("look-up tables, and the budget is 9"), "{error}");
}

/// A table whose one marked row has seeds that cannot be, or which has lost a mark that a budget is there for.
#[test]
fn a_table_that_says_what_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.toml");
    let table = std::fs::read_to_string(root().join("hdl/synthesis/table.toml")).unwrap();
    let with = |from: &str, to: &str| {
        assert!(table.contains(from), "{from}");
        std::fs::write(&path, table.replacen(from, to, 1)).unwrap();
        let some = ["synth", "--table", path.to_str().unwrap()];
        let other = [
            "--measured",
            "hdl/synthesis/measured.json",
            "--check-budget",
            "hdl/synthesis/budget.toml",
        ];
        refusal(&[&some[..], &other].concat(), &[])
    };
    let error = with("seeds = 5", "seeds = 0");
    assert!(
        error.contains("ecp5-lane-paper-4b: seeds is 0, and must be 1 to 100"),
        "{error}"
    );
    let error = with("\nbudget = true", "\nbudget = false");
    assert!(
        error.contains("hdl/synthesis/budget.toml: there is a budget")
            && error.contains("for: xc7-lanes-chained-4b; mark the row"),
        "{error}"
    );
}

/// Rows that were measured before are written again, those that are asked for and no others.
#[test]
fn measured_rows_are_written_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("rows.json");
    let (out, _) = succeed(&[
        "synth",
        "--table",
        "hdl/synthesis/table.toml",
        "--measured",
        "hdl/synthesis/measured.json",
        "--row",
        "xc7-lanes-chained-4b",
        "--json",
        json.to_str().unwrap(),
    ]);
    assert!(out.contains("`xc7-lanes-chained-4b`"), "{out}");
    let rows = |path: &Path| -> Vec<Value> { serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap() };
    let mut before = rows(&root().join("hdl/synthesis/measured.json"));
    before.retain(|row| row["name"] == "xc7-lanes-chained-4b");
    assert_eq!(before.len(), 1);
    assert_eq!(rows(&json), before);
}
