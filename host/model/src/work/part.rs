//! Parts: the bytes of finished matrices on the disk.

use crate::container::Crc32;
use crate::error::ModelError;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// A stretch of a part.
#[derive(Clone, Debug)]
pub(crate) struct PartBytes {
    /// The part.
    pub path: PathBuf,
    /// Where the stretch begins.
    pub start: u64,
    /// How long it is.
    pub bytes: u64,
    /// The checksum that it must have.
    pub crc32: Crc32,
}

impl PartBytes {
    /// Shows the bytes in order, some at a time.
    ///
    /// # Errors
    /// [`ModelError::Io`], [`ModelError::Damaged`] when they do not have the checksum, and whatever `visit` returns.
    pub(crate) fn read(&self, visit: &mut dyn FnMut(&[u8]) -> Result<(), ModelError>) -> Result<(), ModelError> {
        let mut file = File::open(&self.path).map_err(ModelError::io(&self.path, "open"))?;
        file.seek(SeekFrom::Start(self.start))
            .map_err(ModelError::io(&self.path, "read"))?;
        let mut file = file.take(self.bytes);
        let mut hasher = crc32fast::Hasher::new();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = file.read(&mut chunk).map_err(ModelError::io(&self.path, "read"))?;
            if count == 0 {
                break;
            }
            hasher.update(&chunk[..count]);
            visit(&chunk[..count])?;
        }
        let found = Crc32(hasher.finalize());
        if found == self.crc32 && file.limit() == 0 {
            return Ok(());
        }
        Err(ModelError::Damaged {
            path: self.path.clone(),
            reason: format!("the checksum of a finished matrix is {found}, and was {}", self.crc32),
        })
    }
}

/// Writes a part, and waits until it is on the disk.
pub(super) fn write_part<'a>(path: &Path, stretches: impl IntoIterator<Item = &'a [u8]>) -> Result<(), ModelError> {
    let mut file = File::create(path).map_err(ModelError::io(path, "create"))?;
    for bytes in stretches {
        file.write_all(bytes).map_err(ModelError::io(path, "write"))?;
    }
    file.sync_all().map_err(ModelError::io(path, "write"))
}
