//! The rotation of rows and activations: random signs and Hadamard transforms along the input dimension.
//! `docs/format.md`, section "Rotation".

use crate::error::CodecError;
use crate::lfsr::Lfsr;
use serde::{Deserialize, Serialize};
use std::f64::consts::SQRT_2;

/// Length of the register that gives the signs, in bits.
const SIGN_LFSR_LENGTH: u32 = 24;

/// An orthogonal map of vectors, the same for the rows of a matrix and for its activations: `W x = (rotated W) (rotated x)`.
///
/// A vector of `n` values is multiplied by signs, and the first `H` values, `H` the largest power of two up to `n`, go
/// through a Hadamard transform. Where `n` is no power of two the same follows with other signs and the last `H` values.
/// All in binary64, in a fixed order, so that every implementation gives the same bits.
///
/// ```
/// use seedlm_codec::Rotation;
/// let rotation = Rotation::default();
/// let mut vector = [0.0, 0.0, 8.0, 0.0, 0.0, 0.0];
/// rotation.apply(&mut vector);
/// assert!(vector.iter().all(|value: &f64| value.abs() < 7.0));
/// rotation.undo(&mut vector);
/// assert_eq!(vector, [0.0, 0.0, 8.0, 0.0, 0.0, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RotationFields", into = "RotationFields")]
pub struct Rotation {
    sign_seed: u32,
}

/// A rotation as it is written down, not yet checked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotationFields {
    sign_seed: u32,
}

impl TryFrom<RotationFields> for Rotation {
    type Error = CodecError;
    fn try_from(fields: RotationFields) -> Result<Self, CodecError> {
        Rotation::new(fields.sign_seed)
    }
}

impl From<Rotation> for RotationFields {
    fn from(rotation: Rotation) -> Self {
        RotationFields {
            sign_seed: rotation.sign_seed,
        }
    }
}

impl Default for Rotation {
    /// The rotation that `seedlm compress` uses for all matrices, so that matrices with the same input share it.
    fn default() -> Self {
        Rotation { sign_seed: 0x5e_ed1e }
    }
}

impl Rotation {
    /// The rotation whose signs come from that seed, 1..=2^24 - 1.
    ///
    /// # Errors
    /// [`CodecError::Code`] when the seed is out of range.
    pub fn new(sign_seed: u32) -> Result<Self, CodecError> {
        if !(1..1 << SIGN_LFSR_LENGTH).contains(&sign_seed) {
            return Err(CodecError::Code(format!(
                "the sign seed of a rotation is {sign_seed}, and must be 1 to {}",
                (1 << SIGN_LFSR_LENGTH) - 1
            )));
        }
        Ok(Rotation { sign_seed })
    }

    /// The seed of the signs.
    pub fn sign_seed(&self) -> u32 {
        self.sign_seed
    }

    /// `count` signs, `1.0` or `-1.0`: a set bit of the register's sequence, from the first bit after the seed on, is -1.
    pub fn signs(&self, count: usize) -> Vec<f64> {
        let lfsr = Lfsr::paper(SIGN_LFSR_LENGTH).expect("the paper's table has this length");
        let mut state = self.sign_seed;
        (0..count)
            .map(|_| {
                state = lfsr.step(state);
                if state >> (SIGN_LFSR_LENGTH - 1) == 1 {
                    -1.0
                } else {
                    1.0
                }
            })
            .collect()
    }

    /// Rotates a vector in place.
    pub fn apply(&self, vector: &mut [f64]) {
        self.apply_many(vector.len(), vector);
    }

    /// Rotates vectors of `length` values that lie one after the other.
    ///
    /// # Panics
    /// When `vectors` is no whole number of them.
    pub fn apply_many(&self, length: usize, vectors: &mut [f64]) {
        let Some(size) = transform_size(length) else { return };
        assert!(vectors.len().is_multiple_of(length), "whole vectors are needed");
        let signs = self.signs(2 * length);
        for vector in vectors.chunks_exact_mut(length) {
            multiply(vector, &signs[..length]);
            hadamard(&mut vector[..size]);
            if size < length {
                multiply(vector, &signs[length..]);
                hadamard(&mut vector[length - size..]);
            }
        }
    }

    /// Undoes [`Rotation::apply`], up to the rounding of binary64.
    pub fn undo(&self, vector: &mut [f64]) {
        self.undo_many(vector.len(), vector);
    }

    /// Undoes [`Rotation::apply_many`].
    ///
    /// # Panics
    /// When `vectors` is no whole number of them.
    pub fn undo_many(&self, length: usize, vectors: &mut [f64]) {
        let Some(size) = transform_size(length) else { return };
        assert!(vectors.len().is_multiple_of(length), "whole vectors are needed");
        let signs = self.signs(2 * length);
        for vector in vectors.chunks_exact_mut(length) {
            if size < length {
                hadamard(&mut vector[length - size..]);
                multiply(vector, &signs[length..]);
            }
            hadamard(&mut vector[..size]);
            multiply(vector, &signs[..length]);
        }
    }
}

