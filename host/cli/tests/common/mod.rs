//! Runs the program on small models.

use assert_cmd::Command;
use seedlm_model::embedded::{
    SHAKESPEARE_CONFIG_JSON, SHAKESPEARE_SAFETENSORS, SHAKESPEARE_SAMPLE_TEXT, SHAKESPEARE_TOKENIZER_JSON,
};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The program, without the caller's settings.
pub fn seedlm() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seedlm"));
    command.env_remove("NO_COLOR");
    command
}

/// Runs the program; returns exit code, stdout and stderr.
pub fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = seedlm().args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let code = output.status.code().expect("ended by itself");
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
    (code, text(&output.stdout), text(&output.stderr))
}

/// `count` F32 numbers that look random, as bytes.
pub fn numbers(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..count)
        .flat_map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 / (1 << 23) as f32 - 1.0).to_le_bytes()
        })
        .collect()
}

/// Writes F32 tensors, given as (name, shape, bytes), in this order.
pub fn write_model(path: &Path, tensors: &[(&str, &[usize], Vec<u8>)]) {
    let mut header = Map::new();
    let mut data: Vec<u8> = Vec::new();
    for (name, shape, bytes) in tensors {
        let start = data.len();
        data.extend(bytes);
        header.insert(
            (*name).into(),
            json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}),
        );
    }
    let header = Value::from(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    fs::write(path, file).unwrap();
}

/// A model with two matrices, an embedding and a bias.
pub fn write_small_model(path: &Path) {
    write_model(
        path,
        &[
            ("layers.0.q_proj.weight", &[16, 40], numbers(640)),
            ("layers.0.k_proj.weight", &[4, 13], numbers(52)),
            ("embed_tokens.weight", &[7, 16], numbers(112)),
            ("layers.0.q_proj.bias", &[16], numbers(16)),
        ],
    );
}

/// The names in a folder, hidden ones included.
pub fn listing(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The model of the program as the folder `model`, with `text.txt` beside it.
pub fn folder_with_model() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    fs::create_dir(&model).unwrap();
    for (name, bytes) in [
        ("config.json", SHAKESPEARE_CONFIG_JSON.as_bytes()),
        ("tokenizer.json", SHAKESPEARE_TOKENIZER_JSON.as_bytes()),
        ("model.safetensors", SHAKESPEARE_SAFETENSORS),
    ] {
        fs::write(model.join(name), bytes).unwrap();
    }
    fs::write(folder.path().join("text.txt"), SHAKESPEARE_SAMPLE_TEXT).unwrap();
    (folder, model)
}
