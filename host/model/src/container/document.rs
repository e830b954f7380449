//! The JSON description of a container.

use super::stored_code::{StoredCode, present};
use super::{CONTAINER_VERSION, Crc32, FIRST_CONTAINER_VERSION};
use crate::error::ModelError;
use crate::floats::FloatDtype;
use crate::unique_map::unique;
use seedlm_codec::{Code, Rotation};
use serde::{Deserialize, Deserializer, Serialize};
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
    #[serde(deserialize_with = "codes")]
    pub codes: BTreeMap<String, Code>,
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
    /// Its rotation, where it is said; see [`CompressedEntry::rotation`]. Version 1 never says it, version 2 always.
    #[serde(
        rename = "rotation",
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) stated_rotation: Option<Option<Rotation>>,
    /// Checksum of the words' bytes.
    pub words_crc32: Crc32,
    /// Checksum of the bytes of the scale or scales.
    pub scale_crc32: Crc32,
    /// Sum of `(w - w')^2`, measured when it was compressed.
    pub squared_error: f64,
    /// Sum of `w^2`.
    pub squared_norm: f64,
}

impl CompressedEntry {
    /// What was applied to each row before it was encoded, if anything.
    pub fn rotation(&self) -> Option<Rotation> {
        self.stated_rotation.flatten()
    }
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
    /// A description without tensors, by this program.
    pub(crate) fn empty() -> Self {
        Document {
            version: FIRST_CONTAINER_VERSION,
            generator: concat!("seedlm ", env!("CARGO_PKG_VERSION")).into(),
            codes: BTreeMap::new(),
            compressed: BTreeMap::new(),
            kept: BTreeMap::new(),
        }
    }

    /// Gives it the first version that can say what is in it.
    pub(crate) fn choose_version(&mut self) {
        let is_first = self.codes.values().all(|code| matches!(code, Code::Block(_)))
            && self.compressed.values().all(|entry| entry.rotation().is_none());
        self.version = if is_first {
            FIRST_CONTAINER_VERSION
        } else {
            CONTAINER_VERSION
        };
        for entry in self.compressed.values_mut() {
            entry.stated_rotation = (!is_first).then_some(entry.rotation());
        }
    }

    /// Reads a description.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, ModelError> {
        let refuse = |error: serde_json::Error| ModelError::Container {
            path: path.to_path_buf(),
            reason: format!("its description is wrong: {error}"),
        };
        let Version { version } = serde_json::from_str(text).map_err(refuse)?;
        if !(FIRST_CONTAINER_VERSION..=CONTAINER_VERSION).contains(&version) {
            return Err(ModelError::Version {
                path: path.to_path_buf(),
                found: version,
                known: CONTAINER_VERSION,
            });
        }
        let document: Document = serde_json::from_str(text).map_err(refuse)?;
        document.check_version(path)?;
        Ok(document)
    }

    /// Checks that it says what its version says, neither more nor less.
    fn check_version(&self, path: &Path) -> Result<(), ModelError> {
        let has_rotation = self.version > FIRST_CONTAINER_VERSION;
        for (name, entry) in &self.compressed {
            let reason = match entry.stated_rotation {
                None if has_rotation => "says nothing of its rotation",
                Some(_) if !has_rotation => "has the key \"rotation\"",
                _ => continue,
            };
            let reason = format!("its description {reason}, in a container of version {}", self.version);
            return Err(ModelError::tensor(path, name, reason));
        }
        let chained = self.codes.iter().find(|(_, code)| matches!(code, Code::Chained(_)));
        if let Some((label, _)) = chained.filter(|_| !has_rotation) {
            return Err(ModelError::Container {
                path: path.to_path_buf(),
                reason: format!(
                    "its code {label:?} is a chained code, and there is none in a container of version {}",
                    self.version
                ),
            });
        }
        Ok(())
    }
}

fn codes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Code>, D::Error> {
    let stored: BTreeMap<String, StoredCode> = unique(deserializer)?;
    Ok(stored
        .into_iter()
        .map(|(label, StoredCode(code))| (label, code))
        .collect())
}
