//! Words to mantissas as the golden decoder has them, from tables: the simulator decodes a group in every cycle.

use seedlm_codec::{BlockCode, ChainedCode, WeightFormat, binary16_parts};

/// Longest window for which there is a table of all weights.
const LONGEST_TABLED_WINDOW: u32 = 16;

/// Bits of the sequence that one number holds.
const SEQUENCE_BITS: usize = 64;

/// Most coefficients of a block that is decoded from tables.
const MOST_COEFFICIENTS: usize = 8;

/// Decodes what lanes are given.
#[derive(Clone, Debug)]
pub struct WordDecoder {
    format: WeightFormat,
    tables: Tables,
}

#[derive(Clone, Debug)]
enum Tables {
    /// The golden decoder itself.
    None,
    Binary16,
    Block(BlockTables),
    Chained(ChainedTables),
}

/// The bit sequence of a seed is linear in the seed: it is the XOR of those of its bytes. All states are windows of it.
#[derive(Clone, Debug)]
struct BlockTables {
    /// For each byte of the seed, the sequence of each of its values, seed included.
    sequences: Vec<[u64; 256]>,
    latent_dimension: usize,
    block_size: usize,
    length: u32,
    exponent_bits: u32,
    coefficient_bits: u32,
}

/// The weight of every window.
#[derive(Clone, Debug)]
struct ChainedTables {
    weights: Vec<i16>,
    bits_per_weight: u32,
    per_word: usize,
}

impl WordDecoder {
    /// A decoder for a format.
    pub fn new(format: &WeightFormat) -> Self {
        let tables = match format {
            WeightFormat::Binary16 => Some(Tables::Binary16),
            WeightFormat::Block(code) => BlockTables::new(code).map(Tables::Block),
            WeightFormat::Chained(code) => ChainedTables::new(code).map(Tables::Chained),
        };
        WordDecoder {
            format: format.clone(),
            tables: tables.unwrap_or(Tables::None),
        }
    }

    /// Adds the mantissas of a word to those of others, and gives its exponent: [`WeightFormat::split_word`].
    pub fn decode(&self, word: u128, mantissas: &mut Vec<i64>) -> u32 {
        match &self.tables {
            Tables::Binary16 => {
                let (significand, exponent) = binary16_parts(word as u16);
                mantissas.push(significand.into());
                exponent
            }
            Tables::Block(tables) => tables.decode(word as u64, mantissas),
            Tables::Chained(tables) => {
                tables.decode(word, mantissas);
                0
            }
            Tables::None => {
                let (own, exponent) = self.format.split_word(word);
                mantissas.extend(own);
                exponent
            }
        }
    }
}

impl BlockTables {
    /// `None` where word or sequence are too long, or there are too many coefficients.
    fn new(code: &BlockCode) -> Option<Self> {
        let (block_size, latent_dimension) = (code.block_size(), code.latent_dimension());
        let length = code.lfsr().length();
        let bits = block_size * latent_dimension + length as usize;
        if bits > SEQUENCE_BITS || code.word_bits() > u64::BITS || latent_dimension > MOST_COEFFICIENTS {
            return None;
        }
        let masks = code.lfsr().sequence_masks(bits);
        let sequence = |seed: u32| {
            let ones = masks.iter().map(|mask| u64::from((seed & mask).count_ones() % 2));
            (0..)
                .zip(ones)
                .fold(0, |sequence, (place, bit)| sequence | bit << place)
        };
        let bytes = (0..length).step_by(8);
        Some(BlockTables {
            sequences: bytes
                .map(|place| {
                    std::array::from_fn(|byte| sequence(((byte as u64) << place & ((1 << length) - 1)) as u32))
                })
                .collect(),
            latent_dimension,
            block_size,
            length,
            exponent_bits: code.exponent_bits(),
            coefficient_bits: code.coefficient_bits(),
        })
    }

    fn decode(&self, word: u64, mantissas: &mut Vec<i64>) -> u32 {
        let mask = (1 << self.length) - 1;
        let seed = word & mask;
        let bytes = self.sequences.iter().zip(seed.to_le_bytes());
        let sequence = bytes.fold(0, |sequence, (table, byte)| sequence ^ table[usize::from(byte)]);
        let exponent = word >> self.length & ((1 << self.exponent_bits) - 1);
        let mut coefficients = [0_i64; MOST_COEFFICIENTS];
        let coefficients = &mut coefficients[..self.latent_dimension];
        let mut place = self.length + self.exponent_bits;
        for coefficient in coefficients.iter_mut() {
            let shift = 64 - self.coefficient_bits;
            *coefficient = ((word >> place) << shift) as i64 >> shift;
            place += self.coefficient_bits;
        }
        let middle = coefficients.iter().sum::<i64>() << (self.length - 1);
        let mut rest = sequence;
        for _ in 0..self.block_size {
            let mut sum = -middle;
            for coefficient in coefficients.iter() {
                rest >>= 1;
                sum += coefficient * (rest & mask) as i64;
            }
            mantissas.push(sum);
        }
        exponent as u32
    }
}

impl ChainedTables {
    /// `None` where the table would be too large.
    fn new(code: &ChainedCode) -> Option<Self> {
        let map = code.map();
        if map.length() > LONGEST_TABLED_WINDOW {
            return None;
        }
        let weights = (0..1_u32 << map.length()).map(|window| i16::try_from(map.weight(window)));
        Some(ChainedTables {
            weights: weights.collect::<Result<_, _>>().ok()?,
            bits_per_weight: code.bits_per_weight(),
            per_word: code.weights_per_word(),
        })
    }

    fn decode(&self, mut word: u128, mantissas: &mut Vec<i64>) {
        let mask = self.weights.len() - 1;
        for _ in 0..self.per_word {
            mantissas.push(self.weights[word as usize & mask].into());
            word >>= self.bits_per_weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use seedlm_codec::{BlockCodeFields, ChainMap, Lfsr};

    /// Codes with tables, and codes too long for them.
    fn formats() -> Vec<WeightFormat> {
        let block = |block_size, latent_dimension, length| {
            let fields = BlockCodeFields {
                block_size,
                latent_dimension,
                coefficient_bits: 5,
                exponent_bits: 3,
                lfsr: Lfsr::paper(length).unwrap(),
            };
            WeightFormat::Block(BlockCode::new(fields).unwrap())
        };
        let map = |length| ChainMap::new(length, vec![vec![1 << (length - 1) | 5, 3], vec![9, 18, 12]]).unwrap();
        let chained = |length| WeightFormat::Chained(ChainedCode::new(3, map(length)).unwrap());
        WeightFormat::names()
            .into_iter()
            .map(|name| WeightFormat::named(&name).unwrap())
            .chain([
                block(5, 2, 7),
                block(12, 4, 17),
                block(8, 5, 24),
                block(8, 8, 24),
                chained(5),
                chained(20),
            ])
            .collect()
    }

    proptest! {
        #[test]
        fn every_word_is_decoded_as_the_golden_decoder_does(words in prop::collection::vec(any::<u128>(), 50)) {
            for format in formats() {
                let decoder = WordDecoder::new(&format);
                for &word in words.iter().chain(&[0, 1, u128::MAX]) {
                    let mut mantissas = vec![7];
                    let exponent = decoder.decode(word, &mut mantissas);
                    let (mut expected, expected_exponent) = format.split_word(word);
                    expected.insert(0, 7);
                    prop_assert_eq!((mantissas, exponent), (expected, expected_exponent), "{}", format.label());
                }
            }
        }
    }
}
