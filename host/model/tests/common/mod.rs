//! Small models for the tests, made with the safetensors library itself.

use seedlm_codec::{BlockCode, BlockCodeFields, Lfsr};
use seedlm_encoder::Quantizer;
use seedlm_model::{CompressOptions, Dtype, Rules};
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

/// Options with the small code and the default rules.
pub fn options() -> CompressOptions {
    CompressOptions {
        code: small_code(),
        quantizer: Quantizer::Printed,
        rules: Rules::default(),
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
    let bytes = numbers(rows * columns)
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
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
