//! The golden matrix-vector product: integers in, exact integers out.

use crate::error::CodecError;
use crate::weights::{WeightFormat, WeightMatrix};

/// Activations as signed integers of a stated width with one real scale for the vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Activations {
    bits: u32,
    scale: f32,
    values: Vec<i32>,
}

impl Activations {
    /// Integers of `bits` bits (2..=16), each in `-2^(bits-1) .. 2^(bits-1)`; `scale` is the real value of one step.
    ///
    /// # Errors
    /// [`CodecError::Arithmetic`] when the width is out of range or a value does not fit it.
    pub fn new(bits: u32, scale: f32, values: Vec<i32>) -> Result<Self, CodecError> {
        if !(2..=16).contains(&bits) {
            return Err(CodecError::Arithmetic(format!(
                "activations have 2 to 16 bits, not {bits}"
            )));
        }
        let half = 1 << (bits - 1);
        if let Some(index) = values.iter().position(|value| !(-half..half).contains(value)) {
            return Err(CodecError::Arithmetic(format!(
                "activation {index} is {}, which does not fit {bits} bits",
                values[index]
            )));
        }
        Ok(Activations { bits, scale, values })
    }

    /// Rounds real activations to `bits` bits: symmetric, one scale, largest magnitude to `2^(bits-1) - 1`,
    /// ties to even. A vector of zeros gets the scale 1.
    ///
    /// # Errors
    /// [`CodecError::Arithmetic`] when a value is not finite or the width is out of range.
    pub fn quantise(bits: u32, values: &[f32]) -> Result<Self, CodecError> {
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(CodecError::Arithmetic(format!(
                "activation {index} is {}",
                values[index]
            )));
        }
        let largest = values.iter().fold(0_f32, |largest, value| largest.max(value.abs()));
        let steps = ((1_i64 << (bits.clamp(2, 16) - 1)) - 1) as f32;
        let scale = if largest / steps > 0.0 { largest / steps } else { 1.0 };
        let integers = values
            .iter()
            .map(|value| (value / scale).round_ties_even().clamp(-steps, steps) as i32)
            .collect();
        Activations::new(bits, scale, integers)
    }

    /// Width of a value in bits.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The real value of one step.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The integers.
    pub fn values(&self) -> &[i32] {
        &self.values
    }

    pub(crate) fn turn_left(&mut self, places: usize) {
        self.values.rotate_left(places);
    }

    pub(crate) fn cut(&self, columns: std::ops::Range<usize>) -> Self {
        Activations {
            values: self.values[columns].to_vec(),
            ..*self
        }
    }
}

/// Bits an accumulator needs, sign included, so that no sum over `columns` products can overflow.
///
/// A product is at most `largest_weight * 2^(activation_bits - 1)` in magnitude, every partial sum, in any order, at
/// most `columns` times that; `n` bits of two's complement hold every magnitude below `2^(n-1)`.
pub fn accumulator_bits(format: &WeightFormat, activation_bits: u32, columns: usize) -> u32 {
    let largest = (format.largest_weight() as u128) << (activation_bits - 1);
    let bound = largest.saturating_mul(columns as u128);
    u128::BITS - bound.leading_zeros() + 1
}

/// Bits that the accumulators of one product need, sign included, whatever the activations are.
///
/// For a code it is the bound of the format, by shape. Binary16 is no code of ours and spans 40 bits, of which a real
/// matrix uses few: there the row with the largest sum of magnitudes decides.
fn bits_needed(matrix: &WeightMatrix, activation_bits: u32) -> u32 {
    let WeightMatrix::Binary16(_) = matrix else {
        return accumulator_bits(&matrix.format(), activation_bits, matrix.columns());
    };
    let magnitude = |row| {
        matrix
            .row_integers(row)
            .iter()
            .map(|weight| u128::from(weight.unsigned_abs()))
            .sum()
    };
    let largest: u128 = (0..matrix.rows()).map(magnitude).max().unwrap_or(0);
    u128::BITS - (largest << (activation_bits - 1)).leading_zeros() + 1
}

/// The golden product `y[r] = sum over c of w[r][c] * x[c]`, exact. One integer step of `y` is worth
/// `matrix.scale(r) * activations.scale()`.
///
/// # Errors
/// [`CodecError::Arithmetic`] when the number of activations is not the number of columns, or a sum could exceed 64 bits
/// for some activations of this width.
pub fn product(matrix: &WeightMatrix, activations: &Activations) -> Result<Vec<i64>, CodecError> {
    check_product(matrix, activations)?;
    Ok((0..matrix.rows())
        .map(|row| product_of_row(matrix, activations, row))
        .collect())
}

