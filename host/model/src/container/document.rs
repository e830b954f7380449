//! The JSON description of a container.

use super::stored_code::{StoredCode, present};
use super::{CONTAINER_VERSION, Crc32, FIRST_CONTAINER_VERSION, SECOND_CONTAINER_VERSION, THIRD_CONTAINER_VERSION};
use crate::error::ModelError;
use crate::floats::FloatDtype;
use crate::unique_map::unique;
use seedlm_codec::{Code, MOST_LAYERS, Rotation};
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
    /// Sizes of the tensor's dimensions in the source, where they are said; see [`CompressedEntry::source_shape`]. Version 3
    /// and later ones always say them, earlier ones never.
    #[serde(
        rename = "source_shape",
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) stated_source_shape: Option<Vec<usize>>,
    /// Label of its code; of the base, where it has layers.
    pub code: String,
    /// Its rotation, where it is said; see [`CompressedEntry::rotation`]. Version 1 never says it, all others always.
    #[serde(
        rename = "rotation",
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) stated_rotation: Option<Option<Rotation>>,
    /// Its scale groups, where they are said; see [`CompressedEntry::scale_group`]. Only version 4 says them, and always.
    #[serde(
        rename = "scale_group",
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) stated_scale_group: Option<Option<usize>>,
    /// Checksum of the words' bytes.
    pub words_crc32: Crc32,
    /// Checksum of the bytes of the scale or scales.
    pub scale_crc32: Crc32,
    /// Sum of `(w - w')^2`, measured when it was compressed; of the base alone, where it has layers.
    pub squared_error: f64,
    /// Sum of `w^2`.
    pub squared_norm: f64,
    /// The layers after the base, where they are said; see [`CompressedEntry::layers`]. Version 3 and later ones always
    /// say them, earlier ones never.
    #[serde(
        rename = "layers",
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) stated_layers: Option<Vec<LayerEntry>>,
}

/// A layer of a compressed matrix after its base.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerEntry {
    /// Label of its code.
    pub code: String,
    /// Checksum of the words' bytes.
    pub words_crc32: Crc32,
    /// Checksum of the bytes of the scale or scales.
    pub scale_crc32: Crc32,
    /// Sum of `(w - w')^2`, `w'` being the sum of the layers up to this one, measured when the matrix was compressed.
    pub squared_error: f64,
}

impl CompressedEntry {
    /// A matrix of these layers, the base first; none where there is no layer. What its version does not say is left out when the
    /// document is written.
    pub(crate) fn of_layers(
        (shape, source_shape): ([usize; 2], &[usize]),
        source_dtype: FloatDtype,
        rotation: Option<Rotation>,
        squared_norm: f64,
        layers: impl IntoIterator<Item = LayerEntry>,
    ) -> Option<Self> {
        let mut layers = layers.into_iter();
        let base = layers.next()?;
        Some(CompressedEntry {
            shape,
            source_dtype,
            stated_source_shape: Some(source_shape.to_vec()),
            code: base.code,
            stated_rotation: Some(rotation),
            stated_scale_group: None,
            words_crc32: base.words_crc32,
            scale_crc32: base.scale_crc32,
            squared_error: base.squared_error,
            squared_norm,
            stated_layers: Some(layers.collect()),
        })
    }

    /// The same with scale groups of so many columns. One of the whole row is none.
    pub(crate) fn with_scale_group(mut self, columns: Option<usize>) -> Self {
        self.stated_scale_group = Some(columns.filter(|&columns| columns != self.shape[1]));
        self
    }

    /// All layers, the base first.
    pub(crate) fn all_layers(&self) -> impl Iterator<Item = LayerEntry> {
        let base = LayerEntry {
            code: self.code.clone(),
            words_crc32: self.words_crc32,
            scale_crc32: self.scale_crc32,
            squared_error: self.squared_error,
        };
        std::iter::once(base).chain(self.layers().iter().cloned())
    }

    /// The layers after the base.
    pub fn layers(&self) -> &[LayerEntry] {
        self.stated_layers.as_deref().unwrap_or_default()
    }

    /// Sizes of the tensor's dimensions in the source: what the rows and columns were made of.
    pub fn source_shape(&self) -> &[usize] {
        self.stated_source_shape.as_deref().unwrap_or(&self.shape)
    }

    /// Whether there is something of it that version 2 cannot say, and version 3 can.
    fn needs_version_3(&self) -> bool {
        !self.layers().is_empty() || self.source_shape() != self.shape
    }

    /// What was applied to each row before it was encoded, if anything.
    pub fn rotation(&self) -> Option<Rotation> {
        self.stated_rotation.flatten()
    }

    /// The columns that share a scale, where that is said to be other than the whole row; in all layers the same.
    pub fn scale_group(&self) -> Option<usize> {
        self.stated_scale_group.flatten()
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
        self.version = if self.compressed.values().any(|entry| entry.scale_group().is_some()) {
            CONTAINER_VERSION
        } else if self.compressed.values().any(CompressedEntry::needs_version_3) {
            THIRD_CONTAINER_VERSION
        } else if is_first {
            FIRST_CONTAINER_VERSION
        } else {
            SECOND_CONTAINER_VERSION
        };
        for entry in self.compressed.values_mut() {
            let has = |version: u64| self.version >= version;
            entry.stated_rotation = has(SECOND_CONTAINER_VERSION).then_some(entry.rotation());
            entry.stated_source_shape = has(THIRD_CONTAINER_VERSION).then(|| entry.source_shape().to_vec());
            entry.stated_layers = has(THIRD_CONTAINER_VERSION).then(|| entry.layers().to_vec());
            entry.stated_scale_group = has(CONTAINER_VERSION).then(|| entry.scale_group());
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
        let has_rotation = self.version >= SECOND_CONTAINER_VERSION;
        let has_layers = self.version >= THIRD_CONTAINER_VERSION;
        let has_groups = self.version >= CONTAINER_VERSION;
        for (name, entry) in &self.compressed {
            let refuse = |reason: String| {
                let reason = format!("its description {reason}, in a container of version {}", self.version);
                Err(ModelError::tensor(path, name, reason))
            };
            let stated = [
                ("rotation", entry.stated_rotation.is_some(), has_rotation),
                ("scale_group", entry.stated_scale_group.is_some(), has_groups),
                ("source_shape", entry.stated_source_shape.is_some(), has_layers),
                ("layers", entry.stated_layers.is_some(), has_layers),
            ];
            for (key, is_stated, is_known) in stated {
                match (is_stated, is_known) {
                    (false, true) => return refuse(format!("says nothing of its {key}")),
                    (true, false) => return refuse(format!("has the key {key:?}")),
                    _ => {}
                }
            }
            if entry.layers().len() >= MOST_LAYERS {
                return refuse(format!("has {} layers after its base", entry.layers().len()));
            }
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
