//! A compressed matrix in memory: coded rows, and the rotation that they have gone through.

use crate::rotate::undo_rows;
use half::bf16;
use seedlm_codec::{ChainedMatrix, Code, CodecError, CodedMatrix, Rotation, WeightMatrix};
use std::ops::Range;

/// A compressed matrix as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMatrix {
    coded: WeightMatrix,
    rotation: Option<Rotation>,
}

impl StoredMatrix {
    /// `coded` comes from a code.
    pub(crate) fn new(coded: WeightMatrix, rotation: Option<Rotation>) -> Self {
        StoredMatrix { coded, rotation }
    }

    /// Reads the bytes of words and scales, and checks all of them.
    pub(crate) fn read(
        code: &Code,
        [rows, columns]: [usize; 2],
        rotation: Option<Rotation>,
        words: &[u8],
        scales: &[u8],
    ) -> Result<Self, CodecError> {
        let coded = match code {
            Code::Block(code) => {
                let scale = scales
                    .try_into()
                    .map_err(|_| CodecError::Tensor("the scale is not one F32".into()))?;
                CodedMatrix::new(code, rows, columns, f32::from_le_bytes(scale), words.to_vec())
                    .map(WeightMatrix::Block)?
            }
            Code::Chained(code) => {
                let (scales, _) = scales.as_chunks();
                let scales = scales
                    .iter()
                    .map(|&scale| bf16::from_le_bytes(scale).to_f32())
                    .collect();
                ChainedMatrix::new(code, rows, columns, scales, words.to_vec()).map(WeightMatrix::Chained)?
            }
        };
        Ok(StoredMatrix { coded, rotation })
    }

    /// The coded rows: where there is a rotation, those of the rotated matrix.
    pub fn coded(&self) -> &WeightMatrix {
        &self.coded
    }

    /// The coded rows; see [`StoredMatrix::coded`].
    pub fn into_coded(self) -> WeightMatrix {
        self.coded
    }

    /// What has been applied to each row before it was encoded.
    pub fn rotation(&self) -> Option<Rotation> {
        self.rotation
    }

    /// The decoded weights of some rows, one after the other, the rotation undone.
    ///
    /// # Panics
    /// When there are no such rows.
    pub fn values(&self, rows: Range<usize>) -> Vec<f32> {
        let mut values: Vec<f32> = rows.flat_map(|row| self.coded.row_values(row)).collect();
        if let Some(rotation) = &self.rotation {
            undo_rows(rotation, self.coded.columns(), &mut values);
        }
        values
    }

    /// The bytes of the words, as a container stores them.
    pub(crate) fn words(&self) -> &[u8] {
        match &self.coded {
            WeightMatrix::Block(matrix) => matrix.words(),
            WeightMatrix::Chained(matrix) => matrix.words(),
            WeightMatrix::Binary16(_) => unreachable!("not made of a code"),
        }
    }

    /// The bytes of the scales, as a container stores them.
    pub(crate) fn scale_bytes(&self) -> Vec<u8> {
        match &self.coded {
            WeightMatrix::Block(matrix) => matrix.scale().to_le_bytes().to_vec(),
            WeightMatrix::Chained(matrix) => {
                let scales = matrix.scales().iter();
                // Exact: the codec takes bfloat16 numbers only.
                scales.flat_map(|&scale| bf16::from_f32(scale).to_le_bytes()).collect()
            }
            WeightMatrix::Binary16(_) => unreachable!("not made of a code"),
        }
    }
}
