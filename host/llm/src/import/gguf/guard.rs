//! What is checked of a GGUF header before and after candle reads it.
//!
//! Candle (0.11.1) checks lengths against the file's size. It divides by an alignment of zero and multiplies dimensions
//! unchecked, which panics; it keeps the last of several tensors or keys of one name; it makes 32 bytes of each byte of an
//! array; and it takes any number of tensors that share their bytes, so that a small file asks for any amount of memory.

use crate::import::error::ImportError;
use candle_core::quantized::gguf_file::Content;
use std::collections::{BTreeMap, HashSet};
use std::io::{ErrorKind, Read, Seek};
use std::path::Path;

/// Elements of all arrays together: thirty times what the largest vocabularies with their merges have.
const MOST_ARRAY_ELEMENTS: u64 = 1 << 24;
/// Bytes of a text that is a value; chat templates have some thousands.
const LONGEST_TEXT_BYTES: u64 = 1 << 24;
/// Bytes of a name; the format's own limit for keys.
const LONGEST_NAME_BYTES: u64 = 65_535;
/// Tensors, and entries of metadata; the largest Llama has some thousand tensors.
const MOST_ENTRIES: u64 = 1 << 16;
/// The format's limit.
const MOST_DIMENSIONS: u32 = 4;

/// The types of values by their numbers.
const TEXT: u32 = 8;
const ARRAY: u32 = 9;

/// Walks through the header, from the start of the file to the first tensor's bytes.
pub(super) fn check_header(path: &Path, reader: &mut (impl Read + Seek), size_bytes: u64) -> Result<(), ImportError> {
    let mut walk = Walk {
        path,
        reader,
        size_bytes,
        position: 0,
        array_elements: 0,
    };
    if walk.bytes::<4>()? != *b"GGUF" {
        return Err(walk.refuse("not a GGUF file"));
    }
    match walk.u32()? {
        2 | 3 => {}
        version if version.swap_bytes() <= 3 => return Err(walk.refuse("a big-endian GGUF file; convert it again")),
        version => {
            let reason = format!("GGUF version {version}, and this program reads versions 2 and 3; convert it again");
            return Err(walk.refuse(&reason));
        }
    }
    let tensors = walk.u64()?;
    let entries = walk.u64()?;
    if tensors > MOST_ENTRIES || entries > MOST_ENTRIES {
        let reason = format!("{tensors} tensors and {entries} entries of metadata are more than a model has");
        return Err(walk.refuse(&format!("{reason}; the header is damaged: get it again")));
    }
    let mut keys = HashSet::new();
    for _ in 0..entries {
        let key = walk.name("a key")?;
        walk.value(&key)?;
        if !keys.insert(key.clone()) {
            return Err(walk.refuse(&format!(
                "the metadata have the key {key:?} twice; convert the model again"
            )));
        }
    }
    let mut names = HashSet::new();
    for _ in 0..tensors {
        let name = walk.name("a tensor's name")?;
        walk.tensor(&name)?;
        if !names.insert(name.clone()) {
            let reason = "there are two tensors of this name; convert the model again";
            return Err(ImportError::tensor(path, &name, reason));
        }
    }
    Ok(())
}

/// A place in the header.
struct Walk<'a, R> {
    path: &'a Path,
    reader: &'a mut R,
    size_bytes: u64,
    position: u64,
    array_elements: u64,
}

