//! Reads tensors of any size in small pieces, so that of a mapped file only a piece is in memory.

use crate::error::ModelError;
use crate::floats::FloatDtype;
use crate::source::{Matrix, Source, TensorInfo};

/// Bytes of a piece: whole elements of every type.
pub(crate) const PIECE_BYTES: usize = 4 << 20;

/// Is shown the bytes of a tensor, piece by piece.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), ModelError>;

impl Source {
    /// Shows the bytes of a tensor in order, and gives the memory of each piece back afterwards.
    ///
    /// # Errors
    /// As [`Source::bytes`], and whatever `visit` returns.
    pub(crate) fn pieces(&self, info: &TensorInfo, visit: Visit<'_>) -> Result<(), ModelError> {
        let mut start = info.data.start;
        for piece in self.bytes(info)?.chunks(PIECE_BYTES) {
            visit(piece)?;
            self.files()[info.file].release(start..start + piece.len());
            start += piece.len();
        }
        Ok(())
    }

    /// Reads a matrix, and shows its bytes on the way.
    ///
    /// # Errors
    /// As [`Source::matrix`], and whatever `visit` returns.
    pub(crate) fn matrix_in_pieces(&self, info: &TensorInfo, visit: Visit<'_>) -> Result<Matrix, ModelError> {
        let (rows, columns, dtype) = self.matrix_type(info)?;
        let mut values = Vec::with_capacity(rows * columns);
        self.pieces(info, &mut |piece| {
            visit(piece)?;
            let known = values.len();
            dtype.read_into(piece, &mut values);
            self.check_finite(info, columns, known, &values[known..])
        })?;
        Ok(Matrix { rows, columns, values })
    }

    /// Checks that all weights of a matrix are finite numbers, without holding them, and shows its bytes on the way.
    ///
    /// # Errors
    /// As [`Source::matrix`], and whatever `visit` returns.
    pub(crate) fn check_matrix(&self, info: &TensorInfo, visit: Visit<'_>) -> Result<(), ModelError> {
        let (_, columns, dtype) = self.matrix_type(info)?;
        let (mut checked, mut values) = (0, Vec::new());
        self.pieces(info, &mut |piece| {
            visit(piece)?;
            values.clear();
            dtype.read_into(piece, &mut values);
            self.check_finite(info, columns, checked, &values)?;
            checked += values.len();
            Ok(())
        })
    }

    /// Rows, columns and type of a matrix that can be read.
    fn matrix_type(&self, info: &TensorInfo) -> Result<(usize, usize, FloatDtype), ModelError> {
        match (info.rows_and_columns(), FloatDtype::of(info.dtype)) {
            (Some((rows, columns)), Some(dtype)) => Ok((rows, columns, dtype)),
            _ => {
                let reason = format!("{} {:?} is no matrix of F32, F16 or BF16", info.dtype, info.shape);
                Err(ModelError::tensor(self.file_path(info.file), &info.name, reason))
            }
        }
    }

    /// Checks weights of a matrix, the first of which has the given number.
    fn check_finite(&self, info: &TensorInfo, columns: usize, first: usize, values: &[f32]) -> Result<(), ModelError> {
        let Some(place) = values.iter().position(|value| !value.is_finite()) else {
            return Ok(());
        };
        Err(ModelError::NotFinite {
            path: self.file_path(info.file).to_path_buf(),
            tensor: info.name.clone(),
            row: (first + place) / columns,
            column: (first + place) % columns,
            value: values[place],
        })
    }
}
