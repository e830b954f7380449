//! `seedlm drift`, on a tiny random BERT.

#[allow(dead_code, reason = "models are for the other verbs")]
mod common;

use common::{listing, run, write_model};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const HIDDEN: usize = 32;
const WIDE: usize = 64;
const WORDS: [&str; 10] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "seeds", "become", "weights", "again", "and", "nothing",
];
const SENTENCES: &str =
    "seeds become weights\n\n  weights become seeds again \nnothing\nand again and again\nseeds and weights\n";

/// Numbers between -0.5 and 0.5 that look random; each tensor has its own.
fn bytes(count: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 24) as f32 - 0.5).to_le_bytes()
    };
    (0..count).flat_map(|_| next()).collect()
}

fn write_bert(folder: &Path, heads: usize) {
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".into(), vec![WORDS.len(), HIDDEN]),
        ("embeddings.position_embeddings.weight".into(), vec![16, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, HIDDEN]),
        ("embeddings.LayerNorm.weight".into(), vec![HIDDEN]),
        ("embeddings.LayerNorm.bias".into(), vec![HIDDEN]),
        ("pooler.dense.weight".into(), vec![HIDDEN, HIDDEN]),
        ("pooler.dense.bias".into(), vec![HIDDEN]),
    ];
    for (part, rows, columns) in [
        ("attention.self.query", HIDDEN, HIDDEN),
        ("attention.self.key", HIDDEN, HIDDEN),
        ("attention.self.value", HIDDEN, HIDDEN),
        ("attention.output.dense", HIDDEN, HIDDEN),
        ("intermediate.dense", WIDE, HIDDEN),
        ("output.dense", HIDDEN, WIDE),
    ] {
        shapes.push((format!("encoder.layer.0.{part}.weight"), vec![rows, columns]));
        shapes.push((format!("encoder.layer.0.{part}.bias"), vec![rows]));
    }
    for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
        shapes.push((format!("encoder.layer.0.{part}.weight"), vec![HIDDEN]));
        shapes.push((format!("encoder.layer.0.{part}.bias"), vec![HIDDEN]));
    }
    let tensors: Vec<(&str, &[usize], Vec<u8>)> = (1..)
        .zip(&shapes)
        .map(|(seed, (name, shape))| (name.as_str(), &shape[..], bytes(shape.iter().product(), seed)))
        .collect();
    fs::create_dir(folder).unwrap();
    write_model(&folder.join("model.safetensors"), &tensors);
    let config = json!({
        "model_type": "bert", "vocab_size": WORDS.len(), "hidden_size": HIDDEN, "intermediate_size": WIDE, "num_hidden_layers": 1,
        "num_attention_heads": heads, "max_position_embeddings": 16, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu",
    });
    let vocabulary: Value = WORDS
        .iter()
        .enumerate()
        .map(|(number, word)| (word.to_string(), json!(number)))
        .collect();
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
}

/// A folder with the folder `model` and the file `text.txt`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_bert(&folder.path().join("model"), 4);
    fs::write(folder.path().join("text.txt"), SENTENCES).unwrap();
    folder
}

fn paths(folder: &TempDir) -> impl Fn(&str) -> String {
    let folder: PathBuf = folder.path().into();
    move |name| folder.join(name).to_str().unwrap().to_string()
}

fn json_of(arguments: &[&str]) -> Value {
    let (code, out, err) = run(&[&["drift"], arguments, &["--json", "-q"]].concat());
    assert!(code == 0 && err.is_empty(), "{err}");
    serde_json::from_str(&out).unwrap()
}

fn number(value: &Value, field: &str) -> f64 {
    value[field].as_f64().unwrap_or_else(|| panic!("{field} of {value}"))
}

