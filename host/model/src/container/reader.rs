//! Reads containers: a file, or a folder of them.

use super::account::account;
use super::matrix::CompressedMatrix;
use super::{Crc32, DOCUMENT_KEY, Document, HEADER_CRC_KEY, check_header};
use crate::cut::explain_cut;
use crate::error::ModelError;
use crate::file::SafetensorsFile;
use crate::source::{Source, TensorInfo};
use crate::stored::{StoredMatrix, read_layer};
use std::collections::BTreeSet;
use std::path::Path;

/// A compressed model.
///
/// ```no_run
/// use seedlm_model::Container;
/// let container = Container::open("model.seedlm.safetensors")?;
/// for info in container.matrices() {
///     let matrix = container.matrix(info)?;
///     println!("{}: the first weight is {}", info.name, matrix.values(0..1)[0]);
/// }
/// # Ok::<(), seedlm_model::ModelError>(())
/// ```
#[derive(Debug)]
pub struct Container {
    source: Source,
    documents: Vec<Document>,
    matrices: Vec<CompressedMatrix>,
    kept: Vec<(TensorInfo, Crc32)>,
    /// Whether checksums of tensors are left aside.
    is_unchecked: bool,
}

/// True if the file's metadata claim that it is a container.
pub(crate) fn describes_itself(file: &SafetensorsFile) -> bool {
    let metadata = &file.header().metadata;
    metadata.contains_key(DOCUMENT_KEY) || metadata.contains_key(HEADER_CRC_KEY)
}

