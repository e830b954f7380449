//! Small models for the tests, made with the safetensors library itself.

use seedlm_codec::{BlockCode, BlockCodeFields, ChainMap, ChainedCode, Code, Lfsr};
use seedlm_encoder::Quantizer;
use seedlm_model::{CompressOptions, Dtype, Encoding, Rotate, Rules};
use std::collections::HashMap;
use std::path::Path;

/// A tensor to put into a file.
pub type TestTensor = (String, Dtype, Vec<usize>, Vec<u8>);

/// A code whose search takes no time: 15 seeds.
pub fn small_code() -> BlockCode {
    BlockCode::new(BlockCodeFields {
        block_size: 4,
        latent_dimension: 2,
        coefficient_bits: 3,
        exponent_bits: 4,
        lfsr: Lfsr::paper(4).unwrap(),
    })
    .unwrap()
}

/// A chained code whose search takes no time: windows of 6 bits, 3 bits per weight.
pub fn small_chained_code() -> ChainedCode {
    let map = ChainMap::new(6, vec![vec![0x20, 0x10, 0x08], vec![0x25, 0x12, 0x0b]]).unwrap();
    ChainedCode::new(3, map).unwrap()
}

/// Options with the small code and the default rules.
pub fn options() -> CompressOptions {
    options_for(small_code(), Rotate::Auto)
}

/// Options with a code and a choice of rotation, and the default rules.
pub fn options_for(code: impl Into<Code>, rotate: Rotate) -> CompressOptions {
    CompressOptions {
        encoding: Encoding::new(code, Quantizer::Printed, rotate),
        rules: Rules::default(),
        moments: None,
        replace: false,
    }
}

/// `count` numbers that look random, in -1..1.
pub fn numbers(count: usize) -> Vec<f32> {
    let mut state = 1_u32;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// An F32 matrix of such numbers.
pub fn f32_matrix(name: &str, rows: usize, columns: usize) -> TestTensor {
    matrix_of(name, rows, columns, &numbers(rows * columns))
}

/// An F32 matrix with a few weights in each row that are far larger than the others.
pub fn heavy_tailed_matrix(name: &str, rows: usize, columns: usize) -> TestTensor {
    let mut values = numbers(rows * columns);
    for (row, values) in values.chunks_exact_mut(columns).enumerate() {
        values[row * 7 % columns] *= 40.0;
    }
    matrix_of(name, rows, columns, &values)
}

/// An F32 matrix.
pub fn matrix_of(name: &str, rows: usize, columns: usize, values: &[f32]) -> TestTensor {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    (name.into(), Dtype::F32, vec![rows, columns], bytes)
}

/// The bytes of a safetensors file.
pub fn safetensors(tensors: &[TestTensor], metadata: &[(&str, &str)]) -> Vec<u8> {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        let view = safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes).unwrap();
        (name.clone(), view)
    });
    let metadata: HashMap<String, String> = metadata
        .iter()
        .map(|&(key, value)| (key.into(), value.into()))
        .collect();
    safetensors::serialize(views, (!metadata.is_empty()).then_some(metadata)).unwrap()
}

/// A file with a raw header, for what the library would never write.
pub fn raw(header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

/// The names in a folder, hidden ones included.
pub fn listing(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
