//! `seedlm bench encode` and `seedlm bench decode`, on matrices that are tiny.

#[allow(dead_code, reason = "models are for the other verbs")]
mod common;

use common::{run, seedlm};
use serde_json::Value;

/// Encoding few weights, in one setting.
const ENCODE_FEW: [&str; 8] = [
    "bench",
    "encode",
    "--weights",
    "96",
    "--instructions",
    "best",
    "-j",
    "1",
];

fn json(arguments: &[&str]) -> Value {
    let (code, out, err) = run(&[arguments, &["--json", "-q"]].concat());
    assert!(code == 0 && err.is_empty(), "{err}");
    serde_json::from_str(&out).unwrap()
}

fn lines(report: &Value) -> &[Value] {
    report["lines"].as_array().unwrap()
}

fn number(line: &Value, key: &str) -> f64 {
    line[key].as_f64().unwrap_or_else(|| panic!("{key} of {line}"))
}

fn names_the_machine(report: &Value) {
    assert!(report["tool"].as_str().unwrap().starts_with("seedlm 0."));
    assert!(report["compiler"].as_str().unwrap().starts_with("rustc 1."));
    assert!(report["cores"].as_u64().unwrap() >= 1 && report["features"].is_array());
    assert!(report.get("processor").is_some());
}

#[test]
fn encoding_is_measured_beside_the_naive_search() {
    let codes = ["--code", "paper-4b,chained-4b-k12", "--weights", "200"];
    let report = json(&[&["bench", "encode", "--instructions", "scalar", "-j", "2"], &codes[..]].concat());
    names_the_machine(&report);
    let found = lines(&report);
    let settings: Vec<(&str, u64)> = found
        .iter()
        .map(|line| (line["code"].as_str().unwrap(), line["threads"].as_u64().unwrap()))
        .collect();
    let expected = [
        ("paper-4b", 1),
        ("paper-4b", 2),
        ("chained-4b-k12", 1),
        ("chained-4b-k12", 2),
    ];
    assert_eq!(settings, expected);
    for line in found {
        assert_eq!(
            (&line["instructions"], &line["weights"]),
            (&"scalar".into(), &200.into())
        );
        assert!((0.04..0.2).contains(&number(line, "relative_error")), "{line}");
        let (speed, threads) = (number(line, "weights_per_s"), number(line, "threads"));
        assert!((speed * number(line, "seconds") / 200.0 - 1.0).abs() < 1e-9);
        assert!((speed / number(line, "weights_per_s_and_core") / threads - 1.0).abs() < 1e-9);
        assert!(number(line, "ratio_to_naive") > 0.0 && number(line, "prepare_seconds") >= 0.0);
        assert_eq!(line["ratio_to_sixteen_blocks"].is_null(), line["quantizer"].is_null());
        assert_eq!(line["ratio_to_one_thread"].is_null(), threads == 1.0);
        assert!(line["runs"].as_u64().unwrap() >= 1);
        // A count, or the reason why there is none.
        assert_ne!(line["executed"].is_null(), line["executed_unknown"].is_null(), "{line}");
    }
    assert_eq!(
        (&found[0]["quantizer"], &found[2]["quantizer"]),
        (&"exact".into(), &Value::Null)
    );
    assert_eq!(
        (&found[0]["executed_per"], &found[2]["executed_per"]),
        (&"block".into(), &"weight".into())
    );
    // 200 weights in blocks of eight.
    assert_eq!(
        (&found[0]["executed_over"], &found[2]["executed_over"]),
        (&25.into(), &200.into())
    );
    // The same error with two threads as with one.
    assert_eq!(found[0]["relative_error"], found[1]["relative_error"]);
    let naive = report["naive"].as_array().unwrap();
    let forms: Vec<_> = naive
        .iter()
        .map(|line| (line["code"].as_str(), line["form"].as_str()))
        .collect();
    let expected = [
        ("paper-4b", "one_by_one"),
        ("paper-4b", "sixteen_blocks"),
        ("chained-4b-k12", "one_by_one"),
    ];
    assert_eq!(forms, expected.map(|(code, form)| (Some(code), Some(form))));
    for line in naive {
        assert!(number(line, "native_weights_per_s") >= number(line, "baseline_weights_per_s"));
        assert!((0.04..0.2).contains(&number(line, "relative_error")), "{line}");
    }
}

#[test]
fn quantizers_are_compared() {
    let arguments = ["--code", "paper-3b", "--quantizer", "exact,rounded,printed"];
    let report = json(&[&ENCODE_FEW[..], &arguments].concat());
    let errors: Vec<f64> = lines(&report)
        .iter()
        .map(|line| number(line, "relative_error"))
        .collect();
    assert!(errors.len() == 3 && errors.is_sorted(), "{errors:?}");
    assert_eq!(lines(&report)[1]["quantizer"], "rounded");
}

#[test]
fn naive_searches_can_be_left_out() {
    let arguments = [&ENCODE_FEW[..], &["--code", "paper-4b", "--without-naive"]].concat();
    let report = json(&arguments);
    assert_eq!(report["naive"], Value::Array(Vec::new()));
    assert!(lines(&report)[0]["ratio_to_naive"].is_null());
    let (_, shown, _) = run(&arguments);
    assert!(shown.contains("paper-4b") && !shown.contains("naive search"), "{shown}");
}

