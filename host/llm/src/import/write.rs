//! An imported model as a Hugging Face folder that appears whole or not at all.
//!
//! The folder is written under a temporary name beside the final one, brought to the disk, and renamed. An error or a stop
//! removes it; a killed process can leave it (its name starts with a dot and ends in `.tmp`).

use super::error::ImportError;
use super::{ImportedModel, check_stop};
use half::{bf16, f16};
use safetensors::tensor::{Metadata, TensorInfo};
use seedlm_model::{FloatDtype, Progress};
use serde::Serialize;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, TempDir};

/// Values that are converted at a time; a stop request is heard between them.
const CHUNK_VALUES: usize = 1 << 18;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WriteReport {
    /// Number of tensors.
    pub tensors: usize,
    /// Number of values in them.
    pub weights: u64,
    /// Values that the type does not hold exactly and that were rounded to nearest, ties to even.
    pub rounded_weights: u64,
    /// Size of the three files in bytes.
    pub output_bytes: u64,
}

/// Writes the folder. See [`ImportedModel::write_with`].
pub(super) fn write(
    model: &ImportedModel,
    path: &Path,
    dtype: FloatDtype,
    replace: bool,
    progress: &dyn Progress,
) -> Result<WriteReport, ImportError> {
    let parent = check_output(path, replace)?;
    let temporary = temporary_folder(&parent, path)?;
    let mut report = WriteReport {
        tensors: model.tensors.len(),
        weights: 0,
        rounded_weights: 0,
        output_bytes: 0,
    };
    let create = |name: &str| {
        let shown = path.join(name);
        progress.writing(&shown);
        let file = File::create_new(temporary.path().join(name)).map_err(ImportError::io(&shown, "create"))?;
        Ok::<_, ImportError>((shown, file))
    };
    let (shown, file) = create("model.safetensors")?;
    let mut writer = BufWriter::with_capacity(1 << 20, &file);
    let header = header(model, path, dtype)?;
    writer.write_all(&header).map_err(ImportError::io(&shown, "write"))?;
    for tensor in &model.tensors {
        for values in tensor.values.chunks(CHUNK_VALUES) {
            check_stop(progress)?;
            let (bytes, rounded) = converted(values, dtype).map_err(|value| {
                let reason = format!("the value {value} is beyond the range of {dtype}; write F32 or BF16");
                ImportError::tensor(&shown, &tensor.name, reason)
            })?;
            writer.write_all(&bytes).map_err(ImportError::io(&shown, "write"))?;
            report.weights += values.len() as u64;
            report.rounded_weights += rounded;
            progress.advance(values.len());
        }
    }
    writer.flush().map_err(ImportError::io(&shown, "write"))?;
    drop(writer);
    report.output_bytes += synced_bytes(&file, &shown)?;
    for (name, text) in [
        ("config.json", &model.config_json),
        ("tokenizer.json", &model.tokenizer_json),
    ] {
        let (shown, mut file) = create(name)?;
        file.write_all(text.as_bytes())
            .map_err(ImportError::io(&shown, "write"))?;
        report.output_bytes += synced_bytes(&file, &shown)?;
    }
    check_stop(progress)?;
    commit(temporary, &parent, path)?;
    Ok(report)
}

/// The header of a safetensors file with the tensors in their order. The metadata is what Hugging Face's loaders ask for.
fn header(model: &ImportedModel, path: &Path, dtype: FloatDtype) -> Result<Vec<u8>, ImportError> {
    let mut start = 0;
    let tensors = model.tensors.iter().map(|tensor| {
        let end = start + tensor.values.len() * dtype.bytes();
        let info = TensorInfo {
            dtype: dtype.dtype(),
            shape: tensor.shape.clone(),
            data_offsets: (start, end),
        };
        start = end;
        (tensor.name.clone(), info)
    });
    let refuse = |error: String| ImportError::output(path, format!("model.safetensors has no valid header: {error}"));
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    let header = Metadata::new(Some(metadata), tensors.collect()).map_err(|error| refuse(error.to_string()))?;
    let mut json = serde_json::to_vec(&header).map_err(|error| refuse(error.to_string()))?;
    json.resize(json.len().next_multiple_of(8), b' ');
    Ok([&(json.len() as u64).to_le_bytes()[..], &json].concat())
}

