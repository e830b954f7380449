//! A model that may be plain or compressed.

use crate::container::{Container, describes_itself};
use crate::cut::explain_cut;
use crate::error::ModelError;
use crate::floats::FloatDtype;
use crate::source::{Source, TensorInfo};
use std::path::Path;

/// A model on disk.
#[derive(Debug)]
pub enum Model {
    /// Plain safetensors.
    Plain(Source),
    /// A SeedLM container.
    Container(Container),
}

impl Model {
    /// Opens a file or a folder, plain or compressed.
    ///
    /// # Errors
    /// As [`Source::open`] and [`Container::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let source = Source::open(path).map_err(|error| explain_cut(path, error))?;
        if source.files().iter().any(describes_itself) {
            Container::from_source(source).map(Model::Container)
        } else {
            Ok(Model::Plain(source))
        }
    }

    /// The files it lies in.
    pub fn source(&self) -> &Source {
        match self {
            Model::Plain(source) => source,
            Model::Container(container) => container.source(),
        }
    }

    /// Whether the model has a tensor of that name: stored as it was, or compressed.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Model::Plain(source) => source.tensor(name).is_some(),
            Model::Container(container) => {
                container.matrices().iter().any(|matrix| matrix.name == name)
                    || container.kept().any(|tensor| tensor.name == name)
            }
        }
    }

    /// Shape and elements of a tensor that is stored as it was, not compressed; those of a container are checked against
    /// their checksum.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] when there is no such tensor, when it is not of F32, F16 or BF16, when an element is not a
    /// finite number, or a checksum is wrong.
    pub fn plain_tensor(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), ModelError> {
        let missing = || ModelError::tensor(self.source().path(), name, "is missing, and this model needs it");
        let (info, bytes): (&TensorInfo, &[u8]) = match self {
            Model::Plain(source) => {
                let info = source.tensor(name).ok_or_else(missing)?;
                (info, source.bytes(info)?)
            }
            Model::Container(container) => {
                let info = container.kept().find(|tensor| tensor.name == name);
                let is_compressed = container.matrices().iter().any(|matrix| matrix.name == name);
                let info = info.ok_or_else(|| match is_compressed {
                    true => {
                        let reason =
                            "is compressed, and has to be kept here; compress the model without --include for it";
                        ModelError::tensor(self.source().path(), name, reason)
                    }
                    false => missing(),
                })?;
                (info, container.kept_bytes(info)?)
            }
        };
        let refuse = |reason: String| ModelError::tensor(self.source().file_path(info.file), name, reason);
        let dtype = FloatDtype::of(info.dtype);
        let dtype = dtype.ok_or_else(|| refuse(format!("is of {}, and not of F32, F16 or BF16", info.dtype)))?;
        let values = dtype.read(bytes);
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok((info.shape.clone(), values)),
            Some(place) => Err(refuse(format!("element {place} is {}", values[place]))),
        }
    }
}
