//! Tiny files to import, and an independent reading of llama2.c's tokenizer.

use candle_core::quantized::gguf_file::{Value, write};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use seedlm_llm::{ImportedModel, ImportedTensor};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;

/// Numbers between -1 and 1 that look random; each tensor has its own.
pub fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A GGUF file in the making.
#[derive(Clone)]
pub struct Gguf {
    pub metadata: BTreeMap<String, Value>,
    /// Name, shape (rows, columns), values, format.
    pub tensors: Vec<(String, Vec<usize>, Vec<f32>, GgmlDType)>,
}

pub const HIDDEN: usize = 32;
pub const HEADS: usize = 4;
pub const KEY_VALUE_HEADS: usize = 2;
pub const MLP: usize = 64;
pub const LAYERS: usize = 2;

/// Texts as a value.
pub fn texts<T: ToString>(texts: &[T]) -> Value {
    Value::Array(texts.iter().map(|text| Value::String(text.to_string())).collect())
}

impl Gguf {
    /// A model with the tokens, without the rest of a tokenizer.
    pub fn new(tokens: &[String], kinds: &[i32], dtype: GgmlDType) -> Self {
        let number = |number: usize| Value::U32(number as u32);
        let metadata = [
            ("general.architecture", Value::String("llama".into())),
            ("llama.attention.head_count", number(HEADS)),
            ("llama.attention.head_count_kv", number(KEY_VALUE_HEADS)),
            ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
            ("llama.block_count", number(LAYERS)),
            ("llama.context_length", number(128)),
            ("llama.embedding_length", number(HIDDEN)),
            ("llama.feed_forward_length", number(MLP)),
            ("llama.rope.freq_base", Value::F32(50_000.0)),
            ("tokenizer.ggml.bos_token_id", number(1)),
            ("tokenizer.ggml.eos_token_id", number(2)),
            ("tokenizer.ggml.tokens", texts(tokens)),
            (
                "tokenizer.ggml.token_type",
                Value::Array(kinds.iter().map(|&kind| Value::I32(kind)).collect()),
            ),
        ];
        let mut gguf = Gguf {
            metadata: metadata.map(|(key, value)| (key.to_string(), value)).into(),
            tensors: Vec::new(),
        };
        let shared = HIDDEN / HEADS * KEY_VALUE_HEADS;
        gguf.add("token_embd.weight", &[tokens.len(), HIDDEN], dtype);
        for layer in 0..LAYERS {
            let matrices: [(&str, &[usize]); 9] = [
                ("attn_norm", &[HIDDEN]),
                ("attn_q", &[HIDDEN, HIDDEN]),
                ("attn_k", &[shared, HIDDEN]),
                ("attn_v", &[shared, HIDDEN]),
                ("attn_output", &[HIDDEN, HIDDEN]),
                ("ffn_norm", &[HIDDEN]),
                ("ffn_gate", &[MLP, HIDDEN]),
                ("ffn_up", &[MLP, HIDDEN]),
                ("ffn_down", &[HIDDEN, MLP]),
            ];
            for (part, shape) in matrices {
                let dtype = if shape.len() == 1 { GgmlDType::F32 } else { dtype };
                gguf.add(&format!("blk.{layer}.{part}.weight"), shape, dtype);
            }
        }
        gguf.add("output_norm.weight", &[HIDDEN], GgmlDType::F32);
        gguf
    }

    /// A model with a tiny SentencePiece tokenizer.
    pub fn sentence_piece(dtype: GgmlDType) -> Self {
        let (tokens, scores) = sentence_piece_tokens(&["▁", "a", "b", "ab", "▁ab"]);
        let kinds: Vec<i32> = (0..tokens.len())
            .map(|id| [2, 3, 3].get(id).copied().unwrap_or(if id < 259 { 6 } else { 1 }))
            .collect();
        let mut gguf = Gguf::new(&tokens, &kinds, dtype);
        gguf.set("tokenizer.ggml.model", Value::String("llama".into()));
        gguf.set(
            "tokenizer.ggml.scores",
            Value::Array(scores.into_iter().map(Value::F32).collect()),
        );
        gguf
    }

    /// A model with a tiny byte-level tokenizer, cut as `pre` says.
    pub fn byte_level(pre: &str) -> Self {
        let mut tokens: Vec<String> = ["<|end|>", "<|start|>", "<|stop|>"].map(String::from).into();
        tokens.extend(byte_characters().iter().map(char::to_string));
        let merges = ["h e", "l l", "he ll", "hell o", "Ġ hello", "1 2", "12 3", "Ġ Ġ"];
        tokens.extend(merges.iter().map(|merge| merge.replace(' ', "")));
        let kinds: Vec<i32> = (0..tokens.len()).map(|id| if id < 3 { 3 } else { 1 }).collect();
        let mut gguf = Gguf::new(&tokens, &kinds, GgmlDType::F32);
        gguf.set("tokenizer.ggml.model", Value::String("gpt2".into()));
        gguf.set("tokenizer.ggml.pre", Value::String(pre.into()));
        gguf.set("tokenizer.ggml.merges", texts(&merges));
        gguf
    }

    pub fn set(&mut self, key: &str, value: Value) {
        self.metadata.insert(key.into(), value);
    }

