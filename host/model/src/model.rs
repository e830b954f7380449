//! A model that may be plain or compressed.

use crate::container::{Container, describes_itself};
use crate::error::ModelError;
use crate::source::Source;
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
        let source = Source::open(path)?;
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
}
