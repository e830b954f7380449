//! Reads containers: a file, or a folder of them.

use super::{
    CompressedEntry, Content, Crc32, DOCUMENT_KEY, Document, HEADER_CRC_KEY, LayerEntry, NewLayer, check_header,
    scale_name, scale_tensor, words_name,
};
use crate::cut::explain_cut;
use crate::encoding::layers_label;
use crate::error::ModelError;
use crate::file::SafetensorsFile;
use crate::floats::FloatDtype;
use crate::source::{Source, TensorInfo};
use crate::stored::{StoredMatrix, read_layer};
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
    /// Sizes of the tensor's dimensions in the source.
    pub source_shape: Vec<usize>,
    /// What was applied to each row before it was encoded, if anything.
    pub rotation: Option<Rotation>,
    /// Sum of `w^2`.
    pub squared_norm: f64,
    /// The layers, the base first; at least one.
    pub layers: Vec<MatrixLayer>,
}

/// What is known of a layer of a compressed matrix without reading it.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixLayer {
    /// The code.
    pub code: Code,
    /// Sum of `(w - w')^2`, `w'` being the sum of the layers up to this one, measured when the matrix was compressed.
    pub squared_error: f64,
    words: TensorInfo,
    words_crc32: Crc32,
    scale: TensorInfo,
    scale_crc32: Crc32,
}

impl MatrixLayer {
    /// Where it ends in its file, in bytes.
    pub(crate) fn end(&self) -> u64 {
        self.words.data.end.max(self.scale.data.end) as u64
    }

    /// Bytes of words and scales.
    pub fn stored_bytes(&self) -> u64 {
        self.words.bytes() as u64 + self.scale.bytes() as u64
    }
}

impl CompressedMatrix {
    /// Number of weights.
    pub fn weights(&self) -> u64 {
        self.rows as u64 * self.columns as u64
    }

    /// Bytes of words and scales.
    pub fn stored_bytes(&self) -> u64 {
        self.layers.iter().map(MatrixLayer::stored_bytes).sum()
    }

    /// The matrix with its first `layers`, at least one.
    pub(crate) fn first_layers(&self, layers: usize) -> Self {
        let mut matrix = self.clone();
        matrix.layers.truncate(layers.max(1));
        matrix
    }

    /// The matrix with its first so many layers as a container describes it; none where there are none.
    pub(crate) fn entry(&self, layers: usize) -> Option<CompressedEntry> {
        let layers = self.layers[..layers].iter().map(|layer| LayerEntry {
            code: layer.code.label(),
            words_crc32: layer.words_crc32,
            scale_crc32: layer.scale_crc32,
            squared_error: layer.squared_error,
        });
        let shapes = ([self.rows, self.columns], &self.source_shape[..]);
        CompressedEntry::of_layers(shapes, self.source_dtype, self.rotation, self.squared_norm, layers)
    }

    /// How many of its layers end within so many bytes from the start of its file.
    pub(crate) fn layers_within(&self, bytes: u64) -> usize {
        self.layers.iter().take_while(|layer| layer.end() <= bytes).count()
    }

