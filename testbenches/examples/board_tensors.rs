//! Writes the tensors that boards regenerate, hdl/boards/tensors: the first rows of a matrix of the embedded model, in every
//! chained code. `--check` writes nothing and fails when a file differs.
//!
//! `cargo run --release -p seedlm-testbenches --example board_tensors`

use seedlm_codec::{ChainedCode, Code, WeightMatrix};
use seedlm_hdl::board::tensor::TestTensor;
use seedlm_sim::workload::{ModelSource, compress_model, load_model};
use std::path::Path;
use std::process::ExitCode;

/// The matrix, and how many of its rows a board's block RAM has room for beside the rest.
const MATRIX: &str = "model.layers.0.self_attn.q_proj.weight";
const ROWS: usize = 16;

fn main() -> ExitCode {
    let check = std::env::args().nth(1).is_some_and(|argument| argument == "--check");
    let ModelSource::Plain(source, mut chosen) = load_model(None).expect("the embedded model is there") else {
        panic!("the embedded model is not compressed");
    };
    chosen.retain(|info| info.name == MATRIX);
    assert_eq!(chosen.len(), 1, "the embedded model has one {MATRIX}");
    let model = ModelSource::Plain(source, chosen);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hdl/boards/tensors");
    let mut outcome = ExitCode::SUCCESS;
    for weights in ChainedCode::PRESETS {
        let code = Code::preset(weights).expect("presets have names");
        let pass = compress_model(&model, &code, None, &|_| {}).expect("the matrix can be encoded");
        let WeightMatrix::Chained(matrix) = &pass.matrices[0].matrix else {
            panic!("{weights} is a chained code");
        };
        let (bits, per_word) = (
            matrix.code().bits_per_weight() as usize,
            matrix.code().weights_per_word(),
        );
        let row = |row: usize| {
            let words = 0..matrix.columns().div_ceil(per_word);
            let words: Vec<u128> = words.map(|word| matrix.word_bits_at(row, word)).collect();
            TestTensor::row_text(&words, bits * per_word, bits * matrix.columns())
        };
        let tensor = TestTensor {
            weights: weights.into(),
            matrix: MATRIX.into(),
            columns: matrix.columns(),
            rows: (0..ROWS).map(row).collect(),
        };
        let text = serde_json::to_string_pretty(&tensor).expect("a tensor is plain data") + "\n";
        let path = folder.join(format!("{weights}.json"));
        if check {
            let is_same = std::fs::read_to_string(&path).is_ok_and(|committed| committed == text);
            println!("{weights}: {}", if is_same { "as committed" } else { "differs" });
            if !is_same {
                outcome = ExitCode::FAILURE;
            }
        } else {
            std::fs::write(&path, text).expect("the file can be written");
            println!("{weights}: {ROWS} rows of {} weights", matrix.columns());
        }
    }
    outcome
}
