//! One safetensors file, mapped into memory.

use crate::error::ModelError;
use crate::header::{Header, read_cut_header, read_header};
use memmap2::Mmap;
#[cfg(unix)]
use memmap2::UncheckedAdvice;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A safetensors file with its checked header.
#[derive(Debug)]
pub(crate) struct SafetensorsFile {
    path: PathBuf,
    bytes: Bytes,
    header: Header,
}

/// Where a file's bytes are.
#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Static(&'static [u8]),
}

impl SafetensorsFile {
    /// Maps the file and checks its header.
    pub(crate) fn open(path: &Path) -> Result<Self, ModelError> {
        SafetensorsFile::new(path.to_path_buf(), map(path)?, read_header)
    }

    /// As [`SafetensorsFile::open`], for a file that may end early: tensors may lie beyond its end.
    pub(crate) fn open_cut(path: &Path) -> Result<Self, ModelError> {
        SafetensorsFile::new(path.to_path_buf(), map(path)?, read_cut_header)
    }

    /// A file that is part of the program. `path` is for messages.
    pub(crate) fn from_static(path: PathBuf, bytes: &'static [u8]) -> Result<Self, ModelError> {
        SafetensorsFile::new(path, Bytes::Static(bytes), read_header)
    }

    fn new(
        path: PathBuf,
        bytes: Bytes,
        read: fn(&Path, &[u8]) -> Result<Header, ModelError>,
    ) -> Result<Self, ModelError> {
        let header = read(&path, bytes.as_slice())?;
        Ok(SafetensorsFile { path, bytes, header })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The name of the file in its folder.
    pub(crate) fn file_name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Gives the memory of a range of the file's bytes back to the system, which reads it again when it is asked for: what has
    /// been read of a large model does not stay.
    pub(crate) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Bytes::Mapped(map) = &self.bytes {
            // SAFETY: the map is shared and read only: released pages are read from the file again.
            let released = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len()) };
            // A system that keeps the pages reads the same bytes.
            drop(released);
        }
        #[cfg(not(unix))]
        drop(range);
    }
}

/// Maps a file into memory.
fn map(path: &Path) -> Result<Bytes, ModelError> {
    let file = File::open(path).map_err(ModelError::io(path, "open"))?;
    let size = file.metadata().map_err(ModelError::io(path, "read the size"))?.len();
    if size == 0 {
        return Err(ModelError::Truncated {
            path: path.to_path_buf(),
            expected_bytes: crate::header::LENGTH_BYTES as u64,
            actual_bytes: 0,
        });
    }
    // SAFETY: the map is read only. As with every mapped file, another process that cuts the file short while it
    // is read can kill this one; this crate itself only ever replaces files by renaming, which leaves maps valid.
    let map = unsafe { Mmap::map(&file) }.map_err(ModelError::io(path, "map"))?;
    Ok(Bytes::Mapped(map))
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Static(bytes) => bytes,
        }
    }
}
