//! A weight matrix in the chained code: bits, a scale for each row, and access to any row.

use super::code::ChainedCode;
use crate::bits::read_field;
use crate::error::CodecError;
use half::bf16;

/// A coded matrix of `rows x columns` weights (row = output, column = input), checked when it is made.
///
/// Weight `c` of row `r` has the bits `(r * columns + c) * k .. + k` of a least-significant-bit-first stream; the last byte
/// is filled up with zero bits. Row `r` has the scale `scales[r]`, a bfloat16 number.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainedMatrix {
    code: ChainedCode,
    rows: usize,
    columns: usize,
    scales: Vec<f32>,
    words: Vec<u8>,
}

impl ChainedMatrix {
    /// Bytes of the bit stream of a matrix, or `None` where they cannot be counted.
    pub fn word_bytes(code: &ChainedCode, rows: usize, columns: usize) -> Option<usize> {
        let bits = rows
            .checked_mul(columns)?
            .checked_mul(code.bits_per_weight() as usize)?;
        Some(bits.div_ceil(8))
    }

    /// The bfloat16 number nearest to `value`, ties to even, moved into the range that [`ChainedMatrix::new`] accepts.
    pub fn legal_scale(code: &ChainedCode, value: f64) -> f32 {
        let largest = f64::from(f32::MAX) / 2.0 / code.map().largest_weight() as f64;
        // The largest bfloat16 number that is not above it.
        let largest = f32::from_bits((largest as f32).to_bits() & 0xffff_0000);
        let rounded = f32::from(bf16::from_f64(value.max(f64::from(f32::MIN_POSITIVE))));
        rounded.min(largest)
    }

    /// Puts a matrix together and checks all of it: sizes, scales, zero bits at the end.
    ///
    /// # Errors
    /// [`CodecError::Tensor`], which names the row where there is one.
    pub fn new(
        code: &ChainedCode,
        rows: usize,
        columns: usize,
        scales: Vec<f32>,
        words: Vec<u8>,
    ) -> Result<Self, CodecError> {
        let expected = ChainedMatrix::word_bytes(code, rows, columns)
            .ok_or_else(|| CodecError::Tensor(format!("{rows} x {columns} weights are too many to address")))?;
        if words.len() != expected {
            return Err(CodecError::Tensor(format!(
                "{rows} x {columns} weights in {} need {expected} bytes of words, and there are {}",
                code.label(),
                words.len()
            )));
        }
        if scales.len() != rows {
            return Err(CodecError::Tensor(format!(
                "{rows} rows need as many scales, and there are {}",
                scales.len()
            )));
        }
        for (row, &scale) in scales.iter().enumerate() {
            // Twice the bound, as for the block code.
            let largest = code.map().largest_weight() as f64 * f64::from(scale) * 2.0;
            let is_bfloat16 = scale.to_bits() & 0xffff == 0;
            if !(is_bfloat16 && scale.is_normal() && scale > 0.0 && largest <= f64::from(f32::MAX)) {
                return Err(CodecError::Tensor(format!(
                    "the scale {scale:e} of row {row} must be a bfloat16 number, positive, not subnormal, and small enough that every weight is finite in f32"
                )));
            }
        }
        let used = rows * columns * code.bits_per_weight() as usize;
        if used < 8 * words.len() && read_field(&words, used, 8 * words.len() - used) != 0 {
            return Err(CodecError::Tensor(
                "the unused bits of the last byte are not zero".into(),
            ));
        }
        Ok(ChainedMatrix {
            code: code.clone(),
            rows,
            columns,
            scales,
            words,
        })
    }

    /// The code.
    pub fn code(&self) -> &ChainedCode {
        &self.code
    }

    /// Number of rows (outputs).
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns (inputs).
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The real value of one integer step in each row; a weight is `integer * scale`.
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// The bit stream.
    pub fn words(&self) -> &[u8] {
        &self.words
    }

