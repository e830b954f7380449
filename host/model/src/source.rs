//! A model as it lies on disk: a safetensors file, or a Hugging Face folder.

use crate::error::ModelError;
use crate::file::SafetensorsFile;
use crate::floats::FloatDtype;
use crate::folder::{INDEX_FILE, Index, weight_files};
use crate::rules::Rules;
use safetensors::Dtype;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The tensors of a model, mapped into memory.
///
/// ```no_run
/// use seedlm_model::{Rules, Source};
/// let source = Source::open("all-MiniLM-L6-v2")?;
/// for info in source.compressible(&Rules::default())? {
///     let matrix = source.matrix(&info)?;
///     println!("{}: {} x {}", info.name, matrix.rows, matrix.columns);
/// }
/// # Ok::<(), seedlm_model::ModelError>(())
/// ```
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    files: Vec<SafetensorsFile>,
    index: Option<Index>,
    is_folder: bool,
    tensors: Vec<TensorInfo>,
}

/// What is known of a tensor without reading it.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// Name.
    pub name: String,
    /// Number of the file it is in; see [`Source::file_path`].
    pub file: usize,
    /// Type of an element.
    pub dtype: Dtype,
    /// Sizes of the dimensions; of a matrix: rows (outputs), columns (inputs).
    pub shape: Vec<usize>,
    /// Where its bytes lie in the file.
    pub(crate) data: Range<usize>,
}

impl TensorInfo {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        // The header's check has made sure that this does not overflow.
        self.shape.iter().product()
    }

    /// Size in bytes.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// Rows and columns, if it has two dimensions or more: the first one is the rows (outputs), all others together are the
    /// columns (inputs), as in the weights of a convolution.
    pub fn rows_and_columns(&self) -> Option<(usize, usize)> {
        match self.shape[..] {
            [rows, _, ..] => Some((rows, self.shape[1..].iter().product())),
            _ => None,
        }
    }
}

/// A matrix of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Number of rows (outputs).
    pub rows: usize,
    /// Number of columns (inputs).
    pub columns: usize,
    /// The weights, row by row; all are finite.
    pub values: Vec<f32>,
}

impl Source {
    /// Opens a `.safetensors` file, or a folder with `model.safetensors` or with shards and their index, and checks
    /// all headers. No tensor is read.
    ///
    /// # Errors
    /// [`ModelError`] names the file and, where it is at fault, the tensor.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        // The one place that tells a missing path from an unreadable one.
        std::fs::metadata(path).map_err(ModelError::io(path, "open"))?;
        if !path.is_dir() {
            let file = SafetensorsFile::open(path)?;
            return Ok(Source::new(path.to_path_buf(), vec![file], None, false));
        }
        let (paths, index) = weight_files(path)?;
        let files = paths
            .iter()
            .map(|path| SafetensorsFile::open(path))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(index) = &index {
            index.check(&path.join(INDEX_FILE), &files)?;
        }
        Ok(Source::new(path.to_path_buf(), files, index, true))
    }

    /// Opens a `.safetensors` file that may end early: what lies beyond its end cannot be read.
    pub(crate) fn open_cut(path: &Path) -> Result<Self, ModelError> {
        let file = SafetensorsFile::open_cut(path)?;
        Ok(Source::new(path.to_path_buf(), vec![file], None, false))
    }

    /// A safetensors file that is part of the program; `name` stands for the path in messages.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn from_static(name: &str, bytes: &'static [u8]) -> Result<Self, ModelError> {
        let file = SafetensorsFile::from_static(name.into(), bytes)?;
        Ok(Source::new(name.into(), vec![file], None, false))
    }

    fn new(path: PathBuf, files: Vec<SafetensorsFile>, index: Option<Index>, is_folder: bool) -> Self {
        let tensors = files
            .iter()
            .enumerate()
            .flat_map(|(number, file)| {
                file.header().tensors.iter().map(move |tensor| TensorInfo {
                    name: tensor.name.clone(),
                    file: number,
                    dtype: tensor.dtype,
                    shape: tensor.shape.clone(),
                    data: tensor.data.clone(),
                })
            })
            .collect();
        Source {
            path,
            files,
            index,
            is_folder,
            tensors,
        }
    }

    /// The path it was opened with.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True for a folder, false for a single file.
    pub fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// All tensors, file by file, in the order of their bytes.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// Path of the file with that number, for messages: the source's own path where there is no such file.
    pub fn file_path(&self, number: usize) -> &Path {
        self.files.get(number).map_or(&self.path, SafetensorsFile::path)
    }

    /// Size of the weight files in bytes, headers included.
    pub fn file_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes().len() as u64).sum()
    }

    /// Number of weights: elements of all floating-point tensors.
    pub fn weights(&self) -> u64 {
        let floats = self.tensors.iter().filter(|tensor| is_float(tensor.dtype));
        floats.map(|tensor| tensor.elements() as u64).sum()
    }

    /// The bytes of a tensor of this source.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] when the tensor is none of this source's.
    pub fn bytes(&self, info: &TensorInfo) -> Result<&[u8], ModelError> {
        self.files
            .get(info.file)
            .and_then(|file| file.bytes().get(info.data.clone()))
            .ok_or_else(|| ModelError::tensor(&self.path, &info.name, "is not part of this model"))
    }

    /// Reads a matrix.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] when it is no F32, F16 or BF16 tensor with two dimensions or more;
    /// [`ModelError::NotFinite`] names the first weight that is not a finite number.
    pub fn matrix(&self, info: &TensorInfo) -> Result<Matrix, ModelError> {
        self.matrix_in_pieces(info, &mut |_| Ok(()))
    }

    /// Some rows of a matrix that [`Source::matrix`] has read: the same weights again, one row after the other. What cannot
    /// be such rows is empty.
    pub fn rows(&self, info: &TensorInfo, rows: Range<usize>) -> Vec<f32> {
        let read = || {
            let (_, columns) = info.rows_and_columns()?;
            let dtype = FloatDtype::of(info.dtype)?;
            let row_bytes = columns * dtype.bytes();
            let range = rows.start * row_bytes..rows.end * row_bytes;
            let values = dtype.read(self.bytes(info).ok()?.get(range.clone())?);
            let file = self.files.get(info.file)?;
            file.release(info.data.start + range.start..info.data.start + range.end);
            Some(values)
        };
        read().unwrap_or_default()
    }

    /// The matrices that the rules choose for compression, in the order of [`Source::tensors`].
    ///
    /// # Errors
    /// [`ModelError::Pattern`] when a pattern of the rules matches nothing.
    pub fn compressible(&self, rules: &Rules) -> Result<Vec<TensorInfo>, ModelError> {
        let choices = rules.choose(&self.tensors)?;
        let chosen = self.tensors.iter().zip(choices);
        Ok(chosen
            .filter(|(_, choice)| choice.keep_reason().is_none())
            .map(|(tensor, _)| tensor.clone())
            .collect())
    }

    pub(crate) fn files(&self) -> &[SafetensorsFile] {
        &self.files
    }

    pub(crate) fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }
}

/// True for the types whose elements are weights.
pub(crate) fn is_float(dtype: Dtype) -> bool {
    !matches!(
        dtype,
        Dtype::BOOL
            | Dtype::U8
            | Dtype::I8
            | Dtype::U16
            | Dtype::I16
            | Dtype::U32
            | Dtype::I32
            | Dtype::U64
            | Dtype::I64
    )
}
