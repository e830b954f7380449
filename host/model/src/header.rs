//! The safetensors header: eight length bytes, then JSON, then the tensors' bytes.
//!
//! The crate `safetensors` gives the list of dtypes. Its reader is not used because its errors name neither the tensor
//! nor the sizes, it takes repeated names, and its sum of sizes can overflow; its writer is not used because it puts
//! the metadata in a random order, and the same model must give the same bytes. A test holds that both readers
//! accept the same files.

use crate::error::ModelError;
use crate::unique_map::UniqueMap;
use safetensors::Dtype;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// Bytes of the header's length field.
pub(crate) const LENGTH_BYTES: usize = 8;
/// The longest header in bytes, the length field not counted: the limit that other safetensors readers set.
pub(crate) const LONGEST_HEADER_BYTES: usize = 100_000_000;
/// The header's key that is no tensor.
const METADATA_KEY: &str = "__metadata__";

/// A tensor as its header describes it; `data` has been checked against the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HeaderTensor {
    /// Name.
    pub name: String,
    /// Type of an element.
    pub dtype: Dtype,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// Where its bytes lie in the file.
    pub data: Range<usize>,
}

/// A checked header: the tensors, in the order of their bytes, cover the file without holes or overlaps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    /// The text entries of `__metadata__`.
    pub metadata: BTreeMap<String, String>,
    /// The tensors, by position, then by name.
    pub tensors: Vec<HeaderTensor>,
    /// Where the tensors' bytes begin in the file.
    pub data_start: usize,
}

/// A tensor's entry as it stands in the JSON.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

/// A tensor's entry as it is written.
#[derive(Serialize)]
struct WrittenEntry<'a> {
    dtype: Dtype,
    shape: &'a [usize],
    data_offsets: (usize, usize),
}

/// Reads and checks the header of a whole file. `path` is for messages only.
///
/// # Errors
/// [`ModelError::Truncated`], [`ModelError::Malformed`] or [`ModelError::Tensor`].
pub(crate) fn read_header(path: &Path, file: &[u8]) -> Result<Header, ModelError> {
    let header = read_cut_header(path, file)?;
    let end = header
        .tensors
        .last()
        .map_or(header.data_start, |tensor| tensor.data.end);
    if end > file.len() {
        return Err(ModelError::Truncated {
            path: path.to_path_buf(),
            expected_bytes: end as u64,
            actual_bytes: file.len() as u64,
        });
    }
    Ok(header)
}

/// As [`read_header`], of a file that may end early: the last tensors may lie beyond it.
///
/// # Errors
/// As [`read_header`]; [`ModelError::Truncated`] only where the header itself is not whole.
pub(crate) fn read_cut_header(path: &Path, file: &[u8]) -> Result<Header, ModelError> {
    let json = header_json(path, file)?;
    let malformed = |reason: String| ModelError::Malformed {
        path: path.to_path_buf(),
        reason,
    };
    let UniqueMap(mut entries): UniqueMap<serde_json::Value> =
        serde_json::from_slice(json).map_err(|error| malformed(format!("its header is not valid JSON: {error}")))?;
    let metadata = match entries.remove(METADATA_KEY) {
        None => BTreeMap::new(),
        Some(value) => serde_json::from_value(value)
            .map_err(|error| malformed(format!("__metadata__ is not a table of texts: {error}")))?,
    };
    let mut parsed = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        let entry: Entry = serde_json::from_value(value)
            .map_err(|error| ModelError::tensor(path, &name, format!("its header entry is wrong: {error}")))?;
        parsed.push((entry.data_offsets, name, entry));
    }
    parsed.sort_by(|left, right| (left.0, &left.1).cmp(&(right.0, &right.1)));

    let data_start = LENGTH_BYTES + json.len();
    let data_bytes = file.len() - data_start;
    let mut tensors = Vec::with_capacity(parsed.len());
    let mut position = 0;
    for ((start, end), name, entry) in parsed {
        let refuse = |reason: String| ModelError::tensor(path, &name, reason);
        let dtype = known_dtype(&entry.dtype).ok_or_else(|| {
            refuse(format!(
                "dtype {:?} is unknown; if it is new to the safetensors format, update seedlm",
                entry.dtype
            ))
        })?;
        let bytes = tensor_bytes(dtype, &entry.shape).ok_or_else(|| {
            refuse(format!(
                "shape {:?} of {dtype} is no whole, addressable number of bytes",
                entry.shape
            ))
        })?;
        if start != position {
            let what = if start > position {
                "a hole before it"
            } else {
                "an overlap"
            };
            return Err(refuse(format!(
                "{what}: its data starts at byte {start}, and the data before it ends at byte {position}"
            )));
        }
        if end.checked_sub(start) != Some(bytes) {
            return Err(refuse(format!(
                "its data spans bytes {start} to {end}, and shape {:?} of {dtype} needs {bytes} bytes",
                entry.shape
            )));
        }
        position = end;
        // The end may still lie beyond the file; the sum saturates, and the size check below refuses the file.
        tensors.push(HeaderTensor {
            name,
            dtype,
            shape: entry.shape,
            data: data_start.saturating_add(start)..data_start.saturating_add(end),
        });
    }
    if position < data_bytes {
        return Err(malformed(format!(
            "{} bytes follow the last tensor: {} bytes expected, {} bytes found",
            data_bytes - position,
            data_start + position,
            file.len()
        )));
    }
    Ok(Header {
        metadata,
        tensors,
        data_start,
    })
}

