//! From a block word to its integer weights.

use super::{BlockCode, BlockWord};

/// Decodes words of one code.
#[derive(Clone, Debug)]
pub struct BlockDecoder<'a> {
    code: &'a BlockCode,
}

impl<'a> BlockDecoder<'a> {
    /// A decoder for words of `code`.
    pub fn new(code: &'a BlockCode) -> Self {
        BlockDecoder { code }
    }

    /// The code decoded.
    pub fn code(&self) -> &'a BlockCode {
        self.code
    }

    /// The centred matrix entries `V[c][p] - 2^(K-1)` of a seed, row by row: `C * P` integers.
    ///
    /// `V` is filled with the states that *follow* the seed (SeedLM paper, section 3.1).
    pub fn entries(&self, seed: u32) -> Vec<i32> {
        let centre = 1 << (self.code.lfsr().length() - 1);
        let count = self.code.block_size() * self.code.latent_dimension();
        let states = self.code.lfsr().states_after(seed, count);
        states.into_iter().map(|state| state as i32 - centre).collect()
    }

    /// The mantissas `m[c] = sum over p of q[p] * (V[c][p] - 2^(K-1))`: `C` exact integers.
    pub fn mantissas(&self, word: &BlockWord) -> Vec<i64> {
        let lfsr = self.code.lfsr();
        let centre = 1_i64 << (lfsr.length() - 1);
        let mut state = word.seed;
        let mut next_product = |&coefficient: &i32| {
            state = lfsr.step(state);
            (i64::from(state) - centre) * i64::from(coefficient)
        };
        (0..self.code.block_size())
            .map(|_| word.coefficients.iter().map(&mut next_product).sum())
            .collect()
    }

    /// The integer weights `m[c] * 2^e`: `C` exact integers. Times the tensor's scale they are the weights.
    pub fn weights(&self, word: &BlockWord) -> Vec<i64> {
        let mantissas = self.mantissas(word);
        mantissas.into_iter().map(|m| m << word.exponent).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlockCodeFields, Lfsr};
    use proptest::prelude::*;

    #[test]
    fn the_papers_worked_example() {
        let code = BlockCode::new(BlockCodeFields {
            block_size: 4,
            latent_dimension: 2,
            coefficient_bits: 4,
            exponent_bits: 4,
            lfsr: Lfsr::paper(3).unwrap(),
        })
        .unwrap();
        let decoder = BlockDecoder::new(&code);
        // Figure 3: V = [[2,5],[6,7],[3,1],[4,2]], here less 2^(K-1) = 4.
        assert_eq!(decoder.entries(4), [-2, 1, 2, 3, -1, -3, 0, -2]);
        let word = BlockWord {
            seed: 4,
            exponent: 2,
            coefficients: vec![3, -2],
        };
        assert_eq!(decoder.mantissas(&word), [-8, 0, 3, 4]);
        assert_eq!(decoder.weights(&word), [-32, 0, 12, 16]);
    }

    #[test]
    fn a_zero_word_is_a_block_of_zeros() {
        let code = BlockCode::preset("paper-4b").unwrap();
        assert_eq!(BlockDecoder::new(&code).weights(&BlockWord::zero(&code)), [0; 8]);
    }

    proptest! {
        #[test]
        fn no_legal_word_exceeds_the_stated_mantissa(preset in prop::sample::select(&BlockCode::PRESETS[..]), bits in any::<u128>()) {
            let code = BlockCode::preset(preset).unwrap();
            let word = BlockWord::unpack(&code, bits | 1);
            for mantissa in BlockDecoder::new(&code).mantissas(&word) {
                prop_assert!(mantissa.abs() <= code.largest_mantissa());
            }
        }

        #[test]
        fn mantissas_are_entries_times_coefficients(preset in prop::sample::select(&BlockCode::PRESETS[..]), bits in any::<u128>()) {
            let code = BlockCode::preset(preset).unwrap();
            let word = BlockWord::unpack(&code, bits | 1);
            let decoder = BlockDecoder::new(&code);
            let entries = decoder.entries(word.seed);
            for (c, mantissa) in decoder.mantissas(&word).into_iter().enumerate() {
                let row = &entries[c * code.latent_dimension()..][..code.latent_dimension()];
                let sum: i64 = row.iter().zip(&word.coefficients).map(|(&v, &q)| i64::from(v) * i64::from(q)).sum();
                prop_assert_eq!(mantissa, sum);
            }
        }

        #[test]
        fn twice_the_coefficients_is_one_more_in_the_exponent(seed in 1_u32..65536, q in prop::collection::vec(-4_i32..4, 3), exponent in 0_u32..15) {
            let code = BlockCode::preset("paper-4b").unwrap();
            let decoder = BlockDecoder::new(&code);
            let doubled = q.iter().map(|q| 2 * q).collect();
            prop_assert_eq!(
                decoder.weights(&BlockWord { seed, exponent: exponent + 1, coefficients: q }),
                decoder.weights(&BlockWord { seed, exponent, coefficients: doubled })
            );
        }
    }
}