/// A copy, a container, what decompress makes of it, a code in memory, layers, a baseline.
#[test]
fn variants_drift_as_far_as_their_weights_are_off() {
    let folder = folder();
    let path = paths(&folder);
    let (model, copy, packed, again) = (path("model"), path("copy"), path("packed"), path("again"));
    write_bert(Path::new(&copy), 4);
    assert_eq!(
        run(&["compress", &model, "-o", &packed, "--code", "chained-4b-k12", "-q"]).0,
        0
    );
    assert_eq!(run(&["decompress", &packed, "-o", &again, "--dtype", "f32", "-q"]).0, 0);
    let text = path("text.txt");
    let variants = [
        copy.as_str(),
        &packed,
        &again,
        "chained-4b-k12",
        "chained-2b-k12",
        "progressive-4b-k12",
        "nf4-g64",
    ];
    let report = json_of(&[&[model.as_str()], &variants[..], &["--text", &text]].concat());
    assert_eq!((&report["reference"], &report["text"]), (&model.into(), &text.into()));
    for (field, expected) in [("sentences", 5), ("tokens", 15), ("matrices", 6), ("weights", 8192)] {
        assert_eq!(report[field], expected, "{field}");
    }
    let found = report["variants"].as_array().unwrap();
    let [copy, packed, again, four, two, layers, baseline] = &found[..] else {
        panic!("{found:?}");
    };
    for (variant, name) in found.iter().zip(variants) {
        assert_eq!(variant["name"], name);
        assert_eq!(variant["cosines"].as_array().unwrap().len(), 5);
    }
    // The same weights: the same directions, bit for bit.
    for field in [
        "mean_cosine",
        "median_cosine",
        "cosine_5_percent",
        "worst_cosine",
        "same_nearest",
    ] {
        assert_eq!(number(copy, field), 1.0, "{field}");
    }
    assert!(number(copy, "rank_correlation") > 1.0 - 1e-12);
    assert_eq!(
        (
            &copy["kind"],
            number(copy, "relative_error"),
            number(copy, "bits_per_weight")
        ),
        (&"plain".into(), 0.0, 32.0)
    );
    // In memory, in a file, and decompressed again it is the same code.
    assert_eq!((&packed["kind"], &four["kind"]), (&"compressed".into(), &"code".into()));
    assert_eq!(
        (&packed["cosines"], &packed["bits_per_weight"]),
        (&four["cosines"], &four["bits_per_weight"])
    );
    assert!((number(packed, "relative_error") - number(four, "relative_error")).abs() < 1e-9);
    assert!((number(again, "mean_cosine") - number(four, "mean_cosine")).abs() < 1e-5);
    // Half the bits are further off.
    let drift = |variant| 1.0 - number(variant, "mean_cosine");
    assert!(
        drift(four) > 0.0 && drift(two) > 4.0 * drift(four),
        "{} {}",
        drift(four),
        drift(two)
    );
    assert!(drift(layers) > 0.0 && drift(layers) < drift(two), "{}", drift(layers));
    assert_eq!(baseline["kind"], "baseline");
    for variant in found {
        assert!(number(variant, "worst_cosine") <= number(variant, "median_cosine"));
    }
    let nearest = report["reference_nearest"].as_array().unwrap();
    assert_eq!(nearest.len(), 5);
    assert_eq!(nearest[1]["sentence"], "weights become seeds again");
    assert!(nearest.iter().all(|nearest| nearest["nearest"] != nearest["sentence"]));
}

#[test]
fn threads_do_not_change_the_figures_and_reports_go_where_they_are_asked_to() {
    let folder = folder();
    let path = paths(&folder);
    let (model, text, out) = (path("model"), path("text.txt"), path("out"));
    fs::create_dir(&out).unwrap();
    let printed = ["1", "3"].map(|threads| {
        let json = format!("--json={out}/{threads}.json");
        let arguments = [
            "drift",
            &model,
            "chained-3b-k12",
            "q4_k",
            "--text",
            &text,
            "--markdown",
            "-j",
            threads,
            &json,
        ];
        let (code, printed, err) = run(&arguments);
        assert_eq!(code, 0, "{err}");
        assert!(err.contains("embedding 5 sentences with 3 models"), "{err}");
        let (figures, time) = printed.split_once("Time: ").unwrap();
        assert!(time.contains(&format!("{threads} threads")), "{time}");
        figures.to_string()
    });
    assert_eq!(printed[0], printed[1]);
    for expected in [
        "| chained-3b-k12 |",
        "* replaced: 6 matrices of 8,192 weights",
        "same nearest, %",
        "Note: q4_k: 6 matrices",
    ] {
        assert!(printed[0].contains(expected), "{expected}: {}", printed[0]);
    }
    assert_eq!(listing(Path::new(&out)), ["1.json", "3.json"]);
    let report: Value = serde_json::from_str(&fs::read_to_string(format!("{out}/3.json")).unwrap()).unwrap();
    assert_eq!(report["variants"].as_array().unwrap().len(), 2);
}