    /// The stored bits of a machine word: those of `weights_per_word` neighbours, and zeros beyond the row.
    ///
    /// # Panics
    /// When there is no such row or word.
    pub fn word_bits_at(&self, row: usize, word: usize) -> u128 {
        let first = word * self.code.weights_per_word();
        assert!(
            row < self.rows && first < self.columns,
            "no word at row {row}, word {word}"
        );
        let count = self.code.weights_per_word().min(self.columns - first);
        let stored = self.code.bits_per_weight() as usize;
        read_field(&self.words, (row * self.columns + first) * stored, count * stored)
    }

    /// The integer weights of a row: `columns` integers.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row_integers(&self, row: usize) -> Vec<i64> {
        assert!(row < self.rows, "no row {row}");
        let (stored, length) = (self.code.bits_per_weight() as usize, self.code.map().length());
        let mut window = 0_u32;
        (0..self.columns)
            .map(|column| {
                let new = read_field(&self.words, (row * self.columns + column) * stored, stored) as u32;
                window = window >> stored | new << (length - stored as u32);
                self.code.map().weight(window)
            })
            .collect()
    }

    /// The weights of a row: the integers times the row's scale. The products are exact: a scale has 8 significant bits.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row_values(&self, row: usize) -> Vec<f32> {
        let scale = self.scales[row];
        let integers = self.row_integers(row);
        integers.into_iter().map(|integer| integer as f32 * scale).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code() -> ChainedCode {
        ChainedCode::preset("chained-3b").unwrap()
    }

    #[test]
    fn rows_are_read_at_random_and_each_starts_anew() {
        // 3 rows of 5 weights of 3 bits: 45 bits.
        let words = vec![0x12, 0x34, 0x56, 0x78, 0x9a, 0x0b];
        let matrix = ChainedMatrix::new(&code(), 3, 5, vec![0.5, 2.0, 1.0], words.clone()).unwrap();
        let all = u64::from_le_bytes([0x12, 0x34, 0x56, 0x78, 0x9a, 0x0b, 0, 0]);
        for row in 0..3 {
            let bits = u128::from(all >> (15 * row) & 0x7fff);
            assert_eq!(matrix.row_integers(row), code().weights(0, bits, 5));
            assert_eq!(matrix.word_bits_at(row, 0), bits);
            assert_eq!(
                matrix.row_values(row)[3],
                matrix.row_integers(row)[3] as f32 * matrix.scales()[row]
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let new = |scales: Vec<f32>, words: Vec<u8>| {
            ChainedMatrix::new(&code(), 3, 5, scales, words)
                .unwrap_err()
                .to_string()
        };
        let words = vec![0; 6];
        assert!(new(vec![1.0; 3], vec![0; 5]).contains("need 6 bytes of words, and there are 5"));
        assert!(new(vec![1.0; 2], words.clone()).contains("3 rows need as many scales, and there are 2"));
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-40, 3e38, 1.01] {
            let error = new(vec![1.0, scale, 1.0], words.clone());
            assert!(error.contains("of row 1 must be a bfloat16 number"), "{error}");
        }
        let mut padding = words;
        padding[5] = 0x20;
        assert!(new(vec![1.0; 3], padding).contains("the unused bits of the last byte"));
        assert_eq!(ChainedMatrix::word_bytes(&code(), usize::MAX, 14), None);
    }

    proptest! {
        #[test]
        fn legal_scales_are_legal_and_near(value in any::<f64>()) {
            let code = code();
            let scale = ChainedMatrix::legal_scale(&code, value.abs());
            prop_assert!(ChainedMatrix::new(&code, 1, 0, vec![scale], vec![]).is_ok(), "{}", scale);
            if (1e-37..1e36).contains(&value.abs()) {
                prop_assert!((f64::from(scale) / value.abs() - 1.0).abs() <= 1.0 / 256.0);
            }
        }
    }
}
