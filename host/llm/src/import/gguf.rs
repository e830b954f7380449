//! GGUF files, through candle's reader and its dequantiser.

mod guard;
mod metadata;
mod vocabulary;

use super::config::{LAYER_TENSORS, LayerTensor, LlamaConfig};
use super::error::ImportError;
use super::rope::{RopeScaling, neighbours_to_halves};
use super::{ImportedModel, ImportedTensor, check_finite, check_stop};
use candle_core::Device;
use candle_core::quantized::gguf_file::Content;
use metadata::Metadata;
use seedlm_model::Progress;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::Path;

/// The embedding, which is also the output matrix where there is no other.
const EMBEDDING: &str = "token_embd.weight";
const FINAL_NORM: &str = "output_norm.weight";
const HEAD: &str = "output.weight";
/// What the frequencies of the rotary embedding are divided by.
const ROPE_FACTORS: &str = "rope_freqs.weight";

/// Reads a model. See [`ImportedModel::from_gguf`].
pub(super) fn import(path: &Path, progress: &dyn Progress) -> Result<ImportedModel, ImportError> {
    let mut file = GgufFile::open(path)?;
    let metadata = Metadata::new(path, &file.content.metadata);
    let mut config = metadata.config(file.embedding_rows()?, !file.has(HEAD))?;
    config.check(path)?;
    let tokenizer_json = vocabulary::tokenizer_json(&metadata, &config)?;
    if file.has(ROPE_FACTORS) {
        let original_contexts = metadata.original_contexts(config.context_length)?;
        let factors = file.read(ROPE_FACTORS, &[config.head_dim / 2])?;
        if config.rope_scaling.is_some() {
            let reason =
                "the metadata scale the rotary embedding in another way as well; which of them holds is unclear";
            return Err(ImportError::tensor(path, ROPE_FACTORS, reason));
        }
        config.rope_scaling = RopeScaling::from_factors(&factors, config.rope_theta, &original_contexts).map_err(|()| {
            let reason = format!(
                "its factors are not Llama 3's for an original context of any of {original_contexts:?} tokens, and Hugging \
                 Face's config.json has no other way to state them; use the model's original Hugging Face folder"
            );
            ImportError::tensor(path, ROPE_FACTORS, reason)
        })?;
    }
    let tensors = file.read_all(&config, progress)?;
    file.check_nothing_left()?;
    Ok(ImportedModel {
        config_json: config.to_json(),
        tokenizer_json,
        tensors,
    })
}

/// GGUF's name of a layer's tensor.
fn layer_name(tensor: LayerTensor, layer: usize) -> String {
    let part = match tensor {
        LayerTensor::AttentionNorm => "attn_norm",
        LayerTensor::Query => "attn_q",
        LayerTensor::Key => "attn_k",
        LayerTensor::Value => "attn_v",
        LayerTensor::Output => "attn_output",
        LayerTensor::MlpNorm => "ffn_norm",
        LayerTensor::Gate => "ffn_gate",
        LayerTensor::Up => "ffn_up",
        LayerTensor::Down => "ffn_down",
    };
    format!("blk.{layer}.{part}.weight")
}

/// A GGUF file with its checked header.
struct GgufFile<'a> {
    path: &'a Path,
    reader: BufReader<File>,
    content: Content,
    /// Names of the tensors that nobody has read.
    unread: BTreeSet<String>,
}

impl<'a> GgufFile<'a> {
    fn open(path: &'a Path) -> Result<Self, ImportError> {
        let file = File::open(path).map_err(ImportError::io(path, "open"))?;
        let size_bytes = file.metadata().map_err(ImportError::io(path, "read the size"))?.len();
        let mut reader = BufReader::with_capacity(1 << 20, file);
        guard::check_header(path, &mut reader, size_bytes)?;
        reader.rewind().map_err(ImportError::io(path, "read"))?;
        let content = Content::read(&mut reader).map_err(|error| {
            ImportError::file(path, format!("candle cannot read the header: {error}; get it again"))
        })?;
        guard::check_places(path, &content, size_bytes)?;
        let unread = content.tensor_infos.keys().cloned().collect();
        Ok(GgufFile {
            path,
            reader,
            content,
            unread,
        })
    }

    fn has(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    fn missing(&self, name: &str) -> ImportError {
        let reason = "missing; a Llama model has one: get a complete file (all parts of a split one merged)";
        ImportError::tensor(self.path, name, reason)
    }

    /// Number of tokens that have an embedding.
    fn embedding_rows(&self) -> Result<usize, ImportError> {
        let infos = &self.content.tensor_infos;
        let info = infos.get(EMBEDDING).ok_or_else(|| self.missing(EMBEDDING))?;
        match *info.shape.dims() {
            [rows, _] => Ok(rows),
            ref other => Err(ImportError::tensor(
                self.path,
                EMBEDDING,
                format!("shape {other:?}, and an embedding is a matrix; get the file again"),
            )),
        }
    }

    /// The values of a tensor, which must have the shape.
    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ImportError> {
        let info = self.content.tensor_infos.get(name).ok_or_else(|| self.missing(name))?;
        if info.shape.dims() != shape {
            let reason = format!(
                "shape {:?}, and the metadata ask for {shape:?}; get the file again",
                info.shape.dims()
            );
            return Err(ImportError::tensor(self.path, name, reason));
        }
        let values = self
            .content
            .tensor(&mut self.reader, name, &Device::Cpu)
            .and_then(|tensor| tensor.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>())
            .map_err(|error| ImportError::tensor(self.path, name, format!("candle cannot decode it: {error}")))?;
        check_finite(self.path, name, &values)?;
        self.unread.remove(name);
        Ok(values)
    }

    /// All tensors with Hugging Face's names, in the order of the computation.
    fn read_all(&mut self, config: &LlamaConfig, progress: &dyn Progress) -> Result<Vec<ImportedTensor>, ImportError> {
        let mut tensors = Vec::new();
        let mut take = |theirs: &str, ours: String, shape: Vec<usize>, rotated_heads: Option<usize>| {
            check_stop(progress)?;
            progress.checking_matrix(theirs);
            let mut values = self.read(theirs, &shape)?;
            if let Some(heads) = rotated_heads {
                values = neighbours_to_halves(&values, heads, config.hidden_size);
            }
            tensors.push(ImportedTensor {
                name: ours,
                shape,
                values,
            });
            Ok(())
        };
        let matrix = vec![config.vocabulary, config.hidden_size];
        take(EMBEDDING, "model.embed_tokens.weight".into(), matrix.clone(), None)?;
        for layer in 0..config.layers {
            for tensor in LAYER_TENSORS {
                let theirs = layer_name(tensor, layer);
                take(
                    &theirs,
                    tensor.name(layer),
                    tensor.shape(config),
                    tensor.rotated_heads(config),
                )?;
            }
        }
        take(FINAL_NORM, "model.norm.weight".into(), vec![config.hidden_size], None)?;
        if !config.tied {
            take(HEAD, "lm_head.weight".into(), matrix, None)?;
        }
        Ok(tensors)
    }

    /// A tensor that was not read would be a part of the model that is silently lost.
    fn check_nothing_left(&self) -> Result<(), ImportError> {
        match self.unread.first() {
            None => Ok(()),
            Some(name) => Err(ImportError::tensor(
                self.path,
                name,
                "not a part of the Llama models that this program reads (biases and experts are not); use another model",
            )),
        }
    }
}
