//! The JSON description of a container.

use super::{CONTAINER_VERSION, Crc32};
use crate::error::ModelError;
use crate::floats::FloatDtype;
use crate::unique_map::unique;
use seedlm_codec::BlockCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// What a container says of itself. Maps are ordered, so the same content is the same text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Version of the container format.
    pub version: u64,
    /// Program and version that wrote it.
    pub generator: String,
    /// The codes, by label.
    #[serde(deserialize_with = "unique")]
    pub codes: BTreeMap<String, BlockCode>,
    /// The compressed matrices, by name.
    #[serde(deserialize_with = "unique")]
    pub compressed: BTreeMap<String, CompressedEntry>,
    /// All other tensors, by name.
    #[serde(deserialize_with = "unique")]
    pub kept: BTreeMap<String, KeptEntry>,
}

/// A compressed matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompressedEntry {
    /// Rows (outputs) and columns (inputs); neither is zero.
    pub shape: [usize; 2],
    /// Type of the weights in the source.
    pub source_dtype: FloatDtype,
    /// Label of its code.
    pub code: String,
    /// Checksum of the words' bytes.
    pub words_crc32: Crc32,
    /// Checksum of the scale's bytes.
    pub scale_crc32: Crc32,
    /// Sum of `(w - w')^2`, measured when it was compressed.
    pub squared_error: f64,
    /// Sum of `w^2`.
    pub squared_norm: f64,
}

/// A tensor that is kept as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptEntry {
    /// Checksum of its bytes.
    pub crc32: Crc32,
}

/// The version alone, so that a later document is told from a wrong one.
#[derive(Deserialize)]
struct Version {
    version: u64,
}

impl Document {
    /// A description without tensors, of this program's version.
    pub(crate) fn empty() -> Self {
        Document {
            version: CONTAINER_VERSION,
            generator: concat!("seedlm ", env!("CARGO_PKG_VERSION")).into(),
            codes: BTreeMap::new(),
            compressed: BTreeMap::new(),
            kept: BTreeMap::new(),
        }
    }

    /// Reads a description.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, ModelError> {
        let refuse = |error: serde_json::Error| ModelError::Container {
            path: path.to_path_buf(),
            reason: format!("its description is wrong: {error}"),
        };
        let Version { version } = serde_json::from_str(text).map_err(refuse)?;
        if version != CONTAINER_VERSION {
            return Err(ModelError::Version {
                path: path.to_path_buf(),
                found: version,
                known: CONTAINER_VERSION,
            });
        }
        serde_json::from_str(text).map_err(refuse)
    }
}
