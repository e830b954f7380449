//! What is in a model, without reading its weights.

use crate::container::{CompressedMatrix, Container, MatrixLayer};
use crate::figures::{bits_per_weight, relative_error, sqnr_db};
use crate::floats::FloatDtype;
use crate::model::Model;
use crate::source::{Source, TensorInfo};
use seedlm_codec::{Code, Rotation};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is in a model.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Inspection {
    /// A plain model.
    Plain(PlainInspection),
    /// A compressed model.
    Container(ContainerInspection),
}

/// What is in a plain model.
#[derive(Clone, Debug, Serialize)]
pub struct PlainInspection {
    /// Size of the weight files in bytes.
    pub file_bytes: u64,
    /// Elements of all floating-point tensors.
    pub weights: u64,
    /// The tensors.
    pub tensors: Vec<TensorSummary>,
}

/// What is in a compressed model.
#[derive(Clone, Debug, Serialize)]
pub struct ContainerInspection {
    /// Version of the container format: the highest of the files.
    pub version: u64,
    /// Program and version that wrote it.
    pub generator: String,
    /// Size of the weight files in bytes.
    pub file_bytes: u64,
    /// Weights of the whole model: compressed ones, and elements of kept floating-point tensors.
    pub weights: u64,
    /// Weights in the compressed matrices.
    pub compressed_weights: u64,
    /// Bits per weight of the compressed matrices, over words and scales.
    pub bits_per_compressed_weight: f64,
    /// Bits per weight of the whole model, over whole files.
    pub bits_per_weight: f64,
    /// `||W - W'|| / ||W||` over all compressed matrices, measured when they were compressed.
    pub relative_error: f64,
    /// The same as a ratio in decibels; none where there is no noise.
    pub sqnr_db: Option<f64>,
    /// The codes, by label.
    pub codes: BTreeMap<String, Code>,
    /// What it is after each layer.
    pub prefixes: Vec<PrefixSummary>,
    /// The compressed matrices.
    pub matrices: Vec<MatrixSummary>,
    /// The tensors kept as they were.
    pub kept: Vec<TensorSummary>,
}

/// A tensor that is not compressed.
#[derive(Clone, Debug, Serialize)]
pub struct TensorSummary {
    /// Name.
    pub name: String,
    /// Type of an element.
    pub dtype: String,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// Size in bytes.
    pub bytes: u64,
}

/// A compressed matrix.
#[derive(Clone, Debug, Serialize)]
pub struct MatrixSummary {
    /// Name.
    pub name: String,
    /// Rows (outputs) and columns (inputs).
    pub shape: [usize; 2],
    /// Type of the weights in the source.
    pub source_dtype: FloatDtype,
    /// Sizes of the tensor's dimensions in the source.
    pub source_shape: Vec<usize>,
    /// Label of the code, or of those of its layers.
    pub code: String,
    /// What was applied to each row before it was encoded, if anything.
    pub rotation: Option<Rotation>,
    /// The columns that share a scale, where that is not the whole row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_group: Option<usize>,
    /// Bytes of words and scales.
    pub stored_bytes: u64,
    /// Bits per weight over words and scales.
    pub bits_per_weight: f64,
    /// `||W - W'|| / ||W||`.
    pub relative_error: f64,
    /// The same as a ratio in decibels; none where there is no noise.
    pub sqnr_db: Option<f64>,
    /// Its layers, the base first.
    pub layers: Vec<LayerSummary>,
}

/// A layer of a compressed matrix.
#[derive(Clone, Debug, Serialize)]
pub struct LayerSummary {
    /// Label of the code.
    pub code: String,
    /// Bytes of words and scales.
    pub stored_bytes: u64,
    /// `||W - W'|| / ||W||`, `W'` being the sum of the layers up to this one.
    pub relative_error: f64,
}

/// The compressed matrices with their first so many layers.
#[derive(Clone, Debug, Serialize)]
pub struct PrefixSummary {
    /// Number of layers; matrices with fewer have all of theirs.
    pub layers: usize,
    /// Bits per weight over words and scales.
    pub bits_per_compressed_weight: f64,
    /// Bytes from the start of each file to the end of these layers, over all files: what has to be read.
    pub read_bytes: u64,
    /// `||W - W'|| / ||W||` over all compressed matrices.
    pub relative_error: f64,
}

/// Says what is in a model.
pub fn inspect(model: &Model) -> Inspection {
    match model {
        Model::Plain(source) => Inspection::Plain(plain(source)),
        Model::Container(container) => Inspection::Container(compressed(container)),
    }
}

