//! `seedlm import`: what it says and writes, and that it leaves nothing behind where it fails.
#[allow(dead_code)]
mod common;

use common::{listing, numbers, run};
use serde_json::Value;
use std::fs;
use std::path::Path;

const TOKENS: usize = 261;

/// The tokens that llama2.c counts on, and two letters.
fn tokens() -> Vec<String> {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(String::from).into();
    tokens.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    tokens.extend(["a", "b"].map(String::from));
    tokens
}

/// A llama2.c checkpoint with one layer, `model.bin`, and its tokenizer, `tok.bin`.
fn write_llama2c(folder: &Path) {
    let header = [8_i32, 12, 1, 2, 1, TOKENS as i32, 16];
    let mut checkpoint: Vec<u8> = header.iter().flat_map(|number| number.to_le_bytes()).collect();
    let layer = 2 * 8 + 2 * 8 * 8 + 2 * 4 * 8 + 3 * 12 * 8;
    checkpoint.extend(numbers(TOKENS * 8 + layer + 8 + 16 * 4));
    fs::write(folder.join("model.bin"), checkpoint).unwrap();
    let mut tokenizer = 6_u32.to_le_bytes().to_vec();
    for token in tokens() {
        tokenizer.extend(0_f32.to_le_bytes());
        tokenizer.extend((token.len() as u32).to_le_bytes());
        tokenizer.extend(token.as_bytes());
    }
    fs::write(folder.join("tok.bin"), tokenizer).unwrap();
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A GGUF file with one layer in F32, of this architecture.
fn write_gguf(path: &Path, architecture: &str) {
    let number = |key: &str, number: u32| [text(key), 4_u32.to_le_bytes().into(), number.to_le_bytes().into()].concat();
    let word = |key: &str, value: &str| [text(key), 8_u32.to_le_bytes().into(), text(value)].concat();
    let list = |key: &str, kind: u32, elements: &[Vec<u8>]| {
        let count = elements.len() as u64;
        [
            text(key),
            9_u32.to_le_bytes().into(),
            kind.to_le_bytes().into(),
            count.to_le_bytes().into(),
            elements.concat(),
        ]
        .concat()
    };
    let tokens: Vec<Vec<u8>> = tokens().iter().map(|token| text(token)).collect();
    let scores = vec![vec![0; 4]; TOKENS];
    let metadata = [
        word("general.architecture", architecture),
        number("llama.attention.head_count", 2),
        number("llama.block_count", 1),
        number("llama.context_length", 16),
        number("llama.embedding_length", 8),
        number("llama.feed_forward_length", 12),
        [
            text("llama.attention.layer_norm_rms_epsilon"),
            6_u32.to_le_bytes().into(),
            1e-5_f32.to_le_bytes().into(),
        ]
        .concat(),
        word("tokenizer.ggml.model", "llama"),
        list("tokenizer.ggml.tokens", 8, &tokens),
        list("tokenizer.ggml.scores", 6, &scores),
    ];
    let tensors: [(&str, &[usize]); 11] = [
        ("token_embd", &[TOKENS, 8]),
        ("blk.0.attn_norm", &[8]),
        ("blk.0.attn_q", &[8, 8]),
        ("blk.0.attn_k", &[8, 8]),
        ("blk.0.attn_v", &[8, 8]),
        ("blk.0.attn_output", &[8, 8]),
        ("blk.0.ffn_norm", &[8]),
        ("blk.0.ffn_gate", &[12, 8]),
        ("blk.0.ffn_up", &[12, 8]),
        ("blk.0.ffn_down", &[8, 12]),
        ("output_norm", &[8]),
    ];
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((metadata.len() as u64).to_le_bytes());
    file.extend(metadata.concat());
    let mut data = Vec::new();
    for (name, shape) in tensors {
        file.extend(text(&format!("{name}.weight")));
        file.extend((shape.len() as u32).to_le_bytes());
        file.extend(shape.iter().rev().flat_map(|&size| (size as u64).to_le_bytes()));
        file.extend(0_u32.to_le_bytes());
        file.extend((data.len() as u64).to_le_bytes());
        data.extend(numbers(shape.iter().product()));
        data.resize(data.len().next_multiple_of(32), 0);
    }
    file.resize(file.len().next_multiple_of(32), 0);
    file.extend(data);
    fs::write(path, file).unwrap();
}

/// A folder with a file of each kind, and the paths in it.
fn workplace() -> (tempfile::TempDir, [String; 4]) {
    let folder = tempfile::tempdir().unwrap();
    write_llama2c(folder.path());
    write_gguf(&folder.path().join("model.gguf"), "llama");
    let paths = ["model.bin", "tok.bin", "model.gguf", "out"].map(|name| {
        let path = folder.path().join(name);
        path.to_str().unwrap().to_string()
    });
    (folder, paths)
}

#[test]
fn both_formats_become_folders_that_compress_takes() {
    let (folder, [checkpoint, tokenizer, gguf, out]) = workplace();
    let (code, said, err) = run(&["import", &checkpoint, "--tokenizer", &tokenizer, "-o", &out]);
    assert_eq!(code, 0, "{err}");
    assert!(
        said.contains("11 tensors with 2592 weights in F32, every weight exact"),
        "{said}"
    );
    assert_eq!(
        listing(out.as_ref()),
        ["config.json", "model.safetensors", "tokenizer.json"]
    );
    let (code, _, err) = run(&["import", &gguf, "-o", &out]);
    assert!(
        code == 2 && err.contains("exists already; -f (--force) replaces it"),
        "{err}"
    );
    let (code, said, err) = run(&["import", &gguf, "-o", &out, "--force", "--dtype", "bf16", "--json"]);
    assert_eq!(code, 0, "{err}");
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&report["tensors"], &report["dtype"]), (&11.into(), &"BF16".into()));
    assert!(report["rounded_weights"].as_u64().unwrap() > 1000);
    let packed = folder.path().join("packed");
    let (code, _, err) = run(&[
        "compress",
        &out,
        "-o",
        packed.to_str().unwrap(),
        "-q",
        "--code",
        "paper-4b",
    ]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        listing(folder.path()),
        ["model.bin", "model.gguf", "out", "packed", "tok.bin"]
    );
}