    /// Its first so many layers, to be copied into another file.
    pub(crate) fn copied_layers(&self, layers: usize) -> impl Iterator<Item = NewLayer<'_>> {
        self.layers[..layers].iter().map(|layer| NewLayer {
            code: &layer.code,
            words_bytes: layer.words.bytes(),
            words: Content::Kept(layer.words.clone(), layer.words_crc32),
            scale: Content::Kept(layer.scale.clone(), layer.scale_crc32),
        })
    }

    /// The codes of its layers, the base first.
    pub fn codes(&self) -> impl Iterator<Item = &Code> {
        self.layers.iter().map(|layer| &layer.code)
    }

    /// Its code, if it has one layer.
    pub fn only_code(&self) -> Option<&Code> {
        match &self.layers[..] {
            [layer] => Some(&layer.code),
            _ => None,
        }
    }

    /// The labels of its codes, as `chained-2b + chained-2b`.
    pub fn code_label(&self) -> String {
        layers_label(self.codes())
    }

    /// Sum of `(w - w')^2` with all its layers, measured when it was compressed.
    pub fn squared_error(&self) -> f64 {
        self.layers.last().map_or(0.0, |layer| layer.squared_error)
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

    /// Reads a compressed matrix and checks all of it, checksums included.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] when a checksum, a scale or a word is wrong.
    pub fn matrix(&self, info: &CompressedMatrix) -> Result<StoredMatrix, ModelError> {
        let path = self.source.file_path(info.file);
        let layers = info.layers.iter().enumerate().map(|(number, layer)| {
            let words = self.intact(&layer.words, layer.words_crc32)?;
            let scales = self.intact(&layer.scale, layer.scale_crc32)?;
            read_layer(&layer.code, [info.rows, info.columns], words, scales).map_err(|error| {
                let reason = match info.layers.len() {
                    1 => error.to_string(),
                    _ => format!("layer {}: {error}", number + 1),
                };
                ModelError::tensor(path, &info.name, reason)
            })
        });
        Ok(StoredMatrix::new(layers.collect::<Result<_, _>>()?, info.rotation))
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
        let [rows, columns] = check_shape(path, name, entry)?;
        let layers = entry.all_layers().enumerate().map(|(number, stated)| {
            let words = claim(&words_name(name, number + 1))?;
            let scale = claim(&scale_name(name, number + 1))?;
            let code = document.codes.get(&stated.code).cloned();
            let layer = MatrixLayer {
                code: code.ok_or_else(|| {
                    ModelError::tensor(path, name, format!("its code {:?} is not described", stated.code))
                })?,
                squared_error: stated.squared_error,
                words,
                words_crc32: stated.words_crc32,
                scale,
                scale_crc32: stated.scale_crc32,
            };
            check_layer(path, name, number + 1, [rows, columns], &layer)?;
            Ok(layer)
        });
        matrices.push(CompressedMatrix {
            name: name.clone(),
            file,
            rows,
            columns,
            source_dtype: entry.source_dtype,
            source_shape: entry.source_shape().to_vec(),
            rotation: entry.rotation(),
            squared_norm: entry.squared_norm,
            layers: layers.collect::<Result<_, ModelError>>()?,
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
    check_sections(path, &matrices, kept.iter().map(|(info, _)| info))?;
    if let Some(name) = unclaimed.keys().next() {
        return Err(ModelError::tensor(path, name, "its description does not name it"));
    }
    Ok((matrices, kept))
}

/// Checks what the description says of a matrix as a whole, and returns its rows and columns.
fn check_shape(path: &Path, name: &str, entry: &CompressedEntry) -> Result<[usize; 2], ModelError> {
    let refuse = |reason: String| Err(ModelError::tensor(path, name, reason));
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
    if !splits_into(entry.source_shape(), entry.shape) {
        return refuse(format!(
            "its source_shape {:?} is not {rows} rows of {columns} weights",
            entry.source_shape()
        ));
    }
    check_sum(path, name, "squared_norm", entry.squared_norm)?;
    Ok([rows, columns])
}

/// Whether the first dimensions of a shape, at least one, are the rows, and the others the columns.
fn splits_into(shape: &[usize], [rows, columns]: [usize; 2]) -> bool {
    // Neither is zero, and the caller has found that their product can be addressed: so no dimension is zero, and those after the rows
    // are the columns if all together are both.
    let mut product = 1_usize;
    let mut has_rows = false;
    for &size in shape {
        match product.checked_mul(size) {
            Some(next) if next > 0 => product = next,
            _ => return false,
        }
        has_rows |= product == rows;
    }
    has_rows && product == rows * columns
}

fn check_sum(path: &Path, name: &str, what: &str, value: f64) -> Result<(), ModelError> {
    match value.is_finite() && value >= 0.0 {
        true => Ok(()),
        false => Err(ModelError::tensor(path, name, format!("its {what} is {value}"))),
    }
}

/// Checks what can be checked of a layer without reading it.
fn check_layer(
    path: &Path,
    name: &str,
    number: usize,
    [rows, columns]: [usize; 2],
    layer: &MatrixLayer,
) -> Result<(), ModelError> {
    let refuse = |reason: String| {
        let reason = match number {
            1 => reason,
            number => format!("layer {number}: {reason}"),
        };
        Err(ModelError::tensor(path, name, reason))
    };
    let (code, words, scale) = (&layer.code, &layer.words, &layer.scale);
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
    check_sum(path, name, "squared_error", layer.squared_error)
}

/// Checks that a layer lies behind all layers with lower numbers, whichever matrix they are of, and behind the kept tensors: so
/// that a reader who stops early has whole layers.
fn check_sections<'a>(
    path: &Path,
    matrices: &[CompressedMatrix],
    kept: impl Iterator<Item = &'a TensorInfo>,
) -> Result<(), ModelError> {
    let most = matrices.iter().map(|matrix| matrix.layers.len()).max().unwrap_or(0);
    let mut end = kept.map(|info| info.data.end).max().unwrap_or(0);
    for number in 0..most {
        let of_section = matrices.iter().filter_map(|matrix| matrix.layers.get(number));
        let tensors = of_section.flat_map(|layer| [&layer.words, &layer.scale]);
        if number > 0
            && let Some(tensor) = tensors.clone().find(|tensor| tensor.data.start < end)
        {
            let reason = format!(
                "it is of layer {}, and not all of layer {number} lies before it",
                number + 1
            );
            return Err(ModelError::tensor(path, &tensor.name, reason));
        }
        end = tensors.map(|tensor| tensor.data.end).fold(end, usize::max);
    }
    Ok(())
}
