//! Weights and products in the number types of software: what the software decoder must give, in plain words.

use crate::weights::WeightMatrix;
use half::bf16;
use std::cmp::Ordering;

/// Number of partial sums of [`WeightMatrix::row_product`]: enough that additions, which take some cycles each, need not wait
/// for each other in any instruction set.
pub const PARTIAL_SUMS: usize = 32;

/// The largest magnitude of the integers of [`WeightMatrix::row_i8`].
const LARGEST_I8: i64 = 127;

impl WeightMatrix {
    /// The weights of a row in bfloat16: [`WeightMatrix::row_values`], rounded once more, to nearest, ties to even. All are
    /// finite: a coded weight is at most half the largest finite binary32 number.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row_bf16(&self, row: usize) -> Vec<bf16> {
        self.row_values(row).into_iter().map(bf16::from_f32).collect()
    }

    /// The weights of a row as 8-bit integers `-127..=127`, and the scale of the row: a weight is about `integer * scale`.
    ///
    /// The integers are `round(w / 2^s)` of the row's integer weights `w`, to nearest, ties to even, with the smallest `s >= 0`
    /// for which all fit; the returned scale is the row's scale times `2^s`, which is exact and finite. Where no `|w|` exceeds 127,
    /// `s` is 0 and nothing is lost: so it is for the presets of the chained code. For the block code this is a second
    /// quantisation, to about 7 bits of the row's largest weight.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row_i8(&self, row: usize) -> (Vec<i8>, f32) {
        let integers = self.row_integers(row);
        let largest = integers.iter().map(|weight| weight.abs()).max().unwrap_or(0);
        let shift = (0..63)
            .find(|&shift| divided(largest, shift) <= LARGEST_I8)
            .expect("2^63 does not fit 64 bits");
        let narrow = integers.iter().map(|&weight| divided(weight, shift) as i8).collect();
        (narrow, self.scale(row) * (1_u64 << shift) as f32)
    }

    /// The product of a row with real activations: `columns` finite numbers. All of it is in `f32`, in an order that is part of
    /// the definition, so that every implementation gives the same bits:
    ///
    /// 1. there are [`PARTIAL_SUMS`] sums, 0 at first; in ascending order, column `c` adds `integer * activation` to the sum
    ///    `c mod PARTIAL_SUMS`: the integer weight rounded to `f32` (exact for all presets), one rounded multiplication, one rounded
    ///    addition, not fused;
    /// 2. the upper half of the sums is added to the lower half, sum by sum, until one is left;
    /// 3. which is multiplied by the row's scale.
    ///
    /// # Panics
    /// When there is no such row, or the activations are not as many as the columns.
    pub fn row_product(&self, row: usize, activations: &[f32]) -> f32 {
        assert_eq!(activations.len(), self.columns(), "number of activations");
        let mut sums = [0.0_f32; PARTIAL_SUMS];
        for (column, (weight, activation)) in self.row_integers(row).into_iter().zip(activations).enumerate() {
            sums[column % PARTIAL_SUMS] += weight as f32 * activation;
        }
        let mut half = PARTIAL_SUMS / 2;
        while half > 0 {
            for index in 0..half {
                sums[index] += sums[index + half];
            }
            half /= 2;
        }
        sums[0] * self.scale(row)
    }
}

/// `value / 2^shift`, rounded to nearest, ties to even.
fn divided(value: i64, shift: u32) -> i64 {
    let floor = value >> shift;
    let rest = value - (floor << shift);
    match (2 * i128::from(rest)).cmp(&(1 << shift)) {
        Ordering::Less => floor,
        Ordering::Equal => floor + (floor & 1),
        Ordering::Greater => floor + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Binary16Matrix, BlockCode, BlockWord, ChainedCode, ChainedMatrix, CodedMatrix};
    use proptest::prelude::*;

    fn numbers(values: &[f32]) -> WeightMatrix {
        WeightMatrix::Binary16(Binary16Matrix::from_f32(1, values.len(), values).unwrap())
    }

    #[test]
    fn divisions_round_to_nearest_and_ties_to_even() {
        let quarters: Vec<i64> = (-8..=8).map(|value| divided(value, 2)).collect();
        assert_eq!(quarters, [-2, -2, -2, -1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2]);
        assert_eq!((divided(-5, 0), divided(i64::MAX, 62)), (-5, 2));
    }

    #[test]
    fn i8_takes_the_smallest_shift_that_fits() {
        let step = crate::BINARY16_SCALE;
        // 127 fits as it is; 255 / 2 is a tie that goes to 128, which does not fit; 509 / 4 = 127.25 does.
        for (largest, shift, narrow) in [(127.0, 0, 127), (128.0, 1, 64), (255.0, 2, 64), (509.0, 2, 127)] {
            let (integers, scale) = numbers(&[0.0, -largest * step]).row_i8(0);
            assert_eq!(
                (integers, scale),
                (vec![0, -narrow], step * f32::from(1_u8 << shift)),
                "{largest}"
            );
        }
        assert_eq!(numbers(&[0.0]).row_i8(0), (vec![0], step));
    }

    #[test]
    fn the_chained_code_loses_nothing_in_i8() {
        let code = ChainedCode::preset("chained-4b").unwrap();
        let matrix = ChainedMatrix::new(&code, 1, 8, vec![0.5], vec![0x12, 0x34, 0x56, 0x78]).unwrap();
        let matrix = WeightMatrix::Chained(matrix);
        let (integers, scale) = matrix.row_i8(0);
        assert_eq!(scale, 0.5);
        assert!(integers.into_iter().map(i64::from).eq(matrix.row_integers(0)));
    }

    #[test]
    fn the_order_of_a_product_is_as_defined() {
        // 33 columns: the last one joins the first sum, where 1 is lost beside 2^24; the others are added last.
        let mut activations = vec![0.0; 33];
        (activations[0], activations[1], activations[32]) = (16_777_216.0, 1.0, 1.0);
        let step = crate::BINARY16_SCALE;
        assert_eq!(numbers(&[step; 33]).row_product(0, &activations), 16_777_216.0 * step);
        activations[1] = 2.0;
        assert_eq!(numbers(&[step; 33]).row_product(0, &activations), 16_777_218.0 * step);
        assert_eq!(numbers(&[]).row_product(0, &[]), 0.0);
    }

    proptest! {
        #[test]
        fn the_narrow_types_are_near(bits in prop::collection::vec(1_u32.., 6), scale in 1e-30_f32..1e27) {
            let code = BlockCode::preset("paper-4b").unwrap();
            let words = bits.iter().flat_map(|bits| (bits | 1).to_le_bytes()).collect();
            let matrix = WeightMatrix::Block(CodedMatrix::new(&code, 2, 24, scale, words).unwrap());
            prop_assert!(BlockWord::unpack(&code, u128::from(bits[0] | 1)).seed != 0);
            for row in 0..2 {
                let values = matrix.row_values(row);
                let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
                for (narrow, value) in matrix.row_bf16(row).into_iter().zip(&values) {
                    prop_assert!((narrow.to_f32() - value).abs() <= value.abs() / 256.0);
                }
                let (integers, step) = matrix.row_i8(row);
                for (&integer, value) in integers.iter().zip(&values) {
                    prop_assert!((f32::from(integer) * step - value).abs() <= step * 0.5001);
                }
                prop_assert!(step <= scale || largest > 63.0 * step);
                let exact: f64 = values.iter().map(|&value| f64::from(value)).sum();
                let product = f64::from(matrix.row_product(row, &[1.0; 24]));
                prop_assert!((product - exact).abs() <= f64::from(largest) * 1e-5);
            }
        }
    }
}
