//! What `seedlm compare` says of two models.
#[allow(dead_code)]
mod common;

use common::{folder_with_model, listing, numbers, run, write_model, write_small_model};
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A folder with the small model as `plain`, compressed as `block` and `chained`, and `block` decompressed as `again`.
fn workplace() -> (tempfile::TempDir, [String; 4]) {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["plain", "block", "chained", "again"].map(|name| {
        let path = folder.path().join(format!("{name}.safetensors"));
        path.to_str().unwrap().to_string()
    });
    let [plain, block, chained, again] = &paths;
    write_small_model(plain.as_ref());
    for arguments in [
        &["compress", plain, "-q", "-o", block, "--quantizer", "rounded"][..],
        &[
            "compress",
            plain,
            "-q",
            "-o",
            chained,
            "--code",
            "chained-2b-k12",
            "--rotate",
            "always",
        ],
        &["decompress", block, "-q", "-o", again],
    ] {
        let (code, _, err) = run(arguments);
        assert_eq!(code, 0, "{err}");
    }
    (folder, paths)
}

fn compared(arguments: &[&str]) -> Value {
    let (code, out, err) = run(&[&["compare", "--json"], arguments].concat());
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

fn tensor<'a>(report: &'a Value, name: &str) -> &'a Value {
    let tensors = report["tensors"].as_array().unwrap();
    tensors.iter().find(|tensor| tensor["name"] == name).unwrap()
}

#[test]
fn a_compressed_model_differs_by_the_error_that_compress_measured() {
    let (_folder, [plain, block, chained, _]) = workplace();
    for packed in [&block, &chained] {
        let report = compared(&[&plain, packed]);
        let (_, out, _) = run(&["inspect", packed, "--json"]);
        let inspected: Value = serde_json::from_str(&out).unwrap();
        for matrix in inspected["matrices"].as_array().unwrap() {
            let tensor = tensor(&report, matrix["name"].as_str().unwrap());
            let (measured, stored) = (&tensor["difference"]["relative_difference"], &matrix["relative_error"]);
            let difference = measured.as_f64().unwrap() - stored.as_f64().unwrap();
            assert!(difference.abs() < 1e-12, "{measured} {stored}");
            assert_eq!(tensor["b"]["bits_per_weight"], matrix["bits_per_weight"]);
            assert_eq!(tensor["b"]["rotated"], matrix["rotation"].is_object());
            assert_eq!(tensor["identical"], Value::Null);
            assert_eq!(tensor["a"]["bits_per_weight"], 32.0);
        }
        assert_eq!(tensor(&report, "embed_tokens.weight")["identical"], true);
        let totals = &report["totals"];
        assert_eq!((&totals["tensors"], &totals["weights"]), (&4.into(), &820.into()));
        assert_eq!(
            (&totals["identical_tensors"], &totals["equal_tensors"]),
            (&2.into(), &2.into())
        );
        // The worst first, and those that are equal by name.
        let order: Vec<f64> = report["tensors"]
            .as_array()
            .unwrap()
            .iter()
            .map(relative_difference)
            .collect();
        assert!(
            order[0] >= order[1] && order[1] > 0.0 && order[2..] == [0.0, 0.0],
            "{order:?}"
        );
    }
}

fn relative_difference(tensor: &Value) -> f64 {
    tensor["difference"]["relative_difference"].as_f64().unwrap()
}

#[test]
fn a_compressed_model_is_what_it_decompresses_to() {
    let (_folder, [plain, block, _, again]) = workplace();
    let report = compared(&[&block, &again]);
    assert_eq!(report["totals"]["equal_tensors"], 4);
    assert_eq!(report["totals"]["largest_difference"], 0.0);
    let (code, out, _) = run(&["compare", &block, &again]);
    assert!(code == 0 && out.contains("no tensor that both have differs"), "{out}");
    let (code, out, err) = run(&["compare", &plain, &again, "-q"]);
    assert!(
        code == 0 && err.is_empty() && out.contains("2 of 2 tensors that differ"),
        "{out} {err}"
    );
}

