//! Reads containers: a file, or a folder of them.

use super::{
    CompressedEntry, Crc32, DOCUMENT_KEY, Document, HEADER_CRC_KEY, check_header, scale_name, scale_tensor, words_name,
};
use crate::error::ModelError;
use crate::file::SafetensorsFile;
use crate::floats::FloatDtype;
use crate::source::{Source, TensorInfo};
use crate::stored::StoredMatrix;
use safetensors::Dtype;
use seedlm_codec::{Code, Rotation};
use std::collections::{BTreeMap, BTreeSet};
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
}

/// What is known of a compressed matrix without reading it.
#[derive(Clone, Debug, PartialEq)]
pub struct CompressedMatrix {
    /// Name.
    pub name: String,
    /// Number of the file it is in; see [`Source::file_path`].
    pub file: usize,
    /// Number of rows (outputs).
    pub rows: usize,
    /// Number of columns (inputs).
    pub columns: usize,
    /// Type of the weights in the source.
    pub source_dtype: FloatDtype,
    /// The code.
    pub code: Code,
    /// What was applied to each row before it was encoded, if anything.
    pub rotation: Option<Rotation>,
    /// Sum of `(w - w')^2`, measured when it was compressed.
    pub squared_error: f64,
    /// Sum of `w^2`.
    pub squared_norm: f64,
    words: TensorInfo,
    words_crc32: Crc32,
    scale: TensorInfo,
    scale_crc32: Crc32,
}

impl CompressedMatrix {
    /// Number of weights.
    pub fn weights(&self) -> u64 {
        self.rows as u64 * self.columns as u64
    }

    /// Bytes of words and scales.
    pub fn stored_bytes(&self) -> u64 {
        self.words.bytes() as u64 + self.scale.bytes() as u64
    }
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
        Container::from_source(Source::open(path)?)
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

    /// Labels of the codes that the matrices have, each once, in order.
    pub fn code_labels(&self) -> Vec<String> {
        let labels: BTreeSet<String> = self.matrices.iter().map(|matrix| matrix.code.label()).collect();
        labels.into_iter().collect()
    }

    /// How many matrices were rotated before they were encoded.
    pub fn rotated_matrices(&self) -> usize {
        self.matrices.iter().filter(|matrix| matrix.rotation.is_some()).count()
    }

    /// The tensors that are kept as they were: file by file, by name. [`Source::bytes`] reads them.
    pub fn kept(&self) -> impl Iterator<Item = &TensorInfo> {
        self.kept.iter().map(|(info, _)| info)
    }

    /// Reads a compressed matrix and checks all of it, checksums included.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] when a checksum, a scale or a word is wrong.
    pub fn matrix(&self, info: &CompressedMatrix) -> Result<StoredMatrix, ModelError> {
        let path = self.source.file_path(info.file);
        let words = self.intact(&info.words, info.words_crc32)?;
        let scales = self.intact(&info.scale, info.scale_crc32)?;
        StoredMatrix::read(&info.code, [info.rows, info.columns], info.rotation, words, scales)
            .map_err(ModelError::codec(path, &info.name))
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
        let computed = Crc32::of(bytes);
        if computed == expected {
            return Ok(bytes);
        }
        Err(ModelError::tensor(
            self.source.file_path(info.file),
            &info.name,
            format!(
                "damaged: its checksum is {computed} and should be {expected}; \
                 restore the file from a copy, or compress the model again"
            ),
        ))
    }
}

/// Accounts for each tensor of a file exactly once.
#[expect(clippy::type_complexity)]
fn account<'a>(
    path: &Path,
    file: usize,
    document: &Document,
    tensors: impl Iterator<Item = &'a TensorInfo>,
) -> Result<(Vec<CompressedMatrix>, Vec<(TensorInfo, Crc32)>), ModelError> {
    let mut unclaimed: BTreeMap<&str, &TensorInfo> = tensors.map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let present: BTreeSet<&str> = unclaimed.keys().copied().collect();
    let mut claim = |name: &str| {
        unclaimed.remove(name).cloned().ok_or_else(|| {
            let reason = if present.contains(name) {
                "its description names it twice"
            } else {
                "its description names it, and the file does not have it"
            };
            ModelError::tensor(path, name, reason)
        })
    };
    let mut matrices = Vec::with_capacity(document.compressed.len());
    for (name, entry) in &document.compressed {
        let words = claim(&words_name(name))?;
        let scale = claim(&scale_name(name))?;
        let code = check_entry(path, name, entry, document, &words, &scale)?;
        matrices.push(CompressedMatrix {
            name: name.clone(),
            file,
            rows: entry.shape[0],
            columns: entry.shape[1],
            source_dtype: entry.source_dtype,
            code: code.clone(),
            rotation: entry.rotation(),
            squared_error: entry.squared_error,
            squared_norm: entry.squared_norm,
            words,
            words_crc32: entry.words_crc32,
            scale,
            scale_crc32: entry.scale_crc32,
        });
    }
    let mut kept = Vec::with_capacity(document.kept.len());
    for (name, entry) in &document.kept {
        if document.compressed.contains_key(name) {
            return Err(ModelError::tensor(
                path,
                name,
                "its description calls it both compressed and kept",
            ));
        }
        kept.push((claim(name)?, entry.crc32));
    }
    if let Some(name) = unclaimed.keys().next() {
        return Err(ModelError::tensor(path, name, "its description does not name it"));
    }
    Ok((matrices, kept))
}

/// Checks what can be checked of a compressed matrix without reading it.
fn check_entry<'a>(
    path: &Path,
    name: &str,
    entry: &CompressedEntry,
    document: &'a Document,
    words: &TensorInfo,
    scale: &TensorInfo,
) -> Result<&'a Code, ModelError> {
    let refuse = |reason: String| Err(ModelError::tensor(path, name, reason));
    let Some(code) = document.codes.get(&entry.code) else {
        return refuse(format!("its code {:?} is not described", entry.code));
    };
    let [rows, columns] = entry.shape;
    if rows == 0 || columns == 0 {
        return refuse(format!(
            "its shape {rows} x {columns} is empty, and empty matrices are not compressed"
        ));
    }
    if rows
        .checked_mul(columns)
        .and_then(|weights| weights.checked_mul(size_of::<f64>()))
        .is_none()
    {
        return refuse(format!("its shape {rows} x {columns} is too large to address"));
    }
    let expected = code.word_bytes(rows, columns);
    if words.dtype != Dtype::U8 || words.shape.len() != 1 || Some(words.bytes()) != expected {
        return refuse(format!(
            "its words are {} {:?}, and {rows} x {columns} weights in {} need U8 [{}]",
            words.dtype,
            words.shape,
            code.label(),
            expected.map_or("?".into(), |bytes| bytes.to_string())
        ));
    }
    let (dtype, shape) = scale_tensor(code, rows);
    if scale.dtype != dtype || scale.shape != shape {
        return refuse(format!(
            "its scale is {} {:?}, and must be {dtype} {shape:?}",
            scale.dtype, scale.shape
        ));
    }
    for (what, value) in [
        ("squared_error", entry.squared_error),
        ("squared_norm", entry.squared_norm),
    ] {
        if !(value.is_finite() && value >= 0.0) {
            return refuse(format!("its {what} is {value}"));
        }
    }
    Ok(code)
}