#[test]
fn a_container_that_compresses_other_tensors_is_named() {
    let folder = folder();
    let path = paths(&folder);
    let (model, packed) = (path("model"), path("packed"));
    let options = [
        "--code",
        "chained-4b-k12",
        "--exclude",
        "*query*",
        "--include",
        "*word_embeddings*",
        "-q",
    ];
    assert_eq!(run(&[&["compress", &model, "-o", &packed], &options[..]].concat()).0, 0);
    let (code, out, err) = run(&["drift", &model, &packed, "--text", &path("text.txt"), "-q"]);
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("keeps 1 of the matrices that are compressed by default, and compresses 1 other tensors"),
        "{out}"
    );
}

#[test]
fn errors_say_what_to_do() {
    let folder = folder();
    let path = paths(&folder);
    let (model, text) = (path("model"), path("text.txt"));
    let error = |arguments: &[&str]| {
        let (code, out, err) = run(&[&["drift"], arguments].concat());
        assert!(code == 2 && out.is_empty(), "{code} {out} {err}");
        err
    };
    let with_text = |more: &[&str]| error(&[&[model.as_str(), "--text", &text], more].concat());
    assert!(error(&[&model]).contains("<VARIANT>"));
    let err = with_text(&["chained-9b"]);
    assert!(
        err.contains("chained-9b: there is no such file") && err.contains("progressive-4b"),
        "{err}"
    );
    assert!(with_text(&["q4_0", "q4_0"]).contains("named twice"));
    assert!(with_text(&["q4_0", &format!("--json={model}/config.json")]).contains("is an input, or in one"));

    for (name, content, reason) in [
        (
            "two.txt",
            &b"seeds\nweights\n"[..],
            "has 2 sentences, one in a line; give 3 to 1024",
        ),
        (
            "latin1.txt",
            b"caf\xe9\nand\nagain\n",
            "latin1.txt: is no text in UTF-8",
        ),
        (
            "long.txt",
            b"seeds\nweights\nand and and and and and and and and and and and and and and and and\n",
            "long.txt, line 3: 17 tokens, and the model reads 16 at most",
        ),
    ] {
        fs::write(path(name), content).unwrap();
        let err = error(&[&model, "q4_0", "--text", &path(name)]);
        assert!(err.contains(reason), "{err}");
    }
    assert!(error(&[&model, "q4_0", "--text", &path("gone.txt")]).contains("gone.txt: cannot read"));

    let packed = path("packed");
    assert_eq!(
        run(&["compress", &model, "-o", &packed, "--code", "chained-2b-k12", "-q"]).0,
        0
    );
    assert!(error(&[&packed, "q4_0", "--text", &text]).contains("is compressed; name the model as it was before"));
    // Another BERT, a language model, a folder of weights alone.
    let other = path("other");
    write_bert(Path::new(&other), 8);
    assert!(with_text(&[&other]).contains("other/config.json: is of another model than the reference"));
    let (_language_folder, language) = common::folder_with_model();
    let language = language.to_str().unwrap();
    assert!(with_text(&[language]).contains("not a BERT: model_type is \"llama\""));
    let err = error(&[language, "q4_0", "--text", &text]);
    assert!(
        err.contains("model/config.json: not a BERT") && err.contains("seedlm eval"),
        "{err}"
    );
    let alone = path("alone.safetensors");
    common::write_small_model(Path::new(&alone));
    let err = with_text(&[&alone]);
    assert!(
        err.contains("this is no variant of") && err.contains("embeddings.word_embeddings.weight"),
        "{err}"
    );
}
