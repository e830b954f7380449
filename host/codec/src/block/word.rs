//! One block word: its fields, and how they lie in its bits.

use super::BlockCode;
use crate::bits::sign_extend;

/// The fields of one block.
///
/// In the word, from the least significant bit: seed (`K` bits), exponent, coefficient 0, coefficient 1, ...
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlockWord {
    /// The seed, 1..2^K. Zero is no seed.
    pub seed: u32,
    /// The shared exponent `e`, 0..=`largest_exponent`.
    pub exponent: u32,
    /// The `P` coefficients `q`, each in `coefficient_range`.
    pub coefficients: Vec<i32>,
}

impl BlockWord {
    /// The canonical word of a block of zeros: seed 1, exponent 0, coefficients 0.
    pub fn zero(code: &BlockCode) -> Self {
        BlockWord {
            seed: 1,
            exponent: 0,
            coefficients: vec![0; code.latent_dimension()],
        }
    }

    /// The word's bits.
    ///
    /// # Panics
    /// When a field is out of the code's range: a bug of the encoder, not of its input.
    pub fn pack(&self, code: &BlockCode) -> u128 {
        let length = code.lfsr().length();
        let width = code.coefficient_bits();
        let (smallest, largest) = code.coefficient_range();
        assert!(
            (1..1 << length).contains(&self.seed),
            "seed {} is out of range",
            self.seed
        );
        assert!(
            self.exponent <= code.largest_exponent(),
            "exponent {} is out of range",
            self.exponent
        );
        assert_eq!(
            self.coefficients.len(),
            code.latent_dimension(),
            "number of coefficients"
        );
        let mut word = u128::from(self.seed) | u128::from(self.exponent) << length;
        let mut position = length + code.exponent_bits();
        for &coefficient in &self.coefficients {
            assert!(
                (smallest..=largest).contains(&coefficient),
                "coefficient {coefficient} is out of range"
            );
            word |= (coefficient as u128 & ((1 << width) - 1)) << position;
            position += width;
        }
        word
    }

    /// The fields of a word. Bits above the word's width are ignored.
    ///
    /// Nothing is refused here: a seed of zero comes back as it stands. The word of zero bits is padding and decodes to
    /// zeros; in a matrix, [`CodedMatrix`](crate::CodedMatrix) forbids a zero seed.
    pub fn unpack(code: &BlockCode, word: u128) -> Self {
        let length = code.lfsr().length();
        let width = code.coefficient_bits();
        let field = |position: u32, width: u32| word >> position & ((1 << width) - 1);
        BlockWord {
            seed: field(0, length) as u32,
            exponent: field(length, code.exponent_bits()) as u32,
            coefficients: (0..code.latent_dimension() as u32)
                .map(|p| sign_extend(field(length + code.exponent_bits() + p * width, width), width) as i32)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_layout_is_seed_then_exponent_then_coefficients() {
        let code = BlockCode::preset("paper-4b").unwrap();
        let word = BlockWord {
            seed: 0xACE1,
            exponent: 5,
            coefficients: vec![-8, 7, -1],
        };
        assert_eq!(word.pack(&code), 0xF785_ACE1);
    }

    proptest! {
        #[test]
        fn unpacking_undoes_packing(preset in prop::sample::select(&BlockCode::PRESETS[..]), bits in any::<u128>()) {
            let code = BlockCode::preset(preset).unwrap();
            let bits = (bits | 1) & ((1 << code.word_bits()) - 1);
            prop_assert_eq!(BlockWord::unpack(&code, bits).pack(&code), bits);
        }
    }
}
