//! Containers that end early: the start of a file, as it comes through a pipe or is left of a download.

use crate::container::Container;
use crate::error::ModelError;
use crate::progress::{Progress, check_stop};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

/// Bytes received at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// The start of a container file that holds whole layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Prefix {
    /// Its bytes, from the start of the file.
    pub bytes: u64,
    /// Of each layer, the base first, how many matrices it holds.
    pub matrices_with_layer: Vec<usize>,
}

/// The longest start of a container's only file that has at most so many bytes and ends with a whole tensor; with no limit, all of
/// it.
///
/// # Errors
/// [`ModelError::Layers`] when that does not hold the kept tensors and the base of every matrix, or when the model has more than
/// one file.
pub fn prefix(container: &Container, most_bytes: Option<u64>) -> Result<Prefix, ModelError> {
    let files = container.source().files();
    let [file] = files else {
        return Err(ModelError::Layers(format!(
            "{} has {} files, and a stream is one; stream each of them",
            container.source().path().display(),
            files.len()
        )));
    };
    // A file that is cut off has no more than it has.
    let most_bytes = most_bytes.unwrap_or(u64::MAX).min(file.bytes().len() as u64);
    let base = container.prefix_bytes(1)[0];
    if most_bytes < base {
        return Err(ModelError::Layers(format!(
            "{}: the first layer and the tensors that are kept take {base} bytes, and {most_bytes} are too few",
            file.path().display()
        )));
    }
    let ends = container.source().tensors().iter().map(|tensor| tensor.data.end as u64);
    let bytes = ends.filter(|&end| end <= most_bytes).fold(base, u64::max);
    let held = container.matrices().iter().map(|matrix| matrix.layers_within(bytes));
    Ok(Prefix {
        bytes,
        matrices_with_layer: with_layer(&held.collect::<Vec<_>>()),
    })
}

/// Writes the start of a container's only file.
///
/// # Errors
/// What the writer gives; an error when the start is one of a longer file.
pub fn write_prefix(container: &Container, prefix: &Prefix, writer: &mut dyn Write) -> std::io::Result<()> {
    let file = container.source().files().first();
    let bytes = file.and_then(|file| file.bytes().get(..prefix.bytes as usize));
    let bytes = bytes.ok_or_else(|| std::io::Error::other("the start is longer than the file"))?;
    writer.write_all(bytes)?;
    writer.flush()
}

/// Of each layer, the base first, how many matrices of the container have it.
pub fn matrices_with_layer(container: &Container) -> Vec<usize> {
    let held = container.matrices().iter().map(|matrix| matrix.layers.len());
    with_layer(&held.collect::<Vec<_>>())
}

/// The same of matrices with so many layers each.
pub(crate) fn with_layer(held: &[usize]) -> Vec<usize> {
    let most = held.iter().copied().max().unwrap_or(0);
    (0..most)
        .map(|layer| held.iter().filter(|&&held| held > layer).count())
        .collect()
}

/// What is there of the layers, in words: `layer 1 of 21 matrices, layer 2 of 13`.
pub fn describe_layers(matrices_with_layer: &[usize]) -> String {
    let layers = matrices_with_layer.iter().enumerate();
    let layers = layers.map(|(index, count)| match index {
        0 => format!("layer 1 of {count} matrices"),
        _ => format!("layer {} of {count}", index + 1),
    });
    layers.collect::<Vec<_>>().join(", ")
}

/// Copies a stream to a file that can be mapped.
///
/// # Errors
/// [`ModelError::Io`]; [`ModelError::Interrupted`].
pub fn receive(reader: &mut dyn Read, path: &Path, progress: &dyn Progress) -> Result<(), ModelError> {
    let mut file = std::fs::File::create(path).map_err(ModelError::io(path, "create"))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        check_stop(progress)?;
        let count = match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            // A signal: what it asks for is looked at before the next piece.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(ModelError::io(path, "receive")(error)),
        };
        file.write_all(&chunk[..count]).map_err(ModelError::io(path, "write"))?;
    }
}

/// Says of a file that is too short what it still holds, if it is a container that can be read without its end.
pub(crate) fn explain_cut(path: &Path, error: ModelError) -> ModelError {
    let ModelError::Truncated {
        path: file,
        expected_bytes,
        actual_bytes,
    } = &error
    else {
        return error;
    };
    match Container::open_cut(path) {
        Ok(container) => ModelError::Cut {
            path: file.clone(),
            expected_bytes: *expected_bytes,
            actual_bytes: *actual_bytes,
            held: describe_layers(&matrices_with_layer(&container)),
        },
        Err(_) => error,
    }
}