#[test]
fn a_reference_says_which_model_is_better() {
    let (folder, [plain, block, chained, _]) = workplace();
    let csv = folder.path().join("out.csv");
    let report = compared(&[&chained, &block, "--reference", &plain, "--csv", csv.to_str().unwrap()]);
    let against = &report["totals"]["against_reference"];
    assert_eq!((&against["better"], &against["better_in_b"]), (&"b".into(), &2.into()));
    assert_eq!((&against["better_in_a"], &against["equal"]), (&0.into(), &2.into()));
    let name = "layers.0.q_proj.weight";
    let of_pair = compared(&[&plain, &block]);
    let error = tensor(&report, name)["against_reference"]["relative_error_b"]
        .as_f64()
        .unwrap();
    assert!((error - relative_difference(tensor(&of_pair, name))).abs() < 1e-12);
    let (_, out, _) = run(&["compare", &chained, &block, "--reference", &plain]);
    assert!(
        out.contains("in B (SQNR") && out.contains("better: B") && out.contains("error A"),
        "{out}"
    );

    let mut reader = csv::Reader::from_path(csv).unwrap();
    let columns = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 4);
    for (row, tensor) in rows.iter().zip(report["tensors"].as_array().unwrap()) {
        let field = |name: &str| &row[columns.iter().position(|column| column == name).unwrap()];
        assert_eq!(field("name"), tensor["name"]);
        assert_eq!(
            field("relative_difference").parse::<f64>().unwrap(),
            relative_difference(tensor)
        );
        assert_eq!(field("b_stored_bytes"), tensor["b"]["stored_bytes"].to_string());
        let error = &tensor["against_reference"]["relative_error_a"];
        assert_eq!(
            field("relative_error_a").parse::<f64>().unwrap(),
            error.as_f64().unwrap()
        );
    }
    let (code, _, err) = run(&["compare", &plain, &block, "--reference", &chained]);
    assert!(
        code == 2 && err.contains("chained.safetensors: it is compressed, and no reference"),
        "{err}"
    );
}

#[test]
fn what_only_one_has_and_other_shapes_are_listed() {
    let (folder, [plain, ..]) = workplace();
    let other = folder.path().join("other.safetensors");
    write_model(
        &other,
        &[
            ("layers.0.q_proj.weight", &[40, 16], numbers(640)),
            ("embed_tokens.weight", &[7, 16], numbers(112)),
            ("ex\u{1b}tra.weight", &[2], numbers(2)),
        ],
    );
    let other = other.to_str().unwrap();
    let report = compared(&[&plain, other]);
    let names = |key: &str| report[key].as_array().unwrap().clone();
    assert_eq!(names("only_in_a"), ["layers.0.k_proj.weight", "layers.0.q_proj.bias"]);
    assert_eq!(names("only_in_b"), ["ex\u{1b}tra.weight"]);
    let shapes = &names("different_shapes")[0];
    assert_eq!(shapes["name"], "layers.0.q_proj.weight");
    assert_eq!(shapes["shape_b"], Value::from(vec![40, 16]));
    assert_eq!(report["totals"]["tensors"], 1);
    let (code, out, _) = run(&["compare", &plain, other]);
    for expected in [
        "only in A            2: layers.0.k_proj.weight, layers.0.q_proj.bias",
        "only in B            1: ex\\u{1b}tra.weight",
        "of other shapes      1: layers.0.q_proj.weight (16x40 in A, 40x16 in B)",
    ] {
        assert!(code == 0 && out.contains(expected), "{out}");
    }
}

#[test]
fn what_cannot_be_measured_is_said_and_does_not_stop_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let zeros = vec![0; 16];
    let bad = [numbers(3), f32::NAN.to_le_bytes().to_vec()].concat();
    let (a, b) = (path("a.safetensors"), path("b.safetensors"));
    write_model(
        a.as_ref(),
        &[
            ("bad", &[2, 2], bad),
            ("zero", &[4], zeros.clone()),
            ("one", &[], numbers(1)),
            ("none", &[0, 3], vec![]),
        ],
    );
    write_model(
        b.as_ref(),
        &[
            ("bad", &[2, 2], numbers(4)),
            ("zero", &[4], numbers(4)),
            ("one", &[], numbers(1)),
            ("none", &[0, 3], vec![]),
        ],
    );
    let report = compared(&[&a, &b]);
    let order: Vec<&str> = (0..4)
        .map(|place| report["tensors"][place]["name"].as_str().unwrap())
        .collect();
    assert_eq!(order, ["bad", "zero", "none", "one"]);
    let bad = tensor(&report, "bad");
    assert_eq!(bad["not_measured"], "element 3 is NaN in A");
    assert_eq!((&bad["difference"], &bad["identical"]), (&Value::Null, &false.into()));
    // A ratio to nothing is infinite, and JSON has no word for it.
    assert_eq!(
        tensor(&report, "zero")["difference"]["relative_difference"],
        Value::Null
    );
    assert_eq!(report["totals"]["not_measured_tensors"], 1);
    assert_eq!(report["totals"]["identical_tensors"], 2);
    let (code, out, _) = run(&["compare", &a, &b]);
    assert!(
        code == 0 && out.contains("infinite") && out.contains("element 3 is NaN in A"),
        "{out}"
    );
    // The other way round the ratio is 1.
    let other = compared(&[&b, &a]);
    assert_eq!(relative_difference(tensor(&other, "zero")), 1.0);
}

