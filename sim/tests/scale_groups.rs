//! Models with scale groups on the simulated machine: each group of columns is a product of its own.

use assert_cmd::Command;
use seedlm_codec::Code;
use seedlm_encoder::Quantizer;
use seedlm_model::{CompressOptions, Encoding, Rotate, Rules, Silent, compress};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

fn run_json(arguments: &[&str]) -> Value {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("sim"));
    let output = command
        .args(["run", "-q", "--json", "-"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The embedded model in two layers, with scale groups of so many columns.
fn write_model(path: &Path, scale_group: Option<usize>) {
    let code = Code::preset("chained-2b-k12").unwrap();
    let encoding = Encoding::new(code.clone(), Quantizer::Exact, Rotate::Always);
    let encoding = encoding.with_layers(vec![code; 2]).unwrap();
    let options = CompressOptions {
        encoding: encoding.with_scale_group(scale_group),
        rules: Rules::default(),
        moments: None,
        replace: false,
    };
    let source = seedlm_model::embedded::shakespeare().unwrap();
    compress(&source, path, &options, &Silent).unwrap();
}

#[test]
fn a_model_with_groups_runs_and_reads_the_same_weights() {
    let folder = TempDir::new().unwrap();
    let (grouped, plain) = (folder.path().join("grouped"), folder.path().join("plain"));
    write_model(&grouped, Some(128));
    write_model(&plain, None);
    let (grouped, plain) = (
        run_json(&[grouped.to_str().unwrap(), "--layers", "1..2"]),
        run_json(&[plain.to_str().unwrap(), "--layers", "1..2"]),
    );
    for index in [1, 2] {
        let (grouped, plain) = (&grouped["formats"][index], &plain["formats"][index]);
        let number = |format: &Value, key: &str| format[key].as_f64().unwrap();
        assert_eq!(number(grouped, "weights"), number(plain, "weights"));
        // 128 columns are whole words of the machine.
        assert_eq!(
            number(grouped, "read_bits_per_weight"),
            number(plain, "read_bits_per_weight")
        );
        // Each group of columns gives a result for each row.
        assert!(number(grouped, "results_checked") >= 2.0 * number(plain, "results_checked"));
        assert!(number(grouped, "cycles") >= number(plain, "cycles"));
        let of_format = grouped["matrices"].as_array().unwrap();
        let name = |place: usize| of_format[place]["name"].as_str().unwrap();
        assert!(name(0).ends_with("weight, columns 0 to 127"), "{}", name(0));
        assert!(name(1).ends_with("weight, columns 128 to 255"), "{}", name(1));
        let further = of_format
            .iter()
            .filter(|matrix| matrix["name"].as_str().unwrap().contains(", layer 2, columns "));
        assert_eq!(further.count() * 2, of_format.len() * (index - 1));
    }
}

/// All ways to work out the products say the same.
#[test]
fn the_machine_says_what_the_golden_model_says() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("grouped");
    std::fs::create_dir(&path).unwrap();
    write_model(&path.join("model.safetensors"), Some(64));
    for name in ["config.json", "tokenizer.json"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../host/model/embedded/shakespeare")
            .join(name);
        std::fs::copy(from, path.join(name)).unwrap();
    }
    let text = |backend: &str| {
        let model = path.to_str().unwrap();
        let report = run_json(&[
            model,
            "--weights",
            "chained-2b-k12",
            "--prompt",
            "KING ",
            "--tokens",
            "4",
            "--backend",
            backend,
        ]);
        report["formats"][0]["generated"]["tokens"].clone()
    };
    let golden = text("golden");
    assert_eq!(golden.as_array().unwrap().len(), 4);
    for backend in ["software", "simulator"] {
        assert_eq!(text(backend), golden, "{backend}");
    }
}
