//! Outputs that appear whole or not at all.
//!
//! Everything is written under a temporary name on the file system of the final name (beside it, or in a work folder beside
//! it), brought to the disk, and then renamed. An error or a stop removes the temporary file or folder; a killed process can
//! leave it (its name starts with a dot and ends in `.tmp`), but never a part of the output under the final name.

use crate::error::ModelError;
use crate::progress::{Progress, check_stop};
use crate::source::Source;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile, TempDir};

/// Bytes that are written between two looks at the stop request.
const CHUNK_BYTES: usize = 1 << 20;
/// Ends every temporary name.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// Where a model is written: a file for a file, a folder for a folder.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    parent: PathBuf,
    /// The folder for what is temporary.
    workplace: PathBuf,
    replace: bool,
    /// The folder under its temporary name; none where the output is a file.
    folder: Option<TempDir>,
}

impl Output {
    /// Checks, before any long work, that the output can be written and destroys nothing that is needed or unexpected.
    pub(crate) fn check(source: &Source, path: &Path, replace: bool) -> Result<Self, ModelError> {
        let parent = checked_parent(source, path)?;
        let refuse = |reason: String| {
            Err(ModelError::Output {
                path: path.to_path_buf(),
                reason,
            })
        };
        if path.symlink_metadata().is_ok() {
            if !replace {
                return refuse("exists already; -f (--force) replaces it".into());
            }
            if path.exists() && !path.is_file() && !path.is_dir() {
                return refuse("is neither a file nor a folder; choose another name".into());
            }
            match (source.is_folder(), path.is_dir()) {
                (true, false) => return refuse("is a file, and the output is a folder; choose another name".into()),
                (false, true) => return refuse("is a folder, and the output is a file; name a file in it".into()),
                (true, true) if !may_be_replaced(path)? => {
                    return refuse("holds files and no safetensors file, so it is no model; not replaced".into());
                }
                _ => {}
            }
        }
        Ok(Output {
            path: path.to_path_buf(),
            workplace: parent.clone(),
            parent,
            replace,
            folder: None,
        })
    }

    /// Makes everything temporary in `workplace`, a folder of the same file system, from now on.
    pub(crate) fn work_in(&mut self, workplace: &Path) {
        self.workplace = workplace.to_path_buf();
    }

    /// The path of the output.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the output.
    pub(crate) fn parent(&self) -> &Path {
        &self.parent
    }

    /// Whether an output that exists is replaced.
    pub(crate) fn replaces(&self) -> bool {
        self.replace
    }

    /// Makes the output under a temporary name, or finds out that this is not possible.
    pub(crate) fn begin(&mut self, source: &Source) -> Result<(), ModelError> {
        let name = self.path.file_name().unwrap_or_default();
        if source.is_folder() {
            let folder = temporary_folder(&self.workplace, name).map_err(ModelError::io(&self.path, "create"))?;
            self.folder = Some(folder);
        } else {
            // Only to find out: the real one is made when there is something to write.
            temporary_file(&self.workplace, name).map_err(ModelError::io(&self.path, "create"))?;
        }
        Ok(())
    }

    /// Writes the output's only file, or one file of the output's folder. Returns its size in bytes.
    pub(crate) fn write(
        &self,
        name: &Path,
        progress: &dyn Progress,
        fill: impl FnOnce(&Path, &mut dyn Write) -> Result<(), ModelError>,
    ) -> Result<u64, ModelError> {
        let Some(folder) = &self.folder else {
            progress.writing(&self.path);
            let temp = temporary_file(&self.workplace, self.path.file_name().unwrap_or_default())
                .map_err(ModelError::io(&self.path, "create"))?;
            let bytes = fill_and_sync(temp.as_file(), &self.path, fill)?;
            check_stop(progress)?;
            self.persist(temp)?;
            return Ok(bytes);
        };
        let shown = self.path.join(name);
        progress.writing(&shown);
        let hidden = folder.path().join(name);
        if let Some(inner) = hidden.parent() {
            fs::create_dir_all(inner).map_err(ModelError::io(&shown, "create the folder of"))?;
        }
        let file = File::create_new(&hidden).map_err(ModelError::io(&shown, "create"))?;
        fill_and_sync(&file, &shown, fill)
    }

    fn persist(&self, temp: NamedTempFile) -> Result<(), ModelError> {
        let persisted = if self.replace {
            temp.persist(&self.path)
        } else {
            temp.persist_noclobber(&self.path)
        };
        persisted.map_err(|error| ModelError::io(&self.path, "rename the finished file to")(error.error))?;
        sync_folder(&self.parent);
        Ok(())
    }

    /// Gives the finished folder its name. (A file has it already.)
    pub(crate) fn commit(self) -> Result<(), ModelError> {
        let Some(folder) = self.folder else {
            return Ok(());
        };
        let rename = |from: &Path, to: &Path| {
            fs::rename(from, to).map_err(ModelError::io(&self.path, "rename the finished folder to"))
        };
        sync_folder(folder.path());
        if self.replace && self.path.exists() {
            // A folder cannot be renamed onto a full one, so the old one steps aside, and back if that was in vain. Not into the
            // work folder: what is temporary there may be removed by the next run.
            let name = self.path.file_name().unwrap_or_default();
            let aside = temporary_folder(&self.parent, name).map_err(ModelError::io(&self.path, "replace"))?;
            let old = aside.path().join(name);
            rename(&self.path, &old)?;
            if let Err(error) = rename(folder.path(), &self.path) {
                if rename(&old, &self.path).is_err() {
                    // Better a stray folder than a lost model.
                    let _ = aside.keep();
                }
                return Err(error);
            }
        } else {
            rename(folder.path(), &self.path)?;
        }
        // It has moved; there is nothing left to remove.
        let _ = folder.keep();
        sync_folder(&self.parent);
        Ok(())
    }
}

