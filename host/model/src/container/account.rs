//! Holds what a container says of its tensors against those that it has.

use super::matrix::{CompressedMatrix, MatrixLayer};
use super::{CompressedEntry, Crc32, Document, scale_name, scale_tensor, words_name};
use crate::error::ModelError;
use crate::source::TensorInfo;
use safetensors::Dtype;
use seedlm_codec::{check_scale_groups, coded_shape};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Accounts for each tensor of a file exactly once.
#[expect(clippy::type_complexity)]
pub(super) fn account<'a>(
    path: &Path,
    file: usize,
    document: &Document,
    tensors: impl Iterator<Item = &'a TensorInfo>,
) -> Result<(Vec<CompressedMatrix>, Vec<(TensorInfo, Crc32)>), ModelError> {
    let mut unclaimed: BTreeMap<&str, &TensorInfo> = tensors.map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let present: BTreeSet<&str> = unclaimed.keys().copied().collect();
    let mut claim = |name: &str| {
        unclaimed.remove(name).cloned().ok_or_else(|| {
            let reason = if present.contains(name) {
                "its description names it twice"
            } else {
                "its description names it, and the file does not have it"
            };
            ModelError::tensor(path, name, reason)
        })
    };
    let mut matrices = Vec::with_capacity(document.compressed.len());
    for (name, entry) in &document.compressed {
        let [rows, columns] = check_shape(path, name, entry)?;
        let coded = coded_shape(entry.shape, entry.scale_group());
        let coded = coded.map_err(|error| ModelError::tensor(path, name, format!("its description says: {error}")))?;
        let layers = entry.all_layers().enumerate().map(|(number, stated)| {
            let words = claim(&words_name(name, number + 1))?;
            let scale = claim(&scale_name(name, number + 1))?;
            let code = document.codes.get(&stated.code).cloned();
            let layer = MatrixLayer {
                code: code.ok_or_else(|| {
                    ModelError::tensor(path, name, format!("its code {:?} is not described", stated.code))
                })?,
                squared_error: stated.squared_error,
                words,
                words_crc32: stated.words_crc32,
                scale,
                scale_crc32: stated.scale_crc32,
            };
            if entry.scale_group().is_some() {
                check_scale_groups(&layer.code).map_err(|error| ModelError::tensor(path, name, error.to_string()))?;
            }
            check_layer(path, name, number + 1, coded, &layer)?;
            Ok(layer)
        });
        matrices.push(CompressedMatrix {
            name: name.clone(),
            file,
            rows,
            columns,
            source_dtype: entry.source_dtype,
            source_shape: entry.source_shape().to_vec(),
            rotation: entry.rotation(),
            scale_group: entry.scale_group().filter(|&group| group != columns),
            squared_norm: entry.squared_norm,
            layers: layers.collect::<Result<_, ModelError>>()?,
        });
    }
    let mut kept = Vec::with_capacity(document.kept.len());
    for (name, entry) in &document.kept {
        if document.compressed.contains_key(name) {
            return Err(ModelError::tensor(
                path,
                name,
                "its description calls it both compressed and kept",
            ));
        }
        kept.push((claim(name)?, entry.crc32));
    }
    check_sections(path, &matrices, kept.iter().map(|(info, _)| info))?;
    if let Some(name) = unclaimed.keys().next() {
        return Err(ModelError::tensor(path, name, "its description does not name it"));
    }
    Ok((matrices, kept))
}

/// Checks what the description says of a matrix as a whole, and returns its rows and columns.
fn check_shape(path: &Path, name: &str, entry: &CompressedEntry) -> Result<[usize; 2], ModelError> {
    let refuse = |reason: String| Err(ModelError::tensor(path, name, reason));
    let [rows, columns] = entry.shape;
    if rows == 0 || columns == 0 {
        return refuse(format!(
            "its shape {rows} x {columns} is empty, and empty matrices are not compressed"
        ));
    }
    if rows
        .checked_mul(columns)
        .and_then(|weights| weights.checked_mul(size_of::<f64>()))
        .is_none()
    {
        return refuse(format!("its shape {rows} x {columns} is too large to address"));
    }
    if !splits_into(entry.source_shape(), entry.shape) {
        return refuse(format!(
            "its source_shape {:?} is not {rows} rows of {columns} weights",
            entry.source_shape()
        ));
    }
    check_sum(path, name, "squared_norm", entry.squared_norm)?;
    Ok([rows, columns])
}

/// Whether the first dimensions of a shape, at least one, are the rows, and the others the columns.
fn splits_into(shape: &[usize], [rows, columns]: [usize; 2]) -> bool {
    // Neither is zero, and the caller has found that their product can be addressed: so no dimension is zero, and those after the rows
    // are the columns if all together are both.
    let mut product = 1_usize;
    let mut has_rows = false;
    for &size in shape {
        match product.checked_mul(size) {
            Some(next) if next > 0 => product = next,
            _ => return false,
        }
        has_rows |= product == rows;
    }
    has_rows && product == rows * columns
}

fn check_sum(path: &Path, name: &str, what: &str, value: f64) -> Result<(), ModelError> {
    match value.is_finite() && value >= 0.0 {
        true => Ok(()),
        false => Err(ModelError::tensor(path, name, format!("its {what} is {value}"))),
    }
}

/// Checks what can be checked of a layer without reading it.
fn check_layer(
    path: &Path,
    name: &str,
    number: usize,
    [rows, columns]: [usize; 2],
    layer: &MatrixLayer,
) -> Result<(), ModelError> {
    let refuse = |reason: String| {
        let reason = match number {
            1 => reason,
            number => format!("layer {number}: {reason}"),
        };
        Err(ModelError::tensor(path, name, reason))
    };
    let (code, words, scale) = (&layer.code, &layer.words, &layer.scale);
    let expected = code.word_bytes(rows, columns);
    if words.dtype != Dtype::U8 || words.shape.len() != 1 || Some(words.bytes()) != expected {
        return refuse(format!(
            "its words are {} {:?}, and {rows} x {columns} weights in {} need U8 [{}]",
            words.dtype,
            words.shape,
            code.label(),
            expected.map_or("?".into(), |bytes| bytes.to_string())
        ));
    }
    let (dtype, shape) = scale_tensor(code, rows);
    if scale.dtype != dtype || scale.shape != shape {
        return refuse(format!(
            "its scale is {} {:?}, and must be {dtype} {shape:?}",
            scale.dtype, scale.shape
        ));
    }
    check_sum(path, name, "squared_error", layer.squared_error)
}

/// Checks that a layer lies behind all layers with lower numbers, whichever matrix they are of, and behind the kept tensors: so
/// that a reader who stops early has whole layers.
fn check_sections<'a>(
    path: &Path,
    matrices: &[CompressedMatrix],
    kept: impl Iterator<Item = &'a TensorInfo>,
) -> Result<(), ModelError> {
    let most = matrices.iter().map(|matrix| matrix.layers.len()).max().unwrap_or(0);
    let mut end = kept.map(|info| info.data.end).max().unwrap_or(0);
    for number in 0..most {
        let of_section = matrices.iter().filter_map(|matrix| matrix.layers.get(number));
        let tensors = of_section.flat_map(|layer| [&layer.words, &layer.scale]);
        if number > 0
            && let Some(tensor) = tensors.clone().find(|tensor| tensor.data.start < end)
        {
            let reason = format!(
                "it is of layer {}, and not all of layer {number} lies before it",
                number + 1
            );
            return Err(ModelError::tensor(path, &tensor.name, reason));
        }
        end = tensors.map(|tensor| tensor.data.end).fold(end, usize::max);
    }
    Ok(())
}
