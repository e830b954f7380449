//! The SeedLM container: a safetensors file in which each compressed matrix `NAME` is two tensors, `NAME.seedlm_words` (U8)
//! and `NAME.seedlm_scale` (the block code: F32, one element; the chained code: BF16, one per row or scale group), described by
//! one JSON text in the metadata. Further layers of a matrix are two more tensors each, `NAME.seedlm_words_2` and `NAME.seedlm_scale_2` and
//! so on. `docs/format.md` is the text of this module.

mod account;
mod checksum;
mod document;
mod matrix;
mod reader;
mod stored_code;
mod writer;

use safetensors::Dtype;
use seedlm_codec::Code;

pub(crate) use checksum::check_header;
pub use document::{CompressedEntry, Document, KeptEntry, LayerEntry};
pub use matrix::{CompressedMatrix, MatrixLayer};
pub use reader::Container;
pub(crate) use reader::describes_itself;
pub use seedlm_codec::Crc32;
pub(crate) use writer::{ContainerFile, Content, NewLayer};

/// The first version of the container format: block codes, and no rotation. It is written where it suffices.
pub const FIRST_CONTAINER_VERSION: u64 = 1;
/// The version that adds chained codes and rotation.
const SECOND_CONTAINER_VERSION: u64 = 2;
/// The version that adds layers, and tensors of other than two dimensions.
const THIRD_CONTAINER_VERSION: u64 = 3;
/// The newest version of the container format that this crate writes and reads: scale groups.
pub const CONTAINER_VERSION: u64 = 4;
/// Metadata key of the description.
pub(crate) const DOCUMENT_KEY: &str = "seedlm";
/// Metadata key of the header's checksum.
pub(crate) const HEADER_CRC_KEY: &str = "seedlm_header_crc32";
/// Ends the name of a tensor of words.
const WORDS_SUFFIX: &str = ".seedlm_words";
/// Ends the name of a tensor of scales.
const SCALE_SUFFIX: &str = ".seedlm_scale";
/// The name of the tensor that holds the words of a layer of a matrix; the base is layer 1.
pub fn words_name(matrix: &str, layer: usize) -> String {
    numbered(matrix, WORDS_SUFFIX, layer)
}

/// The name of the tensor that holds the scale of a layer of a matrix, or the scales of its rows.
pub fn scale_name(matrix: &str, layer: usize) -> String {
    numbered(matrix, SCALE_SUFFIX, layer)
}

/// The base has no number: so a matrix of one layer is called the same in all versions.
fn numbered(matrix: &str, suffix: &str, layer: usize) -> String {
    match layer {
        1 => format!("{matrix}{suffix}"),
        layer => format!("{matrix}{suffix}_{layer}"),
    }
}

/// Type and shape of the tensor of scales of a matrix with that many coded rows.
fn scale_tensor(code: &Code, rows: usize) -> (Dtype, Vec<usize>) {
    match code {
        Code::Block(_) => (Dtype::F32, vec![1]),
        Code::Chained(_) => (Dtype::BF16, vec![rows]),
    }
}