    pub fn add(&mut self, name: &str, shape: &[usize], dtype: GgmlDType) {
        let values = numbers(shape.iter().product(), self.tensors.len() as u32 + 1);
        self.tensors.push((name.into(), shape.to_vec(), values, dtype));
    }

    /// The tensors as candle holds them.
    pub fn quantized(&self) -> Vec<(&str, QTensor)> {
        let tensors = self.tensors.iter().map(|(name, shape, values, dtype)| {
            let tensor = Tensor::from_vec(values.clone(), shape.as_slice(), &Device::Cpu).unwrap();
            (name.as_str(), QTensor::quantize(&tensor, *dtype).unwrap())
        });
        tensors.collect()
    }

    pub fn write(&self, path: &Path) {
        let metadata: Vec<(&str, &Value)> = self.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let tensors = self.quantized();
        let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
        write(&mut File::create(path).unwrap(), &metadata, &tensors).unwrap();
    }

    /// Writes it into a new folder; the folder lives as long as the first value.
    pub fn written(&self) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.gguf");
        self.write(&path);
        (folder, path)
    }

    pub fn imported(&self) -> Result<ImportedModel, String> {
        let (_folder, path) = self.written();
        ImportedModel::from_gguf(path).map_err(|error| error.to_string())
    }
}

/// The characters that byte-level tokenizers write bytes as, as GPT-2 defines them.
fn byte_characters() -> Vec<char> {
    let printable = |byte: u32| matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut next = 255;
    let character = |byte: u32| {
        if !printable(byte) {
            next += 1;
        }
        char::from_u32(if printable(byte) { byte } else { next }).unwrap()
    };
    (0..256).map(character).collect()
}

/// The tokens that every SentencePiece vocabulary begins with, then the pieces; scores that fall.
pub fn sentence_piece_tokens(pieces: &[&str]) -> (Vec<String>, Vec<f32>) {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(String::from).into();
    tokens.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    let mut scores = vec![0.0; tokens.len()];
    tokens.extend(pieces.iter().map(ToString::to_string));
    scores.extend((0..pieces.len()).map(|piece| -(piece as f32)));
    (tokens, scores)
}

/// A checkpoint of llama2.c in the making.
#[derive(Clone)]
pub struct Llama2c {
    /// Embedding length, feed-forward length, layers, heads, key and value heads, vocabulary, context length.
    pub header: [i32; 7],
    pub weights: Vec<f32>,
    pub tokens: Vec<String>,
    pub scores: Vec<f32>,
}

impl Llama2c {
    /// Two layers; spaces in the pieces are spaces.
    pub fn new(pieces: &[&str], tied: bool) -> Self {
        let (mut tokens, scores) = sentence_piece_tokens(pieces);
        tokens[1] = "\n<s>\n".into();
        tokens[2] = "\n</s>\n".into();
        let vocabulary = tokens.len();
        let (hidden, mlp, layers, context) = (8, 12, 2, 16);
        let shared = 4;
        let layer = 2 * hidden + 2 * hidden * hidden + 2 * shared * hidden + 3 * mlp * hidden;
        // A head has four values.
        let rotations = context * 4;
        let heads = if tied { 0 } else { vocabulary * hidden };
        let count = vocabulary * hidden + layers * layer + hidden + rotations + heads;
        Llama2c {
            header: [
                8,
                12,
                2,
                2,
                1,
                vocabulary as i32 * if tied { 1 } else { -1 },
                context as i32,
            ],
            weights: numbers(count, 7),
            tokens,
            scores,
        }
    }

    pub fn checkpoint_bytes(&self) -> Vec<u8> {
        let header = self.header.iter().flat_map(|number| number.to_le_bytes());
        header
            .chain(self.weights.iter().flat_map(|weight| weight.to_le_bytes()))
            .collect()
    }

    pub fn tokenizer_bytes(&self) -> Vec<u8> {
        let longest = self.tokens.iter().skip(3).map(String::len).max().unwrap() as u32;
        let mut bytes = longest.to_le_bytes().to_vec();
        for (token, score) in self.tokens.iter().zip(&self.scores) {
            bytes.extend(score.to_le_bytes());
            bytes.extend((token.len() as u32).to_le_bytes());
            bytes.extend(token.as_bytes());
        }
        bytes
    }

    pub fn imported(&self) -> Result<ImportedModel, String> {
        import_llama2c(&self.checkpoint_bytes(), &self.tokenizer_bytes())
    }
}

pub fn import_llama2c(checkpoint: &[u8], tokenizer: &[u8]) -> Result<ImportedModel, String> {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["model.bin", "tok.bin"].map(|name| folder.path().join(name));
    std::fs::write(&first, checkpoint).unwrap();
    std::fs::write(&second, tokenizer).unwrap();
    ImportedModel::from_llama2c(first, second).map_err(|error| error.to_string())
}

pub fn tokenizer(model: &ImportedModel) -> Tokenizer {
    Tokenizer::from_bytes(&model.tokenizer_json).unwrap()
}

pub fn config(model: &ImportedModel) -> serde_json::Value {
    serde_json::from_str(&model.config_json).unwrap()
}

pub fn tensor<'a>(model: &'a ImportedModel, name: &str) -> &'a ImportedTensor {
    let found = model.tensors.iter().find(|tensor| tensor.name == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}
