//! Sentences as vectors: a BERT with the pooling of sentence-transformers, whose weights may be compressed.

mod arithmetic;
mod config;
mod encoder;
mod folder;
mod layer;

pub use config::BertConfig;
pub use encoder::SentenceEncoder;
pub use folder::SentencePackage;