#[test]
fn decoding_is_measured_beside_memory_and_the_golden_model() {
    let report = json(&[
        "bench",
        "decode",
        "--code",
        "paper-3b,chained-2b",
        "--weights",
        "9000",
        "-j",
        "2",
    ]);
    names_the_machine(&report);
    assert_eq!((&report["rows"], &report["columns"]), (&2.into(), &4096.into()));
    let found = lines(&report);
    let sets = found
        .iter()
        .filter(|line| line["code"] == "paper-3b" && line["output"] == "i8")
        .count();
    assert_eq!(found.len(), 2 * 4 * sets);
    for line in found {
        assert_eq!(line["weights"], 8192);
        let seconds = number(line, "seconds");
        let bytes = match line["output"].as_str().unwrap() {
            "f32" => 4.0,
            "bf16" => 2.0,
            "i8" => 1.0,
            _ => 0.0,
        };
        assert!((number(line, "written_bytes_per_s") * seconds - 8192.0 * bytes).abs() < 1e-3);
        // Words and scales: 36 bits for 12 weights and 4 bytes; 2 bits for a weight and 2 bytes for a row.
        let stored = if line["code"] == "paper-3b" {
            2.0 * 342.0 * 4.5 + 4.0
        } else {
            2048.0 + 4.0
        };
        assert!(
            (number(line, "code_bytes_per_s") * seconds - stored).abs() < 1e-3,
            "{line}"
        );
        assert_eq!(line["memory"], if bytes > 0.0 { "copy" } else { "product" });
        let ratio = number(line, "memory_seconds") / seconds;
        assert!((number(line, "ratio_to_memory") / ratio - 1.0).abs() < 1e-9);
        assert!(number(line, "ratio_to_golden") > 0.0);
        assert_eq!(line["ratio_to_one_thread"].is_null(), line["threads"] == 1);
    }
}

#[test]
fn tables_are_for_people_and_in_markdown() {
    let tiny = ["--weights", "64", "--instructions", "scalar", "-j", "1", "-q"];
    let (code, out, _) = run(&[&["bench", "encode", "--code", "paper-4b,chained-2b-k12"], &tiny[..]].concat());
    assert_eq!(code, 0);
    for word in [
        "seedlm 0.",
        "relative error",
        "/ naive",
        "instructions executed",
        "as shipped, weights/s",
    ] {
        assert!(out.contains(word), "{word}: {out}");
    }
    let (code, out, _) = run(&[
        &[
            "bench",
            "decode",
            "--code",
            "paper-4b",
            "--output",
            "f32,product",
            "--markdown",
        ],
        &tiny[..],
    ]
    .concat());
    assert!(
        code == 0 && out.contains("64 weights, 1 x 64, 0 bytes after a line of the caches\n"),
        "{out}"
    );
    assert!(
        out.contains("| code ") && out.contains(" GB/s written |") && out.contains("| product |"),
        "{out}"
    );
    assert!(!out.contains("bf16"), "{out}");
}

#[test]
fn the_environment_chooses_instructions_and_an_option_overrules_it() {
    let chosen = |variable: &str, options: &[&str]| {
        let mut command = seedlm();
        command.env("SEEDLM_SIMD", variable);
        command.args([
            "bench",
            "decode",
            "--code",
            "chained-4b",
            "--output",
            "i8",
            "--weights",
            "64",
        ]);
        let output = command
            .args(["--json", "-q", "-j", "1"])
            .args(options)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (_, out, _) = chosen("scalar", &[]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert!(lines(&report).len() == 1 && lines(&report)[0]["instructions"] == "scalar");
    let (_, out, _) = chosen("scalar", &["--instructions", "all,scalar"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    let all = if cfg!(target_arch = "x86_64") && is_x86_avx2() {
        2
    } else {
        1
    };
    assert!(lines(&report).len() >= all, "{out}");
    let (code, out, err) = chosen("mmx", &[]);
    assert!(
        code == Some(2) && out.is_empty() && err.contains("SEEDLM_SIMD: mmx must be"),
        "{err}"
    );
}

/// Whether there are two instruction sets at least.
fn is_x86_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

#[test]
fn wrong_usage_is_refused() {
    for verb in ["encode", "decode"] {
        for wrong in [
            &["--instructions", "mmx"][..],
            &["--code", "paper-9b"],
            &["--weights", "0"],
            &["--json", "--markdown"],
            &["-j", "0"],
        ] {
            let (code, out, err) = run(&[&["bench", verb], wrong].concat());
            assert!(code == 2 && out.is_empty() && !err.is_empty(), "{verb} {wrong:?}");
        }
    }
    let (_, _, err) = run(&["bench", "encode", "--instructions", "mmx"]);
    assert!(err.contains("all, best, scalar, avx2, avx512"), "{err}");
    assert_eq!(run(&["bench", "decode", "--output", "f64"]).0, 2);
    for offset in ["64", "6", "-4"] {
        let (code, _, err) = run(&["bench", "decode", &format!("--offset-bytes={offset}")]);
        assert!(code == 2 && err.contains("not a multiple of 4 below 64"), "{err}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_a_measurement() {
    use std::process::{Command, Stdio};
    for verb in [
        &[
            "encode",
            "--code",
            "chained-4b",
            "--weights",
            "20000000",
            "--instructions",
            "scalar",
        ][..],
        &["decode", "--code", "chained-4b", "--weights", "33554432"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_seedlm"))
            .arg("bench")
            .args(verb)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(400));
        let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(signal.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{verb:?}");
    }
}
