//! Writes safetensors files: header first, then one tensor after the other, never more than one in memory.

use crate::error::ModelError;
use crate::header::{tensor_bytes, write_header};
use crate::output::write_bytes;
use crate::progress::Progress;
use safetensors::Dtype;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// A tensor to be written.
#[derive(Clone, Debug)]
pub(crate) struct NewTensor<T> {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// Where its bytes come from.
    pub content: T,
}

impl<T> NewTensor<T> {
    /// Its size in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        tensor_bytes(self.dtype, &self.shape).unwrap_or(0) as u64
    }

    /// What an index says of it: its name, its file, its bytes.
    pub(crate) fn index_entry(&self, file_name: &str) -> (String, String, u64) {
        (self.name.clone(), file_name.into(), self.bytes())
    }
}

/// Orders tensors as the safetensors library does: wide types first, so that all are aligned, then by name.
pub(crate) fn order<T>(tensors: &mut [NewTensor<T>]) {
    tensors.sort_by(|left, right| (Reverse(left.dtype), &left.name).cmp(&(Reverse(right.dtype), &right.name)));
}

/// The header for these tensors, in this order.
pub(crate) fn header_for<'a, T: 'a>(
    path: &Path,
    metadata: &BTreeMap<String, String>,
    tensors: impl IntoIterator<Item = &'a NewTensor<T>>,
) -> Result<Vec<u8>, ModelError> {
    let described = tensors
        .into_iter()
        .map(|tensor| (tensor.name.as_str(), tensor.dtype, &tensor.shape[..]));
    write_header(path, metadata, described)
}

/// Writes the header and then all tensors; `content` writes one tensor's bytes.
pub(crate) fn write_file<'a, T: 'a>(
    path: &Path,
    writer: &mut dyn Write,
    progress: &dyn Progress,
    header: &[u8],
    tensors: impl IntoIterator<Item = &'a NewTensor<T>>,
    mut content: impl FnMut(&NewTensor<T>, &mut dyn FnMut(&[u8]) -> Result<(), ModelError>) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    write_bytes(path, writer, header, progress)?;
    for tensor in tensors {
        let mut written = 0;
        content(tensor, &mut |bytes| {
            written += bytes.len();
            write_bytes(path, writer, bytes, progress)
        })?;
        if Some(written) != tensor_bytes(tensor.dtype, &tensor.shape) {
            // Offsets are in the header already: a wrong size would shift every later tensor.
            return Err(ModelError::tensor(
                path,
                &tensor.name,
                format!("{written} bytes do not fit its shape"),
            ));
        }
    }
    Ok(())
}
