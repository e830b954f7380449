//! Checkpoints of llama2.c in their first format, version 0: seven 32-bit numbers, then weights in binary32.
//!
//! Little-endian: embedding length, feed-forward length, layers, heads, key and value heads, size of the vocabulary (negative
//! where the output matrix is not the embedding), context length. The weights follow kind by kind, each for all layers.

mod tokens;

use super::config::{LAYER_TENSORS, LayerTensor, LlamaConfig};
use super::error::ImportError;
use super::rope::neighbours_to_halves;
use super::{ImportedModel, ImportedTensor, check_finite, check_stop};
use seedlm_model::Progress;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

const HEADER_BYTES: usize = 28;
/// Begins the files of the later versions.
const LATER_MAGIC: [u8; 4] = *b"24ka";
/// The numbers that llama2.c has in its source and not in its files.
const RMS_EPSILON: f32 = 1e-5;
const ROPE_THETA: f32 = 10_000.0;
const BOS: u32 = 1;
const EOS: u32 = 2;

/// The order of the file: each of these for all layers before the next.
const FILE_ORDER: [LayerTensor; 9] = [
    LayerTensor::AttentionNorm,
    LayerTensor::Query,
    LayerTensor::Key,
    LayerTensor::Value,
    LayerTensor::Output,
    LayerTensor::MlpNorm,
    LayerTensor::Gate,
    LayerTensor::Down,
    LayerTensor::Up,
];

/// Reads a model. See [`ImportedModel::from_llama2c`].
pub(super) fn import(
    path: &Path,
    tokenizer_path: &Path,
    progress: &dyn Progress,
) -> Result<ImportedModel, ImportError> {
    let file = File::open(path).map_err(ImportError::io(path, "open"))?;
    let size_bytes = file.metadata().map_err(ImportError::io(path, "read the size"))?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let config = read_header(path, &mut reader, size_bytes)?;
    let tokenizer_json = tokens::tokenizer_json(tokenizer_path, &config)?;
    let tensors = Weights { path, reader }.read(&config, progress)?;
    Ok(ImportedModel {
        config_json: config.to_json(),
        tokenizer_json,
        tensors,
    })
}

/// The header as a configuration, which asks for exactly this file's size.
fn read_header(path: &Path, reader: &mut impl Read, size_bytes: u64) -> Result<LlamaConfig, ImportError> {
    let refuse = |reason: String| ImportError::file(path, reason);
    if size_bytes < HEADER_BYTES as u64 {
        return Err(refuse(format!(
            "the file is truncated: a llama2.c checkpoint begins with {HEADER_BYTES} bytes, and it has {size_bytes}; get it \
             again"
        )));
    }
    let mut header = [0; HEADER_BYTES];
    reader.read_exact(&mut header).map_err(ImportError::io(path, "read"))?;
    if header.starts_with(&LATER_MAGIC) {
        let version = i32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        return Err(refuse(format!(
            "a llama2.c checkpoint of version {version}, and version 0 can be imported; export it with --version 0"
        )));
    }
    let (words, _) = header.as_chunks();
    let numbers: Vec<i32> = words.iter().map(|&word| i32::from_le_bytes(word)).collect();
    let [
        hidden,
        intermediate,
        layers,
        heads,
        key_value_heads,
        vocabulary,
        context,
    ] = numbers[..]
    else {
        return Err(refuse("the header is too short; get the file again".into()));
    };
    // Nothing negative becomes a size: it is zero, and refused.
    let size = |number: i32| usize::try_from(number).unwrap_or(0);
    let (hidden_size, heads) = (size(hidden), size(heads));
    let Some(0) = hidden_size.checked_rem(heads) else {
        return Err(refuse(format!(
            "{heads} heads and an embedding of {hidden_size} values: not a llama2.c checkpoint of version 0, or damaged; get \
             it again"
        )));
    };
    let config = LlamaConfig {
        hidden_size,
        intermediate_size: size(intermediate),
        layers: size(layers),
        heads,
        key_value_heads: size(key_value_heads),
        head_dim: hidden_size / heads,
        vocabulary: vocabulary.unsigned_abs() as usize,
        context_length: size(context),
        rms_epsilon: RMS_EPSILON,
        rope_theta: ROPE_THETA,
        rope_scaling: None,
        tied: vocabulary > 0,
        bos: Some(BOS),
        eos: Some(EOS),
    };
    config.check(path)?;
    let expected_bytes = file_bytes(&config);
    if expected_bytes != u128::from(size_bytes) {
        return Err(refuse(format!(
            "the header asks for {expected_bytes} bytes, and the file has {size_bytes}: truncated, or not a llama2.c \
             checkpoint of version 0; get it again"
        )));
    }
    Ok(config)
}