impl Container {
    /// Opens a container file, or a folder of them, and checks headers and descriptions. No tensor is read.
    ///
    /// # Errors
    /// As [`Source::open`], and [`ModelError::NotAContainer`], [`ModelError::Version`], [`ModelError::Container`] or
    /// [`ModelError::Damaged`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let source = Source::open(path).map_err(|error| explain_cut(path, error))?;
        Container::from_source(source)
    }

    /// Opens the start of a container file: each matrix has the layers that are whole in it. [`crate::prefix`] says where that
    /// ends.
    ///
    /// # Errors
    /// As [`Container::open`]; [`ModelError::Truncated`] when the base of a matrix or a kept tensor is not there.
    pub fn open_cut(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let mut container = Container::from_source(Source::open_cut(path.as_ref())?)?;
        let file = &container.source.files()[0];
        let (path, end) = (file.path().to_path_buf(), file.bytes().len());
        let needed = container.prefix_bytes(1)[0];
        if needed > end as u64 {
            return Err(ModelError::Truncated {
                path,
                expected_bytes: needed,
                actual_bytes: end as u64,
            });
        }
        for matrix in &mut container.matrices {
            let whole = matrix.layers_within(end as u64);
            matrix.layers.truncate(whole);
        }
        Ok(container)
    }

    /// The container in an open source.
    ///
    /// # Errors
    /// As [`Container::open`].
    pub fn from_source(source: Source) -> Result<Self, ModelError> {
        let mut container = Container {
            documents: Vec::new(),
            matrices: Vec::new(),
            kept: Vec::new(),
            is_unchecked: false,
            source,
        };
        for (number, file) in container.source.files().iter().enumerate() {
            let metadata = &file.header().metadata;
            let Some(text) = metadata.get(DOCUMENT_KEY) else {
                return Err(ModelError::NotAContainer {
                    path: file.path().to_path_buf(),
                });
            };
            check_header(file.path(), &file.bytes()[..file.header().data_start])?;
            let document = Document::parse(file.path(), text)?;
            let tensors = container.source.tensors().iter().filter(|tensor| tensor.file == number);
            let (matrices, kept) = account(file.path(), number, &document, tensors)?;
            container.matrices.extend(matrices);
            container.kept.extend(kept);
            container.documents.push(document);
        }
        Ok(container)
    }

    /// The files it lies in.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What each file says of itself.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// The compressed matrices: file by file, by name.
    pub fn matrices(&self) -> &[CompressedMatrix] {
        &self.matrices
    }

    /// Labels of the codes that the matrices have, each once, in order; those of a matrix with layers as one.
    pub fn code_labels(&self) -> Vec<String> {
        let labels: BTreeSet<String> = self.matrices.iter().map(CompressedMatrix::code_label).collect();
        labels.into_iter().collect()
    }

    /// Layers of the matrix that has most.
    pub fn most_layers(&self) -> usize {
        self.matrices
            .iter()
            .map(|matrix| matrix.layers.len())
            .max()
            .unwrap_or(0)
    }

    /// Forgets all layers after the first `layers`, which must be at least one. What is left decodes to the sum of those.
    pub fn keep_layers(&mut self, layers: usize) {
        for matrix in &mut self.matrices {
            *matrix = matrix.first_layers(layers);
        }
    }

    /// Of each file the bytes from its start that hold its header, its kept tensors and the first `layers` of every matrix.
    pub fn prefix_bytes(&self, layers: usize) -> Vec<u64> {
        let files = self.source.files().iter().enumerate();
        let ends = files.map(|(number, file)| {
            let kept = self.kept().filter(|info| info.file == number).map(|info| info.data.end);
            let matrices = self.matrices.iter().filter(|matrix| matrix.file == number);
            let held = matrices.flat_map(|matrix| matrix.layers.iter().take(layers));
            let held = held.flat_map(|layer| [layer.words.data.end, layer.scale.data.end]);
            kept.chain(held).fold(file.header().data_start, usize::max) as u64
        });
        ends.collect()
    }

    /// How many matrices were rotated before they were encoded.
    pub fn rotated_matrices(&self) -> usize {
        self.matrices.iter().filter(|matrix| matrix.rotation.is_some()).count()
    }

    /// The tensors that are kept as they were: file by file, by name. [`Source::bytes`] reads them.
    pub fn kept(&self) -> impl Iterator<Item = &TensorInfo> {
        self.kept.iter().map(|(info, _)| info)
    }

    /// Takes words, scales and kept tensors as they are from here on, whatever their checksums say: what is left of a damaged file can
    /// be decoded with some wrong values. Headers have been checked already; scales and words that mean nothing are still errors.
    pub fn without_checksums(mut self) -> Self {
        self.is_unchecked = true;
        self
    }

    /// Reads a compressed matrix and checks all of it, checksums included, unless [`Container::without_checksums`].
    ///
    /// # Errors
    /// [`ModelError::Tensor`] when a checksum, a scale or a word is wrong.
    pub fn matrix(&self, info: &CompressedMatrix) -> Result<StoredMatrix, ModelError> {
        let path = self.source.file_path(info.file);
        let groups = info.groups_per_row();
        let coded = [info.rows * groups, info.columns / groups];
        let layers = info.layers.iter().enumerate().map(|(number, layer)| {
            let words = self.intact(&layer.words, layer.words_crc32)?;
            let scales = self.intact(&layer.scale, layer.scale_crc32)?;
            read_layer(&layer.code, coded, words, scales).map_err(|error| {
                let reason = match info.layers.len() {
                    1 => error.to_string(),
                    _ => format!("layer {}: {error}", number + 1),
                };
                ModelError::tensor(path, &info.name, reason)
            })
        });
        let layers = layers.collect::<Result<_, _>>()?;
        Ok(StoredMatrix::new(layers, info.rotation, groups))
    }

    pub(crate) fn kept_with_checksums(&self) -> impl Iterator<Item = &(TensorInfo, Crc32)> {
        self.kept.iter()
    }

    /// The bytes of a kept tensor, with its checksum checked.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] when the checksum is wrong, or the container keeps no such tensor.
    pub fn kept_bytes(&self, info: &TensorInfo) -> Result<&[u8], ModelError> {
        let known = self.kept.iter().find(|(kept, _)| kept == info);
        let (_, crc) = known.ok_or_else(|| {
            ModelError::tensor(
                self.source.file_path(info.file),
                &info.name,
                "is not kept in this container",
            )
        })?;
        self.intact(info, *crc)
    }

    fn intact(&self, info: &TensorInfo, expected: Crc32) -> Result<&[u8], ModelError> {
        let bytes = self.source.bytes(info)?;
        if self.is_unchecked {
            return Ok(bytes);
        }
        let computed = Crc32::of(bytes);
        if computed == expected {
            return Ok(bytes);
        }
        Err(ModelError::tensor(
            self.source.file_path(info.file),
            &info.name,
            format!(
                "damaged: its checksum is {computed} and should be {expected} (bytes {} to {} of the file); \
                 restore the file from a copy, or compress the model again",
                info.data.start, info.data.end
            ),
        ))
    }
}
