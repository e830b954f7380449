//! Turns a container back into plain safetensors that any tool loads.

use crate::container::{CompressedMatrix, Container, DOCUMENT_KEY, HEADER_CRC_KEY};
use crate::copy::complete;
use crate::error::ModelError;
use crate::floats::FloatDtype;
use crate::output::Output;
use crate::plain::{NewTensor, header_for, order, write_file};
use crate::progress::{MatrixStep, Progress, check_stop};
use crate::source::TensorInfo;
use rayon::prelude::*;
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

/// Weights that a thread decodes at a time.
const WEIGHTS_PER_TASK: usize = 1 << 14;
/// Weights decoded between two writes: enough to keep all threads busy, little enough to stay small in memory.
const WEIGHTS_PER_WRITE: usize = 1 << 20;

/// How to decompress.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecompressOptions {
    /// Type of the decoded matrices; `None`: as in the source. Kept tensors always stay as they are.
    pub dtype: Option<FloatDtype>,
    /// Whether an output that exists is replaced.
    pub replace: bool,
}

/// What a decompression did.
#[derive(Clone, Debug, Serialize)]
pub struct DecompressReport {
    /// Matrices decoded.
    pub matrices: usize,
    /// Labels of the codes of the matrices.
    pub codes: Vec<String>,
    /// Number of matrices whose rotation was undone.
    pub rotated_matrices: usize,
    /// Weights decoded.
    pub decoded_weights: u64,
    /// Tensors copied as they were.
    pub kept_tensors: usize,
    /// Size of the container files in bytes.
    pub input_bytes: u64,
    /// Size of the plain files in bytes.
    pub output_bytes: u64,
    /// Time for everything, in seconds.
    pub seconds: f64,
}

/// Where the bytes of a plain tensor come from.
enum Content<'a> {
    Decoded(&'a CompressedMatrix, FloatDtype),
    Kept(&'a TensorInfo),
}

/// Decodes all matrices of a container and copies the rest. All checksums are checked on the way. Rows are decoded in
/// the current rayon thread pool.
///
/// # Errors
/// [`ModelError`]; nothing is left under the output's name then, except what was there before.
pub fn decompress(
    container: &Container,
    output: &Path,
    options: &DecompressOptions,
    progress: &dyn Progress,
) -> Result<DecompressReport, ModelError> {
    let begun = Instant::now();
    let source = container.source();
    let mut target = Output::check(source, output, options.replace)?;
    target.begin(source)?;
    let mut output_bytes = 0;
    let mut index_entries = Vec::new();
    let mut number = 0;
    for (file_number, file) in source.files().iter().enumerate() {
        let decoded = container.matrices().iter().filter(|matrix| matrix.file == file_number);
        let decoded = decoded.map(|matrix| {
            let dtype = options.dtype.unwrap_or(matrix.source_dtype);
            NewTensor {
                name: matrix.name.clone(),
                dtype: dtype.dtype(),
                shape: matrix.source_shape.clone(),
                content: Content::Decoded(matrix, dtype),
            }
        });
        let kept = container.kept().filter(|info| info.file == file_number);
        let kept = kept.map(|info| NewTensor {
            name: info.name.clone(),
            dtype: info.dtype,
            shape: info.shape.clone(),
            content: Content::Kept(info),
        });
        let mut tensors: Vec<_> = decoded.chain(kept).collect();
        order(&mut tensors);
        let mut metadata = file.header().metadata.clone();
        metadata.retain(|key, _| key != DOCUMENT_KEY && key != HEADER_CRC_KEY);
        output_bytes += target.write(Path::new(&file.file_name()), progress, |path, writer| {
            let header = header_for(path, &metadata, &tensors)?;
            write_file(
                path,
                writer,
                progress,
                &header,
                &tensors,
                |tensor, write| match tensor.content {
                    Content::Kept(info) => write(container.kept_bytes(info)?),
                    Content::Decoded(matrix, dtype) => {
                        number += 1;
                        progress.start(&MatrixStep {
                            number,
                            count: container.matrices().len(),
                            name: matrix.name.clone(),
                            rows: matrix.rows,
                            columns: matrix.columns,
                            source_dtype: matrix.source_dtype,
                            code: matrix.code_label(),
                        });
                        decode(container, matrix, dtype, progress, write)
                    }
                },
            )
        })?;
        index_entries.extend(tensors.iter().map(|tensor| tensor.index_entry(&file.file_name())));
    }
    complete(source, target, index_entries, progress)?;
    Ok(DecompressReport {
        matrices: container.matrices().len(),
        codes: container.code_labels(),
        rotated_matrices: container.rotated_matrices(),
        decoded_weights: container.matrices().iter().map(CompressedMatrix::weights).sum(),
        kept_tensors: container.kept().count(),
        input_bytes: source.file_bytes(),
        output_bytes,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

/// Decodes a matrix, some rows at a time.
fn decode(
    container: &Container,
    info: &CompressedMatrix,
    dtype: FloatDtype,
    progress: &dyn Progress,
    write: &mut dyn FnMut(&[u8]) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let coded = container.matrix(info)?;
    let rows_per_task = (WEIGHTS_PER_TASK / info.columns).max(1);
    let rows_per_write = (WEIGHTS_PER_WRITE / info.columns).max(1);
    for first in (0..info.rows).step_by(rows_per_write) {
        check_stop(progress)?;
        let rows = first..info.rows.min(first + rows_per_write);
        let weights = rows.len() * info.columns;
        let decoded: Vec<Vec<u8>> = rows
            .clone()
            .into_par_iter()
            .step_by(rows_per_task)
            .map(|first| {
                let values = coded.values(first..rows.end.min(first + rows_per_task));
                let mut bytes = Vec::with_capacity(values.len() * dtype.bytes());
                dtype.write(&values, &mut bytes);
                bytes
            })
            .collect();
        write(&decoded.concat())?;
        progress.advance(weights);
    }
    Ok(())
}
