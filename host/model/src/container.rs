//! The SeedLM container, format version 1: a safetensors file in which each compressed matrix `NAME` is two tensors,
//! `NAME.seedlm_words` (U8) and `NAME.seedlm_scale` (F32, one element), described by one JSON text in the metadata.
//! `docs/format.md` is the text of this module.

mod checksum;
mod document;
mod reader;
mod writer;

pub use checksum::Crc32;
pub(crate) use checksum::check_header;
pub use document::{CompressedEntry, Document, KeptEntry};
pub(crate) use reader::describes_itself;
pub use reader::{CompressedMatrix, Container};
pub(crate) use writer::{ContainerFile, Content};

/// Version of the container format that this crate writes, and the only one it reads.
pub const CONTAINER_VERSION: u64 = 1;
/// Metadata key of the description.
pub(crate) const DOCUMENT_KEY: &str = "seedlm";
/// Metadata key of the header's checksum.
pub(crate) const HEADER_CRC_KEY: &str = "seedlm_header_crc32";
/// Ends the name of a tensor of words.
const WORDS_SUFFIX: &str = ".seedlm_words";
/// Ends the name of a tensor with one scale.
const SCALE_SUFFIX: &str = ".seedlm_scale";
/// Bytes of a scale.
pub(crate) const SCALE_BYTES: u64 = 4;

/// The name of the tensor that holds the words of a matrix.
pub fn words_name(matrix: &str) -> String {
    format!("{matrix}{WORDS_SUFFIX}")
}

/// The name of the tensor that holds the scale of a matrix.
pub fn scale_name(matrix: &str) -> String {
    format!("{matrix}{SCALE_SUFFIX}")
}
