//! What each verb says and returns.
#[allow(dead_code)]
mod common;

use common::{listing, numbers, run, write_model, write_small_model};
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
    let least = planned["least_memory_bytes"].as_u64().unwrap();
    assert!(least <= planned["peak_memory_bytes"].as_u64().unwrap());
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
    assert_eq!(report["resumed_matrices"], 0);
    assert!(report["peak_memory_bytes"].as_u64().unwrap() >= least);
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
    let (folder, [plain, packed, _]) = workplace();
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
    // decompress checks by default, and names tensor and bytes; it can be told to take what is there.
    let damaged = folder.path().join("damaged.safetensors");
    let decompress = |more: &[&str]| run(&[&["decompress", &packed, "-o", damaged.to_str().unwrap()], more].concat());
    for more in [&[][..], &["--verify"], &["--verify=true"]] {
        let (code, _, err) = decompress(more);
        assert!(
            code == 2 && err.contains("_proj.weight.seedlm_words") && err.contains("of the file"),
            "{err}"
        );
        assert!(!damaged.exists());
    }
    let (code, _, err) = decompress(&["--verify=false"]);
    assert!(
        code == 0 && err.contains("checksums are not checked") && damaged.exists(),
        "{err}"
    );
    let (code, out, _) = run(&["verify", &plain]);
    assert!(
        code == 1 && out.contains("plain.safetensors: not a SeedLM container") && !out.contains("DAMAGED"),
        "{out}"
    );
    let (_, out, _) = run(&["verify", &plain, "--json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["intact"], &report["is_container"]),
        (&false.into(), &false.into())
    );
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
        &[
            "compress",
            "a",
            "-o",
            "b",
            "--code",
            "chained-4b",
            "--chain-length",
            "13",
        ],
        &[
            "compress",
            "a",
            "-o",
            "b",
            "--code",
            "chained-4b",
            "--chain-length",
            "12",
            "--map",
            "c",
        ],
        &["compress", "a", "-o", "b", "--rotate", "often"],
        &["bench"],
        &["bench", "quality", "--gaussian", "7"],
        &["bench", "quality", "--code", "paper-9b"],
        &["bench", "quality", "--json", "--markdown"],
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

#[test]
fn chained_presets_lengths_and_maps_there_and_back() {
    let (folder, [plain, packed, again]) = workplace();
    let map = folder.path().join("map.json");
    fs::write(&map, r#"{"length": 6, "fields": [[32, 16, 8], [37, 18, 11]]}"#).unwrap();
    let map = map.to_str().unwrap();
    for (arguments, label) in [
        (&["--code", "chained-4b"][..], "chained-4b"),
        (&["--preset", "chained-3b", "--chain-length", "16"], "chained-3b"),
        (&["--preset", "chained-3b", "--chain-length", "12"], "chained-3b-k12"),
        (&["--code", "chained-2b-k12", "--chain-length", "12"], "chained-2b-k12"),
        (&["--code", "chained-2b", "--map", map], "k=2 K=6 map=20,10,8+25,12,b"),
    ] {
        let (code, out, err) = run(&[&["compress", &plain, "-o", &packed, "-f"], arguments].concat());
        assert_eq!(code, 0, "{err}");
        assert!(out.contains(&format!("2 matrices in {label}, 2 tensors kept")), "{out}");
        assert!(
            out.contains("of the matrices: median 0.") && out.contains("rotated          "),
            "{out}"
        );
        assert!(err.contains("rotated (trial of 16 rows: 0."), "{err}");
        let (code, out, _) = run(&["verify", &packed]);
        assert!(code == 0 && out.contains(&format!("; {label}")), "{out}");
        let (code, out, _) = run(&["inspect", &packed]);
        assert!(
            code == 0 && out.contains(&format!("code {label}: k=")) && out.contains("version 2"),
            "{out}"
        );
        let (code, out, _) = run(&["decompress", &packed, "-o", &again, "-f"]);
        assert!(code == 0 && out.contains(&format!("; {label}")), "{out}");
    }
}

#[test]
fn rotation_is_asked_for_and_reported() {
    let (_folder, [plain, packed, again]) = workplace();
    let compressed = |rotate: &str| -> Value {
        let arguments = [
            "compress",
            &plain,
            "-o",
            &packed,
            "-f",
            "--json",
            "--code",
            "chained-4b-k12",
        ];
        let (code, out, err) = run(&[&arguments[..], &["--rotate", rotate]].concat());
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    };
    let never = compressed("never");
    assert_eq!(
        (&never["rotated_matrices"], &never["matrices"][0]["rotated"]),
        (&0.into(), &false.into())
    );
    let auto = compressed("auto");
    assert!(
        auto["matrices"][0]["rotation_trial"]["rotated_relative_error"]
            .as_f64()
            .unwrap()
            > 0.0
    );
    let always = compressed("always");
    assert_eq!(
        (&always["rotated_matrices"], &always["matrices"][1]["rotated"]),
        (&2.into(), &true.into())
    );
    assert_eq!(always["matrices"][0]["rotation_trial"], Value::Null);
    let (median, largest) = (&always["median_relative_error"], &always["largest_relative_error"]);
    assert!(median.as_f64().unwrap() <= largest.as_f64().unwrap());
    assert!(
        always["largest_relative_error_name"]
            .as_str()
            .unwrap()
            .ends_with("_proj.weight")
    );
    let (_, out, _) = run(&["inspect", &packed]);
    assert!(out.contains("dB  rotated\n"), "{out}");
    let (_, out, _) = run(&["verify", &packed]);
    assert!(out.contains("; chained-4b-k12, rotated matrices: 2"), "{out}");
    let (_, out, _) = run(&["inspect", &packed, "--json"]);
    let inspected: Value = serde_json::from_str(&out).unwrap();
    assert!(inspected["matrices"][0]["rotation"]["sign_seed"].as_u64().unwrap() > 0);
    let (_, out, _) = run(&["decompress", &packed, "-o", &again, "--json"]);
    let decoded: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(decoded["rotated_matrices"], 2);
}

#[test]
fn code_options_that_do_not_fit_are_refused() {
    let (folder, [plain, packed, _]) = workplace();
    let map = folder.path().join("map.json");
    let refused = |arguments: &[&str], expected: &str| {
        let (code, out, err) = run(&[&["compress", &plain, "-o", &packed], arguments].concat());
        assert!(
            code == 2 && out.is_empty() && err.contains(expected),
            "{arguments:?}: {err}"
        );
    };
    let path = map.to_str().unwrap();
    refused(&["--chain-length", "12"], "belong to the chained codes (chained-4b, ");
    refused(&["--code", "paper-3b", "--map", path], "and paper-3b is none");
    refused(
        &["--code", "chained-4b-k12", "--chain-length", "16"],
        "chained-4b-k12 has windows of 12 bits",
    );
    refused(&["--code", "chained-4b", "--map", path], "map.json: cannot read");
    for (text, expected) in [
        ("", "map.json: not a chain map: EOF"),
        (r#"{"length": 6}"#, "map.json: not a chain map: missing field `fields`"),
        (
            r#"{"length": 6, "fields": [[64]]}"#,
            "map.json: not a chain map: code parameters refused: chain map: the mask 0x40",
        ),
        (r#"{"length": 6, "fields": [[32]], "k": 4}"#, "unknown field `k`"),
        (
            r#"{"length": 3, "fields": [[4]]}"#,
            "map.json: code parameters refused: stored bits per weight k is 4",
        ),
    ] {
        fs::write(&map, text).unwrap();
        refused(&["--code", "chained-4b", "--map", path], expected);
    }
    // Legal in the format, but not to be searched; and a preset whose name says another length.
    let long = r#"{"length": 21, "fields": [[1048576]]}"#;
    fs::write(&map, long).unwrap();
    refused(
        &["--code", "chained-4b", "--map", path],
        "map.json: the windows of the code have 21 bits, and the encoder searches windows of up to 20",
    );
    refused(
        &["--code", "chained-4b-k12", "--map", path],
        "chained-4b-k12 has windows of 12 bits, and those of the map in ",
    );
    refused(
        &["--code", "chained-4b", "--quantizer", "exact"],
        "--quantizer belongs to the paper's codes, and chained-4b is none",
    );
    assert_eq!(listing(folder.path()), ["map.json", "plain.safetensors"]);
}

#[test]
fn names_that_a_terminal_would_obey_are_escaped() {
    let (_folder, [plain, packed, _]) = workplace();
    write_model(
        plain.as_ref(),
        &[
            ("a\u{1b}[2J.q.weight", &[4, 13], numbers(52)),
            ("a\u{1b}[2J.bias", &[16], numbers(16)),
        ],
    );
    let escaped = |arguments: &[&str]| {
        let (code, out, err) = run(arguments);
        assert_eq!(code, 0, "{err}");
        let said = format!("{out}{err}");
        assert!(
            !said.contains('\u{1b}') && said.contains("a\\u{1b}[2J.q.weight"),
            "{said}"
        );
    };
    escaped(&["compress", &plain, "--dry-run"]);
    escaped(&["compress", &plain, "-o", &packed, "--verbose", "--quantizer", "printed"]);
    escaped(&["inspect", &packed]);
    escaped(&["inspect", &plain]);
    escaped(&[
        "bench",
        "quality",
        &plain,
        "--code",
        "chained-2b-k12",
        "--gaussian",
        "1x8",
    ]);
}

#[test]
fn bench_quality_compares_codes_and_references_on_the_same_matrices() {
    let (_folder, [plain, packed, _]) = workplace();
    let codes = [
        "--code",
        "chained-4b-k12,chained-2b-k12",
        "--gaussian",
        "4x512",
        "-j",
        "2",
    ];
    let (code, out, err) = run(&[&["bench", "quality", &plain, &plain, "--json", "-q"], &codes[..]].concat());
    assert!(code == 0 && err.is_empty(), "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert!(report["tool"].as_str().unwrap().starts_with("seedlm 0."));
    assert_eq!(report["threads"], 2);
    let workloads = report["workloads"].as_array().unwrap();
    assert_eq!(workloads.len(), 3);
    assert_eq!(
        (&workloads[0]["name"], &workloads[1]["name"]),
        (&"N(0,1) 4x512".into(), &plain.as_str().into())
    );
    for workload in workloads {
        let formats = workload["formats"].as_array().unwrap();
        let names: Vec<&str> = formats
            .iter()
            .map(|format| format["format"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["chained-4b-k12", "chained-2b-k12", "int4-g128", "nf4-g64"]);
        for format in formats {
            let figure = |key: &str| format[key].as_f64().unwrap_or_else(|| panic!("{key}"));
            assert!(figure("relative_error") > 0.0);
            assert!(figure("median_relative_error") <= figure("largest_relative_error"));
            assert!(figure("weights_per_s") > figure("weights_per_s_and_core"));
        }
    }
    // 4 bits per weight, and 16 for each of 4 rows, or for each 128 or 64 weights.
    let bits = |index: usize| workloads[0]["formats"][index]["bits_per_weight"].as_f64().unwrap();
    assert_eq!([bits(0), bits(2), bits(3)], [4.0 + 64.0 / 2048.0, 4.125, 4.25]);

    // Without a model it is the one in the program, here its first rows.
    let (code, out, _) = run(&[
        &["bench", "quality", "--markdown", "--limit-weights", "2048"],
        &codes[..],
    ]
    .concat());
    assert!(
        code == 0 && out.contains("embedded:shakespeare: 2,048 weights in 1 matrix\n"),
        "{out}"
    );
    assert!(out.contains("| format ") && out.contains("| nf4-g64 "), "{out}");
    let (_, out, _) = run(&[&["bench", "quality", "--limit-weights", "2048"], &codes[..]].concat());
    assert!(
        out.contains("threads 2, rotation auto") && out.contains("weights/s and core"),
        "{out}"
    );

    assert_eq!(
        run(&["compress", &plain, "-o", &packed, "-q", "--code", "chained-2b-k12"]).0,
        0
    );
    let (code, _, err) = run(&["bench", "quality", &packed]);
    assert!(
        code == 2 && err.contains("it is compressed; name the model as it was before"),
        "{err}"
    );
}
