//! Matrices of the rows of other ones.

use super::matrix::ChainedMatrix;
use crate::bits::{read_field, write_field};
use crate::error::CodecError;

impl ChainedMatrix {
    /// The matrix of rows that have been coded already: each is a number of a row in one of the matrices, which are all of the
    /// code and the number of columns of the first one.
    ///
    /// # Errors
    /// [`CodecError::Tensor`] when the rows are too many to address.
    ///
    /// # Panics
    /// When there is no such row, or codes or columns differ.
    pub fn of_rows<'a>(first: &'a ChainedMatrix, rows: &[(&'a ChainedMatrix, usize)]) -> Result<Self, CodecError> {
        let (code, columns) = (first.code(), first.columns());
        let bytes = ChainedMatrix::word_bytes(code, rows.len(), columns)
            .ok_or_else(|| CodecError::Tensor(format!("{} x {columns} weights are too many to address", rows.len())))?;
        let bits = columns * code.bits_per_weight() as usize;
        let mut words = vec![0; bytes];
        for (place, &(matrix, row)) in rows.iter().enumerate() {
            assert!(row < matrix.rows(), "no row {row}");
            assert!(
                matrix.code() == code && matrix.columns() == columns,
                "rows of one code and length"
            );
            for start in (0..bits).step_by(128) {
                let width = (bits - start).min(128);
                let field = read_field(matrix.words(), row * bits + start, width);
                write_field(&mut words, place * bits + start, width, field);
            }
        }
        let scales = rows.iter().map(|&(matrix, row)| matrix.scales()[row]).collect();
        ChainedMatrix::new(code, rows.len(), columns, scales, words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chained::code::ChainedCode;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_stay_what_they_were(
            columns in 0_usize..100,
            bytes in prop::collection::vec(any::<u8>(), 50 + 112),
            chosen in prop::collection::vec((0_usize..2, 0_usize..3), 0..9),
        ) {
            let code = ChainedCode::preset("chained-3b-k12").unwrap();
            let matrix = |skipped: usize| {
                let bits = 3 * columns * 3;
                let mut words = bytes[skipped..][..bits.div_ceil(8)].to_vec();
                if bits % 8 > 0 {
                    *words.last_mut().unwrap() &= (1 << (bits % 8)) - 1;
                }
                ChainedMatrix::new(&code, 3, columns, vec![0.5, 1.0, 2.0], words).unwrap()
            };
            let from = [matrix(0), matrix(50)];
            let rows: Vec<(&ChainedMatrix, usize)> = chosen.iter().map(|&(number, row)| (&from[number], row)).collect();
            let matrix = ChainedMatrix::of_rows(&from[0], &rows).unwrap();
            prop_assert_eq!(matrix.rows(), rows.len());
            for (place, (of, row)) in rows.into_iter().enumerate() {
                prop_assert_eq!(matrix.row_values(place), of.row_values(row));
            }
        }
    }
}
