//! Completes an output: the other files of a model folder come along, and its index names the new tensors, so that the
//! output is again a folder that tools understand.

use crate::error::ModelError;
use crate::folder::{INDEX_FILE, other_files};
use crate::output::{Output, write_bytes};
use crate::progress::{Progress, check_stop};
use crate::source::Source;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Adds what belongs to the output besides weight files, and gives it its name. `index_entries` are the new tensors:
/// name, file, bytes.
pub(crate) fn complete(
    source: &Source,
    target: Output,
    index_entries: Vec<(String, String, u64)>,
    progress: &dyn Progress,
) -> Result<(), ModelError> {
    if source.is_folder() {
        copy_others(source, &target, progress)?;
        check_stop(progress)?;
    }
    if let Some(index) = source.index() {
        let text = index.rewritten(index_entries).to_json();
        target.write(Path::new(INDEX_FILE), progress, |path, writer| {
            write_bytes(path, writer, &text, progress)
        })?;
    }
    target.commit()
}

/// Copies all files of the source's folder that are not its weights or its index.
fn copy_others(source: &Source, target: &Output, progress: &dyn Progress) -> Result<(), ModelError> {
    let weights: Vec<&Path> = source.files().iter().map(|file| file.path()).collect();
    let others = other_files(source.path(), &weights)?;
    for name in &others.copied {
        let from = source.path().join(name);
        target.write(name, progress, |path, writer| {
            let mut file = File::open(&from).map_err(ModelError::io(&from, "open"))?;
            let mut chunk = vec![0; CHUNK_BYTES];
            loop {
                let count = file.read(&mut chunk).map_err(ModelError::io(&from, "read"))?;
                if count == 0 {
                    return Ok(());
                }
                write_bytes(path, writer, &chunk[..count], progress)?;
            }
        })?;
    }
    for name in &others.left_out {
        progress.left_out(&source.path().join(name));
    }
    Ok(())
}
