//! A compressed matrix in memory: coded rows, in one layer or several, and the rotation that they have gone through.

use crate::rotate::undo_rows;
use half::bf16;
use rayon::prelude::*;
use seedlm_codec::{ChainedMatrix, Code, CodecError, CodedMatrix, Rotation, WeightMatrix, layer_turn};
use std::ops::Range;

/// A compressed matrix as it is stored: the sum of its layers.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMatrix {
    /// At least one; all have the same shape.
    layers: Vec<WeightMatrix>,
    rotation: Option<Rotation>,
    /// Coded rows of a row: its scale groups. At least one, and 1 where a row has one scale.
    groups: usize,
}

impl StoredMatrix {
    /// `layers` come from codes, and there is at least one. Each row has so many coded rows: its scale groups.
    pub(crate) fn new(layers: Vec<WeightMatrix>, rotation: Option<Rotation>, groups: usize) -> Self {
        StoredMatrix {
            layers,
            rotation,
            groups,
        }
    }

    /// The coded rows of each layer, the base first: where there is a rotation, those of the rotated matrix. Those of the layers after
    /// the base are turned ([`layer_turn`]). Where there are [scale groups](StoredMatrix::scale_group), each is a coded row: those of
    /// the first row first.
    pub fn layers(&self) -> &[WeightMatrix] {
        &self.layers
    }

    /// The layers; see [`StoredMatrix::layers`].
    pub fn into_layers(self) -> Vec<WeightMatrix> {
        self.layers
    }

    /// What has been applied to each row before it was encoded.
    pub fn rotation(&self) -> Option<Rotation> {
        self.rotation
    }

    /// The columns that share a scale, where that is not the whole row.
    pub fn scale_group(&self) -> Option<usize> {
        (self.groups > 1).then(|| self.layers[0].columns())
    }

    /// Scale groups of a row: 1 where it has one scale.
    pub fn groups_per_row(&self) -> usize {
        self.groups
    }

    /// Number of rows (outputs).
    pub fn rows(&self) -> usize {
        self.layers[0].rows() / self.groups
    }

    /// Number of columns (inputs).
    pub fn columns(&self) -> usize {
        self.layers[0].columns() * self.groups
    }

    /// The weights of a row as the machine has them, the rotation not undone: in binary64 the sum of the layers' binary32 weights,
    /// the base first, each turned back, then rounded to binary32 (`docs/format.md`, section 12).
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row_values(&self, row: usize) -> Vec<f32> {
        self.row_of(row, self.layers.len())
    }

    /// All weights as the machine has them, row after row: see [`StoredMatrix::row_values`].
    pub fn machine_values(&self) -> Vec<f32> {
        let rows = (0..self.rows()).into_par_iter().map(|row| self.row_values(row));
        rows.collect::<Vec<Vec<f32>>>().concat()
    }

    /// The decoded weights of some rows, one after the other, the rotation undone.
    ///
    /// # Panics
    /// When there are no such rows.
    pub fn values(&self, rows: Range<usize>) -> Vec<f32> {
        self.values_of(rows, self.layers.len())
    }

    /// The decoded weights of some rows from the first so many layers alone.
    ///
    /// # Panics
    /// When there are no such rows, or not so many layers, or none is asked for.
    pub fn values_of(&self, rows: Range<usize>, layers: usize) -> Vec<f32> {
        let mut values: Vec<f32> = rows.flat_map(|row| self.row_of(row, layers)).collect();
        if let Some(rotation) = &self.rotation {
            undo_rows(rotation, self.columns(), &mut values);
        }
        values
    }

    /// A row of a layer, its groups side by side.
    fn layer_row(&self, layer: &WeightMatrix, row: usize) -> Vec<f32> {
        let coded = row * self.groups..(row + 1) * self.groups;
        coded.flat_map(|row| layer.row_values(row)).collect()
    }

    fn row_of(&self, row: usize, layers: usize) -> Vec<f32> {
        let mut values = self.layer_row(&self.layers[0], row);
        if layers == 1 {
            return values;
        }
        let mut sums: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
        let columns = sums.len();
        for (index, layer) in self.layers[..layers].iter().enumerate().skip(1) {
            let turn = layer_turn(index + 1, columns);
            for (place, value) in self.layer_row(layer, row).into_iter().enumerate() {
                sums[(place + turn) % columns] += f64::from(value);
            }
        }
        for (value, sum) in values.iter_mut().zip(sums) {
            *value = (sum as f32).clamp(f32::MIN, f32::MAX);
        }
        values
    }
}

/// Reads the bytes of words and scales of a layer, and checks all of them.
pub(crate) fn read_layer(
    code: &Code,
    [rows, columns]: [usize; 2],
    words: &[u8],
    scales: &[u8],
) -> Result<WeightMatrix, CodecError> {
    match code {
        Code::Block(code) => {
            let scale = scales
                .try_into()
                .map_err(|_| CodecError::Tensor("the scale is not one F32".into()))?;
            CodedMatrix::new(code, rows, columns, f32::from_le_bytes(scale), words.to_vec()).map(WeightMatrix::Block)
        }
        Code::Chained(code) => {
            let (scales, _) = scales.as_chunks();
            let scales = scales
                .iter()
                .map(|&scale| bf16::from_le_bytes(scale).to_f32())
                .collect();
            ChainedMatrix::new(code, rows, columns, scales, words.to_vec()).map(WeightMatrix::Chained)
        }
    }
}

/// The bytes of a layer's words, as a container stores them.
pub(crate) fn layer_words(layer: &WeightMatrix) -> &[u8] {
    match layer {
        WeightMatrix::Block(matrix) => matrix.words(),
        WeightMatrix::Chained(matrix) => matrix.words(),
        WeightMatrix::Binary16(_) => unreachable!("not made of a code"),
    }
}

/// The bytes of a layer's scales, as a container stores them.
pub(crate) fn layer_scale_bytes(layer: &WeightMatrix) -> Vec<u8> {
    match layer {
        WeightMatrix::Block(matrix) => matrix.scale().to_le_bytes().to_vec(),
        WeightMatrix::Chained(matrix) => {
            let scales = matrix.scales().iter();
            // Exact: the codec takes bfloat16 numbers only.
            scales.flat_map(|&scale| bf16::from_f32(scale).to_le_bytes()).collect()
        }
        WeightMatrix::Binary16(_) => unreachable!("not made of a code"),
    }
}