impl<R: Read + Seek> Walk<'_, R> {
    fn refuse(&self, reason: &str) -> ImportError {
        ImportError::file(self.path, reason)
    }

    fn truncated(&self) -> ImportError {
        self.refuse(&format!(
            "the file is truncated or damaged: the header goes on at byte {}, and the file has {} bytes; get it again",
            self.position, self.size_bytes
        ))
    }

    fn bytes<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], ImportError> {
        let mut bytes = [0; LENGTH];
        match self.reader.read_exact(&mut bytes) {
            Ok(()) => {
                self.position += LENGTH as u64;
                Ok(bytes)
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(self.truncated()),
            Err(error) => Err(ImportError::io(self.path, "read")(error)),
        }
    }

    fn u32(&mut self) -> Result<u32, ImportError> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, ImportError> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn skip(&mut self, count: u64) -> Result<(), ImportError> {
        if count > self.size_bytes.saturating_sub(self.position) {
            return Err(self.truncated());
        }
        let step = i64::try_from(count).map_err(|_| self.truncated())?;
        self.reader
            .seek_relative(step)
            .map_err(ImportError::io(self.path, "read"))?;
        self.position += count;
        Ok(())
    }

    /// A text that names something. Candle would repair one that is no UTF-8 or ends in zeros, and make two names one.
    fn name(&mut self, what: &str) -> Result<String, ImportError> {
        let length = self.u64()?;
        if length > LONGEST_NAME_BYTES {
            let reason = format!("{what} has {length} bytes; the header is damaged: get it again");
            return Err(self.refuse(&reason));
        }
        if length > self.size_bytes.saturating_sub(self.position) {
            return Err(self.truncated());
        }
        let mut bytes = vec![0; length as usize];
        self.reader
            .read_exact(&mut bytes)
            .map_err(ImportError::io(self.path, "read"))?;
        self.position += length;
        match String::from_utf8(bytes) {
            Ok(name) if !name.ends_with('\0') => Ok(name),
            _ => Err(self.refuse(&format!("{what} is no text; the header is damaged: get it again"))),
        }
    }

    fn text(&mut self, key: &str) -> Result<(), ImportError> {
        let length = self.u64()?;
        if length > LONGEST_TEXT_BYTES {
            let reason = format!("a text of {key:?} has {length} bytes; the header is damaged: get it again");
            return Err(self.refuse(&reason));
        }
        self.skip(length)
    }

    /// Steps over a value of the metadata.
    fn value(&mut self, key: &str) -> Result<(), ImportError> {
        match self.u32()? {
            TEXT => self.text(key),
            ARRAY => self.array(key),
            kind if key == "general.alignment" => {
                let width = self.scalar_bytes(key, kind)?;
                let mut zero = true;
                for _ in 0..width {
                    zero &= self.bytes::<1>()? == [0];
                }
                if zero {
                    return Err(self.refuse("general.alignment is 0; the header is damaged: get it again"));
                }
                Ok(())
            }
            kind => {
                let width = self.scalar_bytes(key, kind)?;
                self.skip(width)
            }
        }
    }

    fn array(&mut self, key: &str) -> Result<(), ImportError> {
        let kind = self.u32()?;
        let length = self.u64()?;
        self.array_elements = self.array_elements.saturating_add(length);
        if self.array_elements > MOST_ARRAY_ELEMENTS {
            let reason = format!(
                "the arrays up to {key:?} have {} elements, more than a model has",
                self.array_elements
            );
            return Err(self.refuse(&format!("{reason}; the header is damaged: get it again")));
        }
        match kind {
            ARRAY => Err(self.refuse(&format!("{key:?} is an array of arrays, which no Llama model has"))),
            TEXT => (0..length).try_for_each(|_| self.text(key)),
            other => {
                let width = self.scalar_bytes(key, other)?;
                self.skip(width * length)
            }
        }
    }

    /// Bytes of a number of this type.
    fn scalar_bytes(&self, key: &str, kind: u32) -> Result<u64, ImportError> {
        match kind {
            0 | 1 | 7 => Ok(1),
            2 | 3 => Ok(2),
            4..=6 => Ok(4),
            10..=12 => Ok(8),
            other => Err(self.refuse(&format!(
                "{key:?} has a value of the unknown type {other}; the header is damaged: get it again"
            ))),
        }
    }

    /// Steps over the description of a tensor.
    fn tensor(&mut self, name: &str) -> Result<(), ImportError> {
        let path = self.path;
        let refuse = |reason: String| ImportError::tensor(path, name, reason);
        let dimensions = self.u32()?;
        if dimensions == 0 || dimensions > MOST_DIMENSIONS {
            return Err(refuse(format!("{dimensions} dimensions; get the file again")));
        }
        let mut elements = Some(1_usize);
        for _ in 0..dimensions {
            let size = self.u64()?;
            let size = usize::try_from(size).ok().filter(|&size| size > 0);
            elements = elements
                .zip(size)
                .and_then(|(elements, size)| elements.checked_mul(size));
        }
        // Four bytes for each value must be countable.
        if elements.and_then(|elements| elements.checked_mul(4)).is_none() {
            return Err(refuse(
                "its dimensions are no countable number of values; get the file again".into(),
            ));
        }
        let kind = self.u32()?;
        // What candle 0.11.1 dequantises: F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to Q6_K, BF16.
        if !matches!(kind, 0..=3 | 6..=8 | 10..=14 | 30) {
            return Err(refuse(format!(
                "its type has the number {kind}, which candle does not decode; use a file in F32, F16, BF16, Q8_0, Q5_0, \
                 Q5_1, Q4_0, Q4_1 or one of Q2_K to Q6_K"
            )));
        }
        self.skip(8)
    }
}

/// Checks that the tensors' bytes lie in the file and do not overlap.
pub(super) fn check_places(path: &Path, content: &Content, size_bytes: u64) -> Result<(), ImportError> {
    let mut places = Vec::with_capacity(content.tensor_infos.len());
    // By name, so that the same file gives the same message.
    for (name, info) in content.tensor_infos.iter().collect::<BTreeMap<_, _>>() {
        let refuse = |reason: String| ImportError::tensor(path, name, reason);
        let (dtype, elements) = (info.ggml_dtype, info.shape.elem_count());
        let columns = info.shape.dims().last().copied().unwrap_or(0);
        if !columns.is_multiple_of(dtype.block_size()) {
            let block = dtype.block_size();
            return Err(refuse(format!(
                "rows of {columns} values are no whole number of {dtype:?} blocks of {block}; get the file again"
            )));
        }
        // A block is never larger than four bytes for each of its values, and that product has been checked.
        let bytes = (elements / dtype.block_size() * dtype.type_size()) as u64;
        let start = content.tensor_data_offset.checked_add(info.offset);
        let end = start.and_then(|start| start.checked_add(bytes));
        match (start, end) {
            (Some(start), Some(end)) if end <= size_bytes => places.push((start, end, name)),
            _ => {
                return Err(refuse(format!(
                    "{bytes} bytes at byte {} are not in the file, which has {size_bytes}; it is truncated: get it again",
                    content.tensor_data_offset.saturating_add(info.offset)
                )));
            }
        }
    }
    places.sort_unstable();
    for pair in places.windows(2) {
        let ((_, end, first), (start, _, second)) = (pair[0], pair[1]);
        if start < end {
            let reason = format!("it shares bytes with the tensor {first:?}; get the file again");
            return Err(ImportError::tensor(path, second, reason));
        }
    }
    Ok(())
}
