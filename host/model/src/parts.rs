//! A compressed matrix as the machine multiplies it: a matrix for each layer and scale group.

use crate::stored::StoredMatrix;
use seedlm_codec::{CodecError, ColumnGroup, WeightMatrix};

/// What the machine multiplies at once: the columns of a matrix that share their scales, in one layer. The products of all parts
/// together are that of the matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixPart {
    /// Number of its layer, the base being 1: its activations are turned as the layer's rows are.
    pub layer: usize,
    /// Its columns in the layer.
    pub group: ColumnGroup,
    /// The weights: as many rows as the matrix has.
    pub matrix: WeightMatrix,
}

impl StoredMatrix {
    /// What the machine multiplies, one after the other: the groups of the base, then those of each further layer. A matrix with a
    /// scale for each row has one part in each layer, the layer itself.
    ///
    /// # Errors
    /// [`CodecError::Code`] when what has scale groups is no chained matrix, which no container holds.
    pub fn into_parts(self) -> Result<Vec<MatrixPart>, CodecError> {
        let count = self.groups_per_row();
        let mut parts = Vec::new();
        for (layer, matrix) in (1..).zip(self.into_layers()) {
            if count == 1 {
                let group = ColumnGroup::default();
                parts.push(MatrixPart { layer, group, matrix });
                continue;
            }
            let WeightMatrix::Chained(coded) = &matrix else {
                return Err(CodecError::Code("scale groups belong to the chained codes".into()));
            };
            for group in ColumnGroup::all(count) {
                let matrix = WeightMatrix::Chained(group.of_matrix(coded)?);
                parts.push(MatrixPart { layer, group, matrix });
            }
        }
        Ok(parts)
    }
}