/// The JSON part of the header, padding included.
pub(crate) fn header_json<'a>(path: &Path, file: &'a [u8]) -> Result<&'a [u8], ModelError> {
    let truncated = |expected_bytes: u64| ModelError::Truncated {
        path: path.to_path_buf(),
        expected_bytes,
        actual_bytes: file.len() as u64,
    };
    let malformed = |reason: String| ModelError::Malformed {
        path: path.to_path_buf(),
        reason,
    };
    let Some((length, rest)) = file.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(truncated(LENGTH_BYTES as u64));
    };
    let length = u64::from_le_bytes(*length);
    // Read as a length, this is above any limit.
    if file.starts_with(b"GGUF") {
        return Err(malformed(
            "it is a GGUF file; `seedlm import` makes a model folder of it, which can be compressed".into(),
        ));
    }
    if length > LONGEST_HEADER_BYTES as u64 {
        return Err(malformed(format!(
            "its header claims {length} bytes, and {LONGEST_HEADER_BYTES} is the limit"
        )));
    }
    if rest.first().is_some_and(|&byte| byte != b'{') {
        return Err(malformed("its header is not JSON: it does not start with '{'".into()));
    }
    rest.get(..length as usize)
        .ok_or_else(|| truncated(LENGTH_BYTES as u64 + length))
}

/// The header of a file with these tensors, in this order: the length field, then JSON padded with spaces so that the
/// data starts at a multiple of 8 bytes.
///
/// # Errors
/// [`ModelError::Output`] when the header is longer than safetensors readers take.
pub(crate) fn write_header<'a>(
    path: &Path,
    metadata: &BTreeMap<String, String>,
    tensors: impl Iterator<Item = (&'a str, Dtype, &'a [usize])>,
) -> Result<Vec<u8>, ModelError> {
    let refuse = |reason: String| ModelError::Output {
        path: path.to_path_buf(),
        reason,
    };
    let mut json = Vec::new();
    let written = (|| {
        let mut serializer = serde_json::Serializer::new(&mut json);
        let mut map = (&mut serializer).serialize_map(None)?;
        if !metadata.is_empty() {
            map.serialize_entry(METADATA_KEY, metadata)?;
        }
        let mut start = 0;
        for (name, dtype, shape) in tensors {
            let end = start + tensor_bytes(dtype, shape).unwrap_or(0);
            map.serialize_entry(
                name,
                &WrittenEntry {
                    dtype,
                    shape,
                    data_offsets: (start, end),
                },
            )?;
            start = end;
        }
        map.end()
    })();
    written.map_err(|error: serde_json::Error| refuse(format!("its header cannot be written: {error}")))?;
    json.resize(json.len().next_multiple_of(8), b' ');
    if json.len() > LONGEST_HEADER_BYTES {
        return Err(refuse(format!(
            "its header would have {} bytes, and safetensors readers take {LONGEST_HEADER_BYTES}; split the model into shards",
            json.len()
        )));
    }
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.extend(json);
    Ok(header)
}

/// Bytes of a tensor, or `None` where they cannot be counted or are no whole number.
pub(crate) fn tensor_bytes(dtype: Dtype, shape: &[usize]) -> Option<usize> {
    let bits = shape
        .iter()
        .try_fold(1_usize, |product, &size| product.checked_mul(size))?
        .checked_mul(dtype.bitsize())?;
    bits.is_multiple_of(8).then_some(bits / 8)
}

/// The dtype of that name.
fn known_dtype(name: &str) -> Option<Dtype> {
    serde_json::from_value(serde_json::Value::from(name)).ok()
}
