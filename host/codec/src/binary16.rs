//! Uncompressed weights in IEEE 754 binary16, as exact integers: the reference that the codes are compared with.

use crate::error::CodecError;
use half::f16;

/// The value of one integer step of a binary16 number: 2^-24, its smallest subnormal.
pub const BINARY16_SCALE: f32 = 1.0 / 16_777_216.0;

/// The significand and the exponent of a finite binary16 number: its value is `significand * 2^exponent * 2^-24`.
///
/// The significand has at most 11 bits and a sign, the exponent is 0..=29.
pub fn binary16_parts(bits: u16) -> (i32, u32) {
    let exponent = u32::from(bits >> 10 & 31);
    let fraction = i32::from(bits & 1023);
    let (significand, exponent) = if exponent == 0 {
        (fraction, 0)
    } else {
        (fraction | 1024, exponent - 1)
    };
    (if bits >> 15 == 1 { -significand } else { significand }, exponent)
}

/// A matrix of `rows x columns` finite binary16 weights, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary16Matrix {
    rows: usize,
    columns: usize,
    bits: Vec<u16>,
}

impl Binary16Matrix {
    /// Rounds `f32` weights (row by row) to the nearest binary16, ties to even.
    ///
    /// # Errors
    /// [`CodecError::Tensor`] when the number of values is not `rows * columns`, or a value is not finite in binary16.
    pub fn from_f32(rows: usize, columns: usize, values: &[f32]) -> Result<Self, CodecError> {
        if rows.checked_mul(columns) != Some(values.len()) {
            return Err(CodecError::Tensor(format!(
                "{rows} x {columns} weights are not {} values",
                values.len()
            )));
        }
        let rounded = values.iter().map(|&value| f16::from_f32(value));
        if let Some(index) = rounded.clone().position(|value| !value.is_finite()) {
            return Err(CodecError::Tensor(format!(
                "row {}, column {}: {} is not finite in binary16",
                index / columns,
                index % columns,
                values[index]
            )));
        }
        Ok(Binary16Matrix {
            rows,
            columns,
            bits: rounded.map(f16::to_bits).collect(),
        })
    }

    /// Number of rows (outputs).
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns (inputs).
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The bits of one weight.
    ///
    /// # Panics
    /// When there is no such weight.
    pub fn bits_at(&self, row: usize, column: usize) -> u16 {
        assert!(
            row < self.rows && column < self.columns,
            "no weight at row {row}, column {column}"
        );
        self.bits[row * self.columns + column]
    }

    /// The integer weights of a row, in steps of [`BINARY16_SCALE`].
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row_integers(&self, row: usize) -> Vec<i64> {
        (0..self.columns)
            .map(|column| {
                let (significand, exponent) = binary16_parts(self.bits_at(row, column));
                i64::from(significand) << exponent
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_number_is_its_integer_times_the_scale() {
        for bits in 0..=u16::MAX {
            let value = f16::from_bits(bits);
            if value.is_finite() {
                let (significand, exponent) = binary16_parts(bits);
                assert!(significand.abs() < 2048 && exponent <= 29);
                let integer = i64::from(significand) << exponent;
                assert_eq!(
                    integer as f64 * f64::from(BINARY16_SCALE),
                    f64::from(value.to_f32()),
                    "{bits:04x}"
                );
            }
        }
    }

    #[test]
    fn values_that_binary16_cannot_hold_are_named() {
        let error = Binary16Matrix::from_f32(2, 2, &[0.0, 1.0, 2.0, 1e6])
            .unwrap_err()
            .to_string();
        assert!(error.contains("row 1, column 1"), "{error}");
        assert!(Binary16Matrix::from_f32(2, 2, &[0.0; 3]).is_err());
    }
}