/// Checks that [`product`] is defined.
///
/// # Errors
/// As [`product`].
pub fn check_product(matrix: &WeightMatrix, activations: &Activations) -> Result<(), CodecError> {
    if activations.values().len() != matrix.columns() {
        return Err(CodecError::Arithmetic(format!(
            "{} activations for a matrix of {} columns",
            activations.values().len(),
            matrix.columns()
        )));
    }
    let needed = bits_needed(matrix, activations.bits());
    if needed > i64::BITS {
        return Err(CodecError::Arithmetic(format!(
            "{} columns of {} weights with {}-bit activations need accumulators of {needed} bits, and 64 is the limit",
            matrix.columns(),
            matrix.format().label(),
            activations.bits()
        )));
    }
    Ok(())
}

/// One row of a [`product`] that [`check_product`] has let pass: for callers that share the rows out.
///
/// # Panics
/// When the matrix has no such row; in some builds, on a sum beyond 64 bits, which the check rules out.
pub fn product_of_row(matrix: &WeightMatrix, activations: &Activations, row: usize) -> i64 {
    let weights = matrix.row_integers(row);
    let products = weights.iter().zip(activations.values());
    products.map(|(&w, &x)| w * i64::from(x)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::write_field;
    use crate::{Binary16Matrix, BlockCode, CodedMatrix};
    use proptest::prelude::*;

    #[test]
    fn the_worst_case_fits_the_stated_width_and_no_narrower_one() {
        // The largest paper-4b weight: seed 0 would be larger, but a seed is never zero.
        let format = WeightFormat::named("paper-4b").unwrap();
        let worst = i128::from(format.largest_weight()) * 128 * 4096;
        let bits = accumulator_bits(&format, 8, 4096);
        assert!(worst < 1 << (bits - 1) && worst >= 1 << (bits - 2));
        assert_eq!(bits, 55);
        assert_eq!(accumulator_bits(&WeightFormat::Binary16, 8, 2048), 59);
    }

    #[test]
    fn what_could_overflow_is_refused() {
        let matrix = WeightMatrix::Binary16(Binary16Matrix::from_f32(1, 1 << 17, &vec![1.0; 1 << 17]).unwrap());
        let ones = Activations::new(8, 1.0, vec![1; 1 << 17]).unwrap();
        assert_eq!(product(&matrix, &ones).unwrap(), [1 << 41]);
        let needs = |matrix: &WeightMatrix, activations: &Activations| {
            let error = product(matrix, activations).unwrap_err().to_string();
            assert!(error.contains("need accumulators of 65 bits"), "{error}");
        };
        let large = Binary16Matrix::from_f32(1, 1 << 17, &vec![65504.0; 1 << 17]).unwrap();
        needs(&WeightMatrix::Binary16(large), &ones);
        let words = (0..1 << 19).flat_map(|_| 1_u32.to_le_bytes()).collect();
        let coded = CodedMatrix::new(&BlockCode::preset("paper-4b").unwrap(), 1, 1 << 22, 1.0, words).unwrap();
        needs(
            &WeightMatrix::Block(coded),
            &Activations::new(8, 1.0, vec![1; 1 << 22]).unwrap(),
        );
        let few = Activations::new(8, 1.0, vec![1]).unwrap();
        assert!(
            product(&matrix, &few)
                .unwrap_err()
                .to_string()
                .contains("1 activations")
        );
        assert!(
            Activations::new(8, 1.0, vec![0, 128])
                .unwrap_err()
                .to_string()
                .contains("activation 1 is 128")
        );
        assert!(Activations::quantise(8, &[f32::NAN]).is_err());
    }

    #[test]
    fn quantised_activations_use_the_whole_range() {
        let activations = Activations::quantise(8, &[0.5, -1.0, 0.25, 0.0]).unwrap();
        assert_eq!(activations.values(), [64, -127, 32, 0]);
        assert_eq!(Activations::quantise(8, &[0.0]).unwrap().scale(), 1.0);
    }

    proptest! {
        #[test]
        fn the_product_is_that_of_the_words(bits in prop::collection::vec(any::<u32>(), 6), x in prop::collection::vec(-128_i32..128, 13)) {
            let code = BlockCode::preset("paper-4b").unwrap();
            let mut words = vec![0; 24];
            for (index, word) in bits.iter().enumerate() {
                write_field(&mut words, 32 * index, 32, u128::from(word | 1));
            }
            let coded = CodedMatrix::new(&code, 3, 13, 1.0, words).unwrap();
            let format = WeightFormat::Block(code);
            let expected: Vec<i64> = (0..3).map(|row| {
                (0..13).map(|column| {
                    let word = format.decode_word(u128::from(bits[2 * row + column / 8] | 1));
                    word[column % 8] * i64::from(x[column])
                }).sum()
            }).collect();
            let activations = Activations::new(8, 1.0, x).unwrap();
            prop_assert_eq!(product(&WeightMatrix::Block(coded), &activations).unwrap(), expected);
        }
    }
}