/// Size of the file in bytes. The products of checked sizes (below 2^31) fit.
fn file_bytes(config: &LlamaConfig) -> u128 {
    let values = |shape: Vec<usize>| shape.iter().map(|&size| size as u128).product::<u128>();
    let matrix = values(vec![config.vocabulary, config.hidden_size]);
    let layer: u128 = LAYER_TENSORS.iter().map(|tensor| values(tensor.shape(config))).sum();
    let mut count = matrix + layer * config.layers as u128 + config.hidden_size as u128 + rotation_values(config);
    if !config.tied {
        count += matrix;
    }
    HEADER_BYTES as u128 + 4 * count
}

/// Cosines and sines that the file keeps and that nobody reads: they follow from theta.
fn rotation_values(config: &LlamaConfig) -> u128 {
    config.context_length as u128 * config.head_dim as u128
}

/// The weights after the header.
struct Weights<'a> {
    path: &'a Path,
    reader: BufReader<File>,
}

impl Weights<'_> {
    fn read(mut self, config: &LlamaConfig, progress: &dyn Progress) -> Result<Vec<ImportedTensor>, ImportError> {
        let matrix = vec![config.vocabulary, config.hidden_size];
        let mut tensors = vec![self.tensor("model.embed_tokens.weight".into(), matrix.clone(), progress)?];
        let mut layers: Vec<Vec<ImportedTensor>> = vec![Vec::new(); config.layers];
        for kind in FILE_ORDER {
            for (number, layer) in layers.iter_mut().enumerate() {
                let mut tensor = self.tensor(kind.name(number), kind.shape(config), progress)?;
                if let Some(heads) = kind.rotated_heads(config) {
                    tensor.values = neighbours_to_halves(&tensor.values, heads, config.hidden_size);
                }
                layer.push(tensor);
            }
        }
        tensors.extend(layers.into_iter().flatten());
        tensors.push(self.tensor("model.norm.weight".into(), vec![config.hidden_size], progress)?);
        if !config.tied {
            // The whole file's size is an i64, so this part's is one.
            let skipped = i64::try_from(4 * rotation_values(config)).unwrap_or(i64::MAX);
            let skip = self.reader.seek_relative(skipped);
            skip.map_err(ImportError::io(self.path, "read"))?;
            tensors.push(self.tensor("lm_head.weight".into(), matrix, progress)?);
        }
        Ok(tensors)
    }

    /// The next tensor. The file's size has been checked to hold it.
    fn tensor(
        &mut self,
        name: String,
        shape: Vec<usize>,
        progress: &dyn Progress,
    ) -> Result<ImportedTensor, ImportError> {
        check_stop(progress)?;
        progress.checking_matrix(&name);
        let mut bytes = vec![0; 4 * shape.iter().product::<usize>()];
        self.reader
            .read_exact(&mut bytes)
            .map_err(ImportError::io(self.path, "read"))?;
        let (words, _) = bytes.as_chunks();
        let values: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
        check_finite(self.path, &name, &values)?;
        Ok(ImportedTensor { name, shape, values })
    }
}