/// Checks, before any long work, that a model made of this one may be written there.
///
/// # Errors
/// [`ModelError::Output`], when it exists and is not to be replaced, or is no place for a model.
pub fn check_output(source: &Source, output: &Path, replace: bool) -> Result<(), ModelError> {
    Output::check(source, output, replace).map(drop)
}

/// The folder of an output, which must exist; the output must not be the input, lie in it, or replace it.
pub(crate) fn checked_parent(source: &Source, path: &Path) -> Result<PathBuf, ModelError> {
    let refuse = |reason: String| {
        Err(ModelError::Output {
            path: path.to_path_buf(),
            reason,
        })
    };
    let Some(name) = path.file_name() else {
        return refuse("not a name for an output".into());
    };
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    if !parent.is_dir() {
        return refuse(format!(
            "the folder {} does not exist; create it first",
            parent.display()
        ));
    }
    check_apart(source, path, &parent.join(name))?;
    Ok(parent)
}

/// Writes bytes in chunks; a stop request is heard between them.
pub(crate) fn write_bytes(
    path: &Path,
    writer: &mut dyn Write,
    bytes: &[u8],
    progress: &dyn Progress,
) -> Result<(), ModelError> {
    for chunk in bytes.chunks(CHUNK_BYTES) {
        check_stop(progress)?;
        writer.write_all(chunk).map_err(ModelError::io(path, "write"))?;
    }
    Ok(())
}

/// A file under a temporary name in the folder `parent`, with the permissions that any new file gets.
pub(crate) fn temporary_file(parent: &Path, name: &OsStr) -> io::Result<NamedTempFile> {
    let prefix = temporary_prefix(name);
    with_mode(Builder::new().prefix(&prefix).suffix(TEMPORARY_SUFFIX), 0o666).tempfile_in(parent)
}

/// A folder under a temporary name in the folder `parent`, with the permissions that any new folder gets.
fn temporary_folder(parent: &Path, name: &OsStr) -> io::Result<TempDir> {
    let prefix = temporary_prefix(name);
    with_mode(Builder::new().prefix(&prefix).suffix(TEMPORARY_SUFFIX), 0o777).tempdir_in(parent)
}

/// The final name is part of the temporary one, so that a stray one can be told; shortened, so that it stays legal.
fn temporary_prefix(name: &OsStr) -> String {
    let readable: String = name.to_string_lossy().chars().take(40).collect();
    format!(".{readable}.")
}

/// `mode` is what a new file or folder gets, less the process's mask; the crate's own choice is "the owner only".
fn with_mode<'a, 'b, 'c>(builder: &'c mut Builder<'a, 'b>, mode: u32) -> &'c mut Builder<'a, 'b> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(mode))
    }
    #[cfg(not(unix))]
    {
        let _ = mode;
        builder
    }
}

/// Fills a file through a buffer and waits until it is on the disk.
pub(crate) fn fill_and_sync(
    file: &File,
    shown: &Path,
    fill: impl FnOnce(&Path, &mut dyn Write) -> Result<(), ModelError>,
) -> Result<u64, ModelError> {
    let mut writer = BufWriter::with_capacity(CHUNK_BYTES, file);
    fill(shown, &mut writer)?;
    writer.flush().map_err(ModelError::io(shown, "write"))?;
    file.sync_all().map_err(ModelError::io(shown, "write"))?;
    Ok(file.metadata().map_err(ModelError::io(shown, "read the size"))?.len())
}

/// Brings a folder's entries to the disk. Some file systems cannot, and the names are right all the same.
pub(crate) fn sync_folder(folder: &Path) {
    let _: io::Result<()> = File::open(folder).and_then(|folder| folder.sync_all());
}

/// Refuses an output that is the input, lies in it, or would replace it.
fn check_apart(source: &Source, path: &Path, named: &Path) -> Result<(), ModelError> {
    let refuse = |reason: &str| {
        Err(ModelError::Output {
            path: path.to_path_buf(),
            reason: reason.into(),
        })
    };
    // The output need not exist yet, its folder does.
    let folder = named.parent().and_then(|parent| parent.canonicalize().ok());
    let resolved = named
        .canonicalize()
        .ok()
        .or_else(|| Some(folder?.join(named.file_name()?)));
    let (Some(output), Ok(input)) = (resolved, source.path().canonicalize()) else {
        return Ok(());
    };
    let is_weights = |output: &Path| {
        let files = source.files().iter();
        files
            .filter_map(|file| file.path().canonicalize().ok())
            .any(|file| file == output)
    };
    if output == input || is_weights(&output) {
        refuse("is the input; choose another name")
    } else if source.is_folder() && output.starts_with(&input) {
        refuse("lies in the input folder; choose a name outside it")
    } else if input.starts_with(&output) {
        refuse("holds the input; choose another name")
    } else {
        Ok(())
    }
}

/// An existing folder may be replaced if it is empty or looks like a model: `-f` must not remove a home folder.
fn may_be_replaced(folder: &Path) -> Result<bool, ModelError> {
    let mut empty = true;
    for entry in fs::read_dir(folder).map_err(ModelError::io(folder, "list"))? {
        let path = entry.map_err(ModelError::io(folder, "list"))?.path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            return Ok(true);
        }
        empty = false;
    }
    Ok(empty)
}