#[test]
fn what_cannot_be_imported_is_refused_and_leaves_nothing() {
    let (folder, [checkpoint, tokenizer, gguf, out]) = workplace();
    let other = folder.path().join("other.gguf");
    write_gguf(&other, "gemma");
    let other = other.to_str().unwrap();
    let short = folder.path().join("short.gguf");
    let whole = fs::read(&gguf).unwrap();
    fs::write(&short, &whole[..whole.len() - 200]).unwrap();
    let before = listing(folder.path());
    let refused = |arguments: &[&str], expected: &str| {
        let (code, said, err) = run(&[&["import"], arguments].concat());
        assert!(
            code == 2 && said.is_empty() && err.contains(expected),
            "{code} {said} {err}"
        );
        assert_eq!(listing(folder.path()), before);
    };
    refused(
        &[&checkpoint, "-o", &out],
        "not a GGUF file; if it is a checkpoint of llama2.c, name its tokenizer",
    );
    refused(
        &[&gguf, "-o", &out, "--tokenizer", &tokenizer],
        "holds its own tokenizer; leave --tokenizer out",
    );
    refused(
        &[other, "-o", &out],
        "other.gguf: the architecture is \"gemma\", and only \"llama\" can be imported",
    );
    refused(
        &[short.to_str().unwrap(), "-o", &out],
        "short.gguf: tensor \"blk.0.ffn_down.weight\": 384 bytes at byte",
    );
    refused(&[&checkpoint, "--tokenizer", &checkpoint, "-o", &out], "model.bin: ");
    refused(&["no-such-file", "-o", &out], "no-such-file: cannot read");
    refused(
        &[&gguf, "-o", &format!("{out}/in/it")],
        "does not exist; create it first",
    );
    refused(&[&gguf, "-o", &checkpoint, "-f"], "is no folder, and the output is one");
    // It holds files that are no model, the input among them.
    refused(
        &[&gguf, "-o", folder.path().to_str().unwrap(), "-f"],
        "no model; not replaced",
    );
    fs::write(folder.path().join("model.safetensors"), b"").unwrap();
    let (code, _, err) = run(&["import", &gguf, "-o", folder.path().to_str().unwrap(), "-f"]);
    assert!(
        code == 2 && err.contains("holds the input; choose another name"),
        "{err}"
    );
    assert!(Path::new(&gguf).exists());
}

#[test]
fn compress_says_that_a_gguf_file_is_imported_first() {
    let (folder, [_, _, gguf, out]) = workplace();
    let before = listing(folder.path());
    let (code, _, err) = run(&["compress", &gguf, "-o", &out]);
    assert!(
        code == 2 && err.contains("model.gguf: ") && err.contains("seedlm import"),
        "{err}"
    );
    assert_eq!(listing(folder.path()), before);
}