/// The largest power of two that is not above `length`.
fn transform_size(length: usize) -> Option<usize> {
    length.checked_ilog2().map(|log| 1 << log)
}

fn multiply(vector: &mut [f64], signs: &[f64]) {
    for (value, sign) in vector.iter_mut().zip(signs) {
        *value *= sign;
    }
}

/// The Hadamard transform of a power of two of values, orthonormal: butterflies between neighbours first, then at twice
/// the distance and so on, and one multiplication of each value at the end.
fn hadamard(vector: &mut [f64]) {
    let mut distance = 1;
    while distance < vector.len() {
        for pair in vector.chunks_exact_mut(2 * distance) {
            let (lower, upper) = pair.split_at_mut(distance);
            for (a, b) in lower.iter_mut().zip(upper) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        distance *= 2;
    }
    let log = vector.len().ilog2() as i32;
    // 2^(-log / 2): exact where log is even, else the binary64 number next to the square root of 2, times a power of two.
    let factor = 2_f64.powi(-log.div_euclid(2)) / if log % 2 == 0 { 1.0 } else { SQRT_2 };
    vector.iter_mut().for_each(|value| *value *= factor);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn seeds_out_of_range_are_refused() {
        for seed in [0, 1 << 24] {
            assert!(Rotation::new(seed).unwrap_err().to_string().contains("1 to 16777215"));
        }
        assert!(serde_json::from_str::<Rotation>(r#"{"sign_seed": 0}"#).is_err());
        let text = serde_json::to_string(&Rotation::default()).unwrap();
        assert_eq!(text, r#"{"sign_seed":6221086}"#);
        assert_eq!(serde_json::from_str::<Rotation>(&text).unwrap(), Rotation::default());
    }

    #[test]
    fn a_worked_example() {
        // docs/format.md: n = 3, seed 1; the 24-bit register's next bits are 1 0 0 0 0 0.
        let rotation = Rotation::new(1).unwrap();
        assert_eq!(rotation.signs(6), [-1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        let mut vector = [1.0, 0.0, 0.0];
        rotation.apply(&mut vector);
        let root = 1.0 / SQRT_2;
        assert_eq!(vector, [-root, -root * root, -root * root]);
    }

    proptest! {
        #[test]
        fn products_and_norms_are_kept(seed in 1_u32..1 << 24, pairs in prop::collection::vec((-1e3..1e3, -1e3..1e3), 1..200)) {
            let rotation = Rotation::new(seed).unwrap();
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let (mut ra, mut rb) = (a.clone(), b.clone());
            rotation.apply(&mut ra);
            rotation.apply(&mut rb);
            let bound = 1e-12 * (dot(&a, &a) * dot(&b, &b)).sqrt() + 1e-9;
            prop_assert!((dot(&a, &b) - dot(&ra, &rb)).abs() <= bound);
            prop_assert!((dot(&a, &a) - dot(&ra, &ra)).abs() <= 1e-12 * dot(&a, &a));
            rotation.undo(&mut ra);
            for (before, after) in a.iter().zip(&ra) {
                prop_assert!((before - after).abs() <= 1e-10);
            }
        }

        #[test]
        fn many_vectors_are_each_rotated(length in 1_usize..50, count in 0_usize..4, seed in 1_u32..1 << 24) {
            let rotation = Rotation::new(seed).unwrap();
            let mut many: Vec<f64> = (0..length * count).map(|index| (index as f64 * 1.7).sin()).collect();
            let mut single = many.clone();
            single.chunks_exact_mut(length).for_each(|vector| rotation.apply(vector));
            rotation.apply_many(length, &mut many);
            prop_assert_eq!(&many, &single);
            single.chunks_exact_mut(length).for_each(|vector| rotation.undo(vector));
            rotation.undo_many(length, &mut many);
            prop_assert_eq!(many, single);
        }

        /// One large value is spread: none of the results keeps more than its share of one transform.
        #[test]
        fn an_outlier_is_spread(length in 1_usize..3000, place in any::<prop::sample::Index>()) {
            let mut vector = vec![0.0; length];
            vector[place.index(length)] = 1.0;
            Rotation::default().apply(&mut vector);
            let size = transform_size(length).unwrap() as f64;
            // Without a second transform a value is exactly 1 / sqrt(size); with it sums of many of them follow.
            let most = vector.iter().fold(0_f64, |most, value| most.max(value.abs()));
            prop_assert!(most <= 1.0 && (length > 1 || most == 1.0));
            prop_assert!(length < 64 || most < 8.0 / size.sqrt(), "{}", most);
        }
    }
}
