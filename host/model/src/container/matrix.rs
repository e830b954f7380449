//! What is known of a compressed matrix without reading it.

use super::{CompressedEntry, Content, Crc32, LayerEntry, NewLayer};
use crate::encoding::layers_label;
use crate::floats::FloatDtype;
use crate::source::TensorInfo;
use seedlm_codec::{Code, Rotation};

/// What is known of a compressed matrix without reading it.
#[derive(Clone, Debug, PartialEq)]
pub struct CompressedMatrix {
    /// Name.
    pub name: String,
    /// Number of the file it is in; see [`Source::file_path`](crate::Source::file_path).
    pub file: usize,
    /// Number of rows (outputs).
    pub rows: usize,
    /// Number of columns (inputs).
    pub columns: usize,
    /// Type of the weights in the source.
    pub source_dtype: FloatDtype,
    /// Sizes of the tensor's dimensions in the source.
    pub source_shape: Vec<usize>,
    /// What was applied to each row before it was encoded, if anything.
    pub rotation: Option<Rotation>,
    /// The columns that share a scale, where that is not the whole row.
    pub scale_group: Option<usize>,
    /// Sum of `w^2`.
    pub squared_norm: f64,
    /// The layers, the base first; at least one.
    pub layers: Vec<MatrixLayer>,
}

/// What is known of a layer of a compressed matrix without reading it.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixLayer {
    /// The code.
    pub code: Code,
    /// Sum of `(w - w')^2`, `w'` being the sum of the layers up to this one, measured when the matrix was compressed.
    pub squared_error: f64,
    pub(super) words: TensorInfo,
    pub(super) words_crc32: Crc32,
    pub(super) scale: TensorInfo,
    pub(super) scale_crc32: Crc32,
}

impl MatrixLayer {
    /// Where it ends in its file, in bytes.
    pub(crate) fn end(&self) -> u64 {
        self.words.data.end.max(self.scale.data.end) as u64
    }

    /// Bytes of words and scales.
    pub fn stored_bytes(&self) -> u64 {
        self.words.bytes() as u64 + self.scale.bytes() as u64
    }
}

impl CompressedMatrix {
    /// Number of weights.
    pub fn weights(&self) -> u64 {
        self.rows as u64 * self.columns as u64
    }

    /// Bytes of words and scales.
    pub fn stored_bytes(&self) -> u64 {
        self.layers.iter().map(MatrixLayer::stored_bytes).sum()
    }

    /// The matrix with its first `layers`, at least one.
    pub(crate) fn first_layers(&self, layers: usize) -> Self {
        let mut matrix = self.clone();
        matrix.layers.truncate(layers.max(1));
        matrix
    }

    /// The matrix with its first so many layers as a container describes it; none where there are none.
    pub(crate) fn entry(&self, layers: usize) -> Option<CompressedEntry> {
        let layers = self.layers[..layers].iter().map(|layer| LayerEntry {
            code: layer.code.label(),
            words_crc32: layer.words_crc32,
            scale_crc32: layer.scale_crc32,
            squared_error: layer.squared_error,
        });
        let shapes = ([self.rows, self.columns], &self.source_shape[..]);
        let entry = CompressedEntry::of_layers(shapes, self.source_dtype, self.rotation, self.squared_norm, layers)?;
        Some(entry.with_scale_group(self.scale_group))
    }

    /// Scale groups of a row: 1 where it has one scale.
    pub(crate) fn groups_per_row(&self) -> usize {
        self.scale_group.map_or(1, |group| self.columns / group)
    }

    /// How many of its layers end within so many bytes from the start of its file.
    pub(crate) fn layers_within(&self, bytes: u64) -> usize {
        self.layers.iter().take_while(|layer| layer.end() <= bytes).count()
    }

    /// Its first so many layers, to be copied into another file.
    pub(crate) fn copied_layers(&self, layers: usize) -> impl Iterator<Item = NewLayer<'_>> {
        self.layers[..layers].iter().map(|layer| NewLayer {
            code: &layer.code,
            words_bytes: layer.words.bytes(),
            words: Content::Kept(layer.words.clone(), layer.words_crc32),
            scale: Content::Kept(layer.scale.clone(), layer.scale_crc32),
        })
    }

    /// The codes of its layers, the base first.
    pub fn codes(&self) -> impl Iterator<Item = &Code> {
        self.layers.iter().map(|layer| &layer.code)
    }

    /// Its code, if it has one layer.
    pub fn only_code(&self) -> Option<&Code> {
        match &self.layers[..] {
            [layer] => Some(&layer.code),
            _ => None,
        }
    }

    /// The labels of its codes, as `chained-2b + chained-2b`.
    pub fn code_label(&self) -> String {
        layers_label(self.codes())
    }

    /// Sum of `(w - w')^2` with all its layers, measured when it was compressed.
    pub fn squared_error(&self) -> f64 {
        self.layers.last().map_or(0.0, |layer| layer.squared_error)
    }
}