#[test]
fn folders_are_compared_and_the_number_of_threads_changes_nothing() {
    let (folder, model) = folder_with_model();
    let (model, packed) = (model.to_str().unwrap(), folder.path().join("packed"));
    let packed = packed.to_str().unwrap();
    assert_eq!(
        run(&["compress", model, "-q", "-o", packed, "--code", "chained-2b-k12"]).0,
        0
    );
    let reports = ["1", "2", "3"].map(|threads| {
        let mut report = compared(&[model, packed, "--reference", model, "-j", threads]);
        report.as_object_mut().unwrap().remove("seconds");
        report
    });
    assert!(reports[0] == reports[1] && reports[1] == reports[2]);
    assert_eq!(reports[0]["totals"]["against_reference"]["better"], "a");
}

#[test]
fn damage_and_strangers_are_errors() {
    let (folder, [plain, block, ..]) = workplace();
    let refused = |arguments: &[&str], expected: &str| {
        let (code, out, err) = run(&[&["compare"], arguments].concat());
        assert!(code == 2 && out.is_empty() && err.contains(expected), "{code} {err}");
    };
    let before = listing(folder.path());
    let stranger = folder.path().join("stranger.safetensors");
    write_model(&stranger, &[("x", &[4], numbers(4))]);
    let stranger = stranger.to_str().unwrap();
    let expected =
        format!("stranger.safetensors: no tensor has the name of one in {plain}; compare models of the same");
    refused(&[&plain, stranger], &expected);
    refused(
        &[&plain, &block, "--reference", stranger],
        "no tensor has name and shape of one that both models have",
    );
    refused(&[&plain, "gone.safetensors"], "gone.safetensors: cannot open");
    refused(&[&plain, &block, "--csv", &plain], "is an input");
    fs::remove_file(stranger).unwrap();

    // One bit of a tensor, in either place.
    let damaged = folder.path().join("damaged.safetensors");
    let mut bytes = fs::read(&block).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&damaged, &bytes).unwrap();
    let damaged = damaged.to_str().unwrap();
    let csv = folder.path().join("out.csv");
    let csv = csv.to_str().unwrap();
    refused(&[&plain, damaged, "--csv", csv], "damaged: its checksum is");
    refused(&[damaged, &plain, "--csv", csv], "damaged.safetensors: tensor \"");
    // A description that is cut, and a file that is.
    bytes.truncate(bytes.len() / 2);
    fs::write(damaged, &bytes).unwrap();
    refused(&[&plain, damaged], "the file is truncated");
    fs::write(damaged, b"no model").unwrap();
    refused(&[damaged, &plain], "damaged.safetensors: ");
    fs::remove_file(damaged).unwrap();
    assert_eq!(listing(folder.path()), before, "nothing half-written");
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_a_comparison() {
    let folder = tempfile::tempdir().unwrap();
    // Some seconds of work: half a milliard of zeros, which take no room on the disk.
    let header = r#"{"a.weight": {"dtype": "F32", "shape": [32768, 16384], "data_offsets": [0, 2147483648]}}"#;
    let large = folder.path().join("large.safetensors");
    fs::write(
        &large,
        [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat(),
    )
    .unwrap();
    let file = fs::OpenOptions::new().write(true).open(&large).unwrap();
    file.set_len(8 + header.len() as u64 + (1 << 31)).unwrap();
    let interrupted_after = |wait: Duration| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_seedlm"))
            .arg("compare")
            .args([&large, &large])
            .args(["-j", "1"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(wait);
        assert!(child.try_wait().unwrap().is_none(), "ended by itself");
        let kill = format!("kill -INT {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let status = child.wait().unwrap();
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (status.code(), err)
    };
    // On a busy machine the signal can come before anybody listens, and ends the program without a code: once more, later.
    let waits = [200, 400, 800].map(Duration::from_millis);
    let ended = waits.into_iter().map(interrupted_after);
    let (code, err) = ended
        .into_iter()
        .find(|(code, _)| code.is_some())
        .expect("it listens at last");
    assert!(
        code == Some(130) && err.contains("interrupted; nothing was written"),
        "{code:?} {err}"
    );
}