fn plain(source: &Source) -> PlainInspection {
    PlainInspection {
        file_bytes: source.file_bytes(),
        weights: source.weights(),
        tensors: source.tensors().iter().map(TensorSummary::of).collect(),
    }
}

fn compressed(container: &Container) -> ContainerInspection {
    let matrices = container.matrices();
    let compressed_weights = matrices.iter().map(CompressedMatrix::weights).sum();
    let stored_bytes = matrices.iter().map(CompressedMatrix::stored_bytes).sum();
    let squared_error = matrices.iter().map(CompressedMatrix::squared_error).sum();
    let squared_norm = matrices.iter().map(|matrix| matrix.squared_norm).sum();
    let kept_weights: u64 = container
        .kept()
        .filter(|info| crate::source::is_float(info.dtype))
        .map(|info| info.elements() as u64)
        .sum();
    let first = container.documents().first();
    ContainerInspection {
        version: container
            .documents()
            .iter()
            .map(|document| document.version)
            .max()
            .unwrap_or(crate::CONTAINER_VERSION),
        generator: first.map_or_else(String::new, |document| document.generator.clone()),
        file_bytes: container.source().file_bytes(),
        weights: compressed_weights + kept_weights,
        compressed_weights,
        bits_per_compressed_weight: bits_per_weight(stored_bytes, compressed_weights),
        bits_per_weight: bits_per_weight(container.source().file_bytes(), compressed_weights + kept_weights),
        relative_error: relative_error(squared_error, squared_norm),
        sqnr_db: sqnr_db(squared_error, squared_norm),
        codes: container
            .documents()
            .iter()
            .flat_map(|document| document.codes.clone())
            .collect(),
        prefixes: (1..=container.most_layers())
            .map(|layers| PrefixSummary::of(container, layers))
            .collect(),
        matrices: matrices.iter().map(MatrixSummary::of).collect(),
        kept: container.kept().map(TensorSummary::of).collect(),
    }
}

impl TensorSummary {
    fn of(info: &TensorInfo) -> Self {
        TensorSummary {
            name: info.name.clone(),
            dtype: info.dtype.to_string(),
            shape: info.shape.clone(),
            bytes: info.bytes() as u64,
        }
    }
}

impl LayerSummary {
    fn of(matrix: &CompressedMatrix, layer: &MatrixLayer) -> Self {
        LayerSummary {
            code: layer.code.label(),
            stored_bytes: layer.stored_bytes(),
            relative_error: relative_error(layer.squared_error, matrix.squared_norm),
        }
    }
}

impl PrefixSummary {
    fn of(container: &Container, layers: usize) -> Self {
        let matrices = container.matrices().iter();
        let held = matrices.map(|matrix| (matrix, &matrix.layers[..layers.min(matrix.layers.len())]));
        let stored_bytes = held
            .clone()
            .flat_map(|(_, held)| held)
            .map(MatrixLayer::stored_bytes)
            .sum();
        let squared_error = held
            .clone()
            .filter_map(|(_, held)| held.last())
            .map(|layer| layer.squared_error)
            .sum();
        PrefixSummary {
            layers,
            bits_per_compressed_weight: bits_per_weight(
                stored_bytes,
                held.clone().map(|(matrix, _)| matrix.weights()).sum(),
            ),
            read_bytes: container.prefix_bytes(layers).iter().sum(),
            relative_error: relative_error(squared_error, held.map(|(matrix, _)| matrix.squared_norm).sum()),
        }
    }
}

impl MatrixSummary {
    fn of(matrix: &CompressedMatrix) -> Self {
        MatrixSummary {
            name: matrix.name.clone(),
            shape: [matrix.rows, matrix.columns],
            source_dtype: matrix.source_dtype,
            source_shape: matrix.source_shape.clone(),
            code: matrix.code_label(),
            rotation: matrix.rotation,
            scale_group: matrix.scale_group,
            stored_bytes: matrix.stored_bytes(),
            bits_per_weight: bits_per_weight(matrix.stored_bytes(), matrix.weights()),
            relative_error: relative_error(matrix.squared_error(), matrix.squared_norm),
            sqnr_db: sqnr_db(matrix.squared_error(), matrix.squared_norm),
            layers: matrix
                .layers
                .iter()
                .map(|layer| LayerSummary::of(matrix, layer))
                .collect(),
        }
    }
}
