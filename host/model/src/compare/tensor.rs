//! A tensor of a model that may be plain or compressed, read some rows at a time.

use super::report::StoredAs;
use crate::container::{CompressedMatrix, Container};
use crate::error::ModelError;
use crate::figures::bits_per_weight;
use crate::floats::FloatDtype;
use crate::model::Model;
use crate::progress::{Progress, check_stop};
use crate::source::{Source, TensorInfo};
use crate::stored::StoredMatrix;
use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes compared between two looks at whether to stop.
const BYTES_PER_STEP: usize = 1 << 24;

/// Where a tensor is, not yet read.
#[derive(Clone, Copy, Debug)]
pub(super) enum ModelTensor<'a> {
    /// In a plain model.
    Plain(&'a Source, &'a TensorInfo),
    /// In a container, as it was.
    Kept(&'a Container, &'a TensorInfo),
    /// In a container, in a code.
    Compressed(&'a Container, &'a CompressedMatrix),
}

/// A tensor ready to be read, its checksums checked.
pub(super) enum OpenTensor<'a> {
    /// The bytes of its elements, and whose they are.
    AsItWas(&'a Source, &'a TensorInfo, &'a [u8]),
    /// Words and scales.
    Compressed(StoredMatrix),
}

impl<'a> ModelTensor<'a> {
    /// All tensors of a model, by name.
    pub fn all_of(model: &'a Model) -> BTreeMap<&'a str, Self> {
        match model {
            Model::Plain(source) => ModelTensor::all_of_plain(source),
            Model::Container(container) => {
                let matrices = container.matrices().iter();
                let matrices = matrices.map(|info| (info.name.as_str(), ModelTensor::Compressed(container, info)));
                let kept = container.kept();
                let kept = kept.map(|info| (info.name.as_str(), ModelTensor::Kept(container, info)));
                matrices.chain(kept).collect()
            }
        }
    }

    /// All tensors of a plain model, by name.
    pub fn all_of_plain(source: &'a Source) -> BTreeMap<&'a str, Self> {
        let tensors = source.tensors().iter();
        tensors
            .map(|info| (info.name.as_str(), ModelTensor::Plain(source, info)))
            .collect()
    }

    /// Sizes of the dimensions.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            ModelTensor::Plain(_, info) | ModelTensor::Kept(_, info) => info.shape.clone(),
            ModelTensor::Compressed(_, info) => info.source_shape.clone(),
        }
    }

    /// Number of elements.
    pub fn weights(&self) -> u64 {
        match self {
            ModelTensor::Plain(_, info) | ModelTensor::Kept(_, info) => info.elements() as u64,
            ModelTensor::Compressed(_, info) => info.weights(),
        }
    }

    /// How it is stored.
    pub fn stored_as(&self) -> StoredAs {
        let (format, rotated, stored_bytes) = match self {
            ModelTensor::Plain(_, info) | ModelTensor::Kept(_, info) => {
                (info.dtype.to_string(), false, info.bytes() as u64)
            }
            ModelTensor::Compressed(_, info) => (info.code_label(), info.rotation.is_some(), info.stored_bytes()),
        };
        StoredAs {
            format,
            rotated,
            stored_bytes,
            bits_per_weight: bits_per_weight(stored_bytes, self.weights()),
        }
    }

    /// Makes it ready to be read; that of a container is checked against its checksums.
    pub fn open(&self) -> Result<OpenTensor<'a>, ModelError> {
        match *self {
            ModelTensor::Plain(source, info) => Ok(OpenTensor::AsItWas(source, info, source.bytes(info)?)),
            ModelTensor::Kept(container, info) => {
                let bytes = container.kept_bytes(info)?;
                Ok(OpenTensor::AsItWas(container.source(), info, bytes))
            }
            ModelTensor::Compressed(container, info) => container.matrix(info).map(OpenTensor::Compressed),
        }
    }
}

impl OpenTensor<'_> {
    /// The type of its elements where they are no weights, and only their bytes can be compared.
    pub fn other_dtype(&self) -> Option<String> {
        match self {
            OpenTensor::AsItWas(_, info, _) if FloatDtype::of(info.dtype).is_none() => Some(info.dtype.to_string()),
            _ => None,
        }
    }

    /// Whether both are stored as they were, of the same type and in the same bytes; none where one is compressed.
    ///
    /// # Errors
    /// When the caller wishes to stop.
    pub fn is_identical_to(&self, other: &OpenTensor<'_>, progress: &dyn Progress) -> Result<Option<bool>, ModelError> {
        let (OpenTensor::AsItWas(_, info, bytes), OpenTensor::AsItWas(_, other_info, other_bytes)) = (self, other)
        else {
            return Ok(None);
        };
        if info.dtype != other_info.dtype || bytes.len() != other_bytes.len() {
            return Ok(Some(false));
        }
        let parts = bytes.chunks(BYTES_PER_STEP).zip(other_bytes.chunks(BYTES_PER_STEP));
        for (number, (part, other_part)) in parts.enumerate() {
            check_stop(progress)?;
            if part != other_part {
                return Ok(Some(false));
            }
            let range = number * BYTES_PER_STEP..number * BYTES_PER_STEP + part.len();
            self.release(range.clone());
            other.release(range);
        }
        Ok(Some(true))
    }

    /// Columns of a compressed matrix; none of a tensor that is stored as it was.
    pub fn columns(&self) -> Option<usize> {
        match self {
            OpenTensor::Compressed(matrix) => Some(matrix.columns()),
            OpenTensor::AsItWas(..) => None,
        }
    }

    /// The weights of some elements, one after the other. They must be there, and be weights.
    pub fn values(&self, elements: Range<usize>) -> Vec<f32> {
        match self {
            OpenTensor::Compressed(matrix) => {
                let columns = matrix.columns();
                let rows = elements.start / columns..elements.end.div_ceil(columns);
                let before = elements.start - rows.start * columns;
                let mut values = matrix.values(rows);
                values.truncate(before + elements.len());
                values.drain(..before);
                values
            }
            OpenTensor::AsItWas(_, info, bytes) => {
                let dtype = FloatDtype::of(info.dtype).expect("asked for weights of weights only");
                let range = elements.start * dtype.bytes()..elements.end * dtype.bytes();
                let values = dtype.read(&bytes[range.clone()]);
                self.release(range);
                values
            }
        }
    }

    /// Gives the memory of bytes that were read back to the system: what has been read of a large model does not stay. The
    /// words of a compressed matrix are few, and stay.
    fn release(&self, range: Range<usize>) {
        if let OpenTensor::AsItWas(source, info, _) = self
            && let Some(file) = source.files().get(info.file)
        {
            file.release(info.data.start + range.start..info.data.start + range.end);
        }
    }
}
