//! A Llama-family language model whose matrix-vector products are pluggable.
//!
//! * [`Package`]: weights, architecture and tokenizer as they lie on disk, plain or compressed by seedlm;
//! * [`LanguageModel`]: the forward pass, with a [`Cache`] of what it has seen; [`generate`] writes text;
//! * [`LinearLayers`]: who works out the matrix products: [`IntegerLayers`] in the integer arithmetic of the accelerator, on any
//!   [`IntegerMachine`]; `DenseLayers` in binary32;
//! * [`generate_speculatively`]: the same text in fewer passes of the full weights, with a draft that [`DraftingLayers`] gives;
//! * `ImportedModel`: GGUF and llama2.c files as such a folder;
//! * [`collect_moments`]: what calibrates a compression, and [`ChangedMatrix`], which weighs its matrices against each other;
//! * [`balance`]: an equal model whose matrices are easier to compress;
//! * [`evaluate`]: perplexity and divergence of compressed variants of a model, and the drift of embeddings;
//! * `SentencePackage`: a BERT that turns sentences into vectors, plain or compressed.
//!
//! Between the products the arithmetic has a stated order and its own functions, so that with integer products a text is
//! the same on every machine, bit for bit.
//!
//! `DenseLayers`, `ImportedModel` and `SentencePackage` come with the feature `dense`, which needs candle; what runs on the accelerator does not.
#![deny(unsafe_code)]

mod arithmetic;
mod attention;
mod backend;
mod balance;
mod cache;
mod calibrate;
mod config;
mod error;
pub mod evaluate;
mod generate;
#[cfg(feature = "dense")]
mod import;
mod inputs;
mod language_model;
mod linear;
mod package;
mod recorder;
mod rope;
mod sampler;
mod sensitivity;
#[cfg(feature = "dense")]
mod sentence;
mod speculate;
mod text;
mod vectors;
mod written_text;

#[cfg(feature = "dense")]
pub use backend::DenseLayers;
pub use backend::{
    ActivationRounding, GoldenMachine, IntegerLayers, IntegerMachine, MachineError, MachineMatrix, ScaleGroup,
    SoftwareMachine,
};
pub use balance::{Balance, InputSizes, OwnText, balance};
pub use cache::Cache;
pub use calibrate::collect_moments;
pub use config::{ModelConfig, RopeConfig, RopeScaling};
pub use error::LlmError;
pub use generate::{Ending, Generated, generate};
#[cfg(feature = "dense")]
pub use import::{ImportError, ImportedModel, ImportedTensor, WriteReport};
pub use language_model::{LanguageModel, Logits};
pub use linear::{EMBEDDING, Linear, LinearLayers, Projection};
pub use package::{CONFIG_FILE, Package, TOKENIZER_FILE};
pub use sampler::{Sampler, Sampling};
pub use sensitivity::ChangedMatrix;
#[cfg(feature = "dense")]
pub use sentence::{BertConfig, SentenceEncoder, SentencePackage};
pub use speculate::{DraftAndFull, DraftingLayers, SpeculationCost, SpeculationStatistics, generate_speculatively};
pub use text::{TextStream, TextTokenizer};