/// The values in the type, little-endian, and how many were rounded; a finite value that would become infinite is the error.
fn converted(values: &[f32], dtype: FloatDtype) -> Result<(Vec<u8>, u64), f32> {
    let mut bytes = Vec::with_capacity(values.len() * dtype.bytes());
    let mut rounded = 0;
    for &value in values {
        let read_again = match dtype {
            FloatDtype::F32 => {
                bytes.extend(value.to_le_bytes());
                value
            }
            FloatDtype::F16 => {
                let short = f16::from_f32(value);
                bytes.extend(short.to_le_bytes());
                short.to_f32()
            }
            FloatDtype::BF16 => {
                let short = bf16::from_f32(value);
                bytes.extend(short.to_le_bytes());
                short.to_f32()
            }
        };
        if value.is_finite() && !read_again.is_finite() {
            return Err(value);
        }
        rounded += u64::from(value != read_again);
    }
    Ok((bytes, rounded))
}

/// Waits until the file is on the disk; its size in bytes.
fn synced_bytes(file: &File, shown: &Path) -> Result<u64, ImportError> {
    file.sync_all().map_err(ImportError::io(shown, "write"))?;
    Ok(file.metadata().map_err(ImportError::io(shown, "read the size"))?.len())
}

/// Checks that the output destroys nothing unexpected; the folder that it goes into.
pub(super) fn check_output(path: &Path, replace: bool) -> Result<PathBuf, ImportError> {
    let refuse = |reason: String| Err(ImportError::output(path, reason));
    if path.file_name().is_none() {
        return refuse("not a name for an output".into());
    }
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
    if path.symlink_metadata().is_ok() {
        if !replace {
            return refuse("exists already; -f (--force) replaces it".into());
        }
        if path.is_symlink() || !path.is_dir() {
            return refuse("is no folder, and the output is one; choose another name".into());
        }
        if !may_be_replaced(path)? {
            return refuse("holds files and no safetensors file, so it is no model; not replaced".into());
        }
    }
    Ok(parent)
}

/// An existing folder may be replaced if it is empty or looks like a model: `-f` must not remove a home folder.
fn may_be_replaced(folder: &Path) -> Result<bool, ImportError> {
    let mut empty = true;
    for entry in fs::read_dir(folder).map_err(ImportError::io(folder, "list"))? {
        let path = entry.map_err(ImportError::io(folder, "list"))?.path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            return Ok(true);
        }
        empty = false;
    }
    Ok(empty)
}

/// A folder under a temporary name beside the output, with the permissions that any new folder gets.
fn temporary_folder(parent: &Path, path: &Path) -> Result<TempDir, ImportError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{}.", name.chars().take(40).collect::<String>());
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    builder.tempdir_in(parent).map_err(ImportError::io(path, "create"))
}

/// Gives the finished folder its name; an old folder of that name steps aside first, and back if that was in vain.
fn commit(temporary: TempDir, parent: &Path, path: &Path) -> Result<(), ImportError> {
    let rename =
        |from: &Path, to: &Path| fs::rename(from, to).map_err(ImportError::io(path, "rename the finished folder to"));
    sync_folder(temporary.path());
    if path.exists() {
        let aside = temporary_folder(parent, path)?;
        let old = aside.path().join("old");
        rename(path, &old)?;
        if let Err(error) = rename(temporary.path(), path) {
            if rename(&old, path).is_err() {
                // Better a stray folder than a lost model.
                let _ = aside.keep();
            }
            return Err(error);
        }
    } else {
        rename(temporary.path(), path)?;
    }
    // It has moved; there is nothing left to remove.
    let _ = temporary.keep();
    sync_folder(parent);
    Ok(())
}

/// Brings a folder's entries to the disk. Some file systems cannot, and the names are right all the same.
fn sync_folder(folder: &Path) {
    let _: std::io::Result<()> = File::open(folder).and_then(|folder| folder.sync_all());
}
