//! Files that get their names together, when all of them are complete.

use crate::error::ModelError;
use crate::output::{checked_parent, fill_and_sync, sync_folder, temporary_file};
use crate::source::Source;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file under a temporary name in the folder of its final one; dropping it removes it.
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    parent: PathBuf,
    replace: bool,
    file: NamedTempFile,
}

impl NewFile {
    /// Makes the file, or says, before any long work, why it may not be written.
    pub fn begin(source: &Source, path: &Path, replace: bool) -> Result<Self, ModelError> {
        let refuse = |reason: &str| {
            Err(ModelError::Output {
                path: path.to_path_buf(),
                reason: reason.into(),
            })
        };
        let parent = checked_parent(source, path)?;
        if path.is_dir() {
            return refuse("is a folder, and the output is a file; name a file in it");
        }
        if path.symlink_metadata().is_ok() {
            if !replace {
                return refuse("exists already; -f (--force) replaces it");
            }
            if path.exists() && !path.is_file() {
                return refuse("is no file; choose another name");
            }
        }
        let name = path.file_name().unwrap_or_default();
        let file = temporary_file(&parent, name).map_err(ModelError::io(path, "create"))?;
        Ok(NewFile {
            path: path.to_path_buf(),
            parent,
            replace,
            file,
        })
    }

    /// Its final path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fills it and waits until it is on the disk. Returns its size in bytes.
    pub fn fill(&self, fill: impl FnOnce(&Path, &mut dyn Write) -> Result<(), ModelError>) -> Result<u64, ModelError> {
        fill_and_sync(self.file.as_file(), &self.path, fill)
    }

    /// Gives two complete files their names; if the second cannot have its name, the first gives up its own, unless it has
    /// replaced something.
    pub fn persist_both(first: NewFile, second: NewFile) -> Result<(), ModelError> {
        let (path, replaced) = (first.path.clone(), first.path.exists());
        first.persist()?;
        second.persist().inspect_err(|_| {
            if !replaced {
                // The error that is reported matters more than this one.
                let _ = fs::remove_file(path);
            }
        })
    }

    fn persist(self) -> Result<(), ModelError> {
        let persisted = if self.replace {
            self.file.persist(&self.path)
        } else {
            self.file.persist_noclobber(&self.path)
        };
        persisted.map_err(|error| ModelError::io(&self.path, "rename the finished file to")(error.error))?;
        sync_folder(&self.parent);
        Ok(())
    }
}
