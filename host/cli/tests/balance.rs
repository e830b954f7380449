//! `seedlm balance`: what it writes and says, and what it refuses.
#[allow(dead_code)]
mod common;

use common::{folder_with_model, listing, run};
use seedlm_model::{Scaling, Silent, Source, rescale};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The model of the program as a folder, with inputs of the second layer's `down` in different sizes.
fn folder_with_uneven_model() -> (tempfile::TempDir, PathBuf) {
    let (folder, model) = folder_with_model();
    let file = model.join("model.safetensors");
    let source = Source::open(&model).unwrap();
    let columns = source.tensor("model.layers.1.mlp.down_proj.weight").unwrap().shape[1];
    let exponents: Vec<i16> = (0..columns)
        .map(|column| if column % 7 == 0 { -3 } else { 0 })
        .collect();
    let scaling = |rows: Vec<i16>, columns: Vec<i16>| Scaling {
        row_exponents: rows,
        column_exponents: columns,
    };
    let inverse = exponents.iter().map(|exponent| -exponent).collect();
    let scalings = BTreeMap::from([
        (
            "model.layers.1.mlp.down_proj.weight".to_string(),
            scaling(vec![], exponents),
        ),
        (
            "model.layers.1.mlp.up_proj.weight".to_string(),
            scaling(inverse, vec![]),
        ),
    ]);
    let uneven = folder.path().join("uneven");
    rescale(&source, &uneven, &scalings, false, &Silent).unwrap();
    fs::copy(uneven.join("model.safetensors"), file).unwrap();
    fs::remove_dir_all(uneven).unwrap();
    (folder, model)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_balanced_model_is_the_same_model_for_eval_and_compress() {
    let (folder, model) = folder_with_uneven_model();
    let output = folder.path().join("balanced");
    let (code, stdout, stderr) = run(&["balance", text(&model), "-o", text(&output), "-q"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("inputs have other columns, times 2^"), "{stdout}");
    assert!(stdout.contains("every weight exact"), "{stdout}");
    assert!(!stdout.contains(": 0 of"), "{stdout}");
    assert_eq!(listing(&output), listing(&model));
    assert!(fs::read(output.join("model.safetensors")).unwrap() != fs::read(model.join("model.safetensors")).unwrap());

    let passage = folder.path().join("short.txt");
    fs::write(
        &passage,
        &fs::read_to_string(folder.path().join("text.txt")).unwrap()[..600],
    )
    .unwrap();
    let (code, stdout, stderr) = run(&[
        "eval",
        text(&model),
        "--text",
        text(&passage),
        "--against",
        text(&output),
        "--json",
        "-q",
    ]);
    assert_eq!(code, 0, "{stderr}");
    let result: Value = serde_json::from_str(&stdout).unwrap();
    let divergence = &result["variants"][0]["divergence"];
    assert_eq!(divergence["mean"].as_f64(), Some(0.0), "{result}");

    let compressed = folder.path().join("compressed");
    let (code, _, stderr) = run(&[
        "compress",
        text(&output),
        "--code",
        "chained-2b-k12",
        "-o",
        text(&compressed),
        "-q",
    ]);
    assert_eq!(code, 0, "{stderr}");
    let (code, _, stderr) = run(&[
        "balance",
        text(&compressed),
        "-o",
        text(&folder.path().join("no")),
        "-q",
    ]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("is compressed; balance the model that it was made of"),
        "{stderr}"
    );
}

#[test]
fn the_bytes_depend_on_the_text_and_not_on_the_threads() {
    let (folder, model) = folder_with_uneven_model();
    let outputs = ["1", "3"].map(|threads| {
        let output = folder.path().join(threads);
        let (code, stdout, _) = run(&[
            "balance",
            text(&model),
            "-o",
            text(&output),
            "-j",
            threads,
            "--json",
            "-q",
        ]);
        assert_eq!(code, 0);
        let result: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(result["rounded_weights"], 0);
        assert!(result["changed_tensors"].as_u64().unwrap() >= 2, "{result}");
        fs::read(output.join("model.safetensors")).unwrap()
    });
    assert!(outputs[0] == outputs[1]);
    let passage = folder.path().join("text.txt");
    let other = folder.path().join("by text");
    let arguments = [
        "balance",
        text(&model),
        "-o",
        text(&other),
        "--text",
        text(&passage),
        "--tokens",
        "300",
    ];
    let (code, stdout, stderr) = run(&arguments);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("reading 300 tokens of") && stdout.contains("every weight exact"),
        "{stderr}{stdout}"
    );
    assert!(outputs[0] != fs::read(other.join("model.safetensors")).unwrap());
    assert!(outputs[0] != fs::read(model.join("model.safetensors")).unwrap());
}

#[test]
fn what_cannot_be_balanced_is_refused_with_the_reason() {
    let (folder, model) = folder_with_model();
    let output = folder.path().join("out");
    let refused = |input: &Path, output: &Path, reason: &str| {
        let (code, stdout, stderr) = run(&["balance", text(input), "-o", text(output), "-q"]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains(reason), "{stderr}");
    };
    refused(&model, &model, "is the input");
    fs::create_dir(&output).unwrap();
    refused(&model, &output, "exists already; -f (--force) replaces it");
    fs::remove_dir(&output).unwrap();
    let refused_with = |more: &[&str], reason: &str| {
        let (code, stdout, stderr) = run(&[&["balance", text(&model), "-o", text(&output), "-q"], more].concat());
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains(reason), "{stderr}");
    };
    refused_with(&["--text", "no such file"], "no such file: --text cannot read it");
    fs::write(folder.path().join("text.txt"), "a").unwrap();
    refused_with(&["--text", text(&folder.path().join("text.txt"))], "text.txt: --text");
    refused_with(&["--tokens", "0"], "--tokens");
    let config = model.join("config.json");
    let before = fs::read_to_string(&config).unwrap();
    fs::write(&config, before.replace("\"llama\"", "\"bert\"")).unwrap();
    refused(&model, &output, "only \"llama\"");
    fs::write(
        &config,
        before.replace("\"intermediate_size\": ", "\"intermediate_size\": 1"),
    )
    .unwrap();
    refused(&model, &output, "config.json makes it [1512, 256]");
    fs::remove_file(&config).unwrap();
    refused(&model, &output, "config.json: cannot be read");
    assert_eq!(listing(folder.path()), ["model", "text.txt"]);
}
