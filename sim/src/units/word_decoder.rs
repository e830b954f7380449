//! Words to weights from tables made once: the golden decoder's results, many times as fast.

use seedlm_codec::{BlockCode, ChainedCode, WeightFormat};

/// Decodes the words of one format.
#[derive(Clone, Debug)]
pub struct WordDecoder {
    format: WeightFormat,
    tables: Tables,
}

#[derive(Clone, Debug)]
enum Tables {
    /// None: the golden decoder itself.
    Golden,
    Block(BlockTables),
    Chained(ChainedTable),
}

impl WordDecoder {
    /// Makes the tables: 12 KiB for a block code, 2 bytes for each window of a chained one. Formats whose tables would be too large, and
    /// binary16, go to the golden decoder.
    pub fn new(format: &WeightFormat) -> Self {
        let tables = match format {
            WeightFormat::Block(code) => BlockTables::new(code).map(Tables::Block),
            WeightFormat::Chained(code) => ChainedTable::new(code).map(Tables::Chained),
            WeightFormat::Binary16 => None,
        };
        WordDecoder {
            format: format.clone(),
            tables: tables.unwrap_or(Tables::Golden),
        }
    }

    /// Appends the mantissas of what a lane is given, and returns their exponent; as [`WeightFormat::split_word`].
    pub fn split_word(&self, word: u128, mantissas: &mut Vec<i64>) -> u32 {
        match &self.tables {
            Tables::Golden => {
                let (of_word, exponent) = self.format.split_word(word);
                mantissas.extend(of_word);
                exponent
            }
            Tables::Block(tables) => tables.split_word(word, mantissas),
            Tables::Chained(table) => {
                table.split_word(word, mantissas);
                0
            }
        }
    }
}

/// The register's bit sequence by the bytes of its seed. The sequence is linear in the seed, so that of a seed is the XOR of those of its
/// bytes, and the states after the seed are windows of it.
#[derive(Clone, Debug)]
struct BlockTables {
    /// For each byte of the seed and each value of it the sequence, from the seed's own bits on.
    sequences: Vec<[u128; 256]>,
    length: u32,
    exponent_bits: u32,
    coefficient_bits: u32,
    block_size: usize,
    latent_dimension: usize,
}

/// Most coefficients of a block that are decoded from tables.
const MOST_COEFFICIENTS: usize = 16;

impl BlockTables {
    /// None if the states of a block do not fit 128 bits of the sequence.
    fn new(code: &BlockCode) -> Option<Self> {
        let length = code.lfsr().length();
        let bits = code.block_size() * code.latent_dimension() + length as usize;
        if bits > 128 || code.latent_dimension() > MOST_COEFFICIENTS {
            return None;
        }
        let masks = code.lfsr().sequence_masks(bits);
        let sequence = |seed: u32| {
            let bits = masks.iter().enumerate();
            bits.fold(0_u128, |sequence, (bit, mask)| {
                sequence | u128::from((seed & mask).count_ones() & 1) << bit
            })
        };
        let byte_table = |byte: u32| std::array::from_fn(|value| sequence((value as u32) << (8 * byte)));
        Some(BlockTables {
            sequences: (0..length.div_ceil(8)).map(byte_table).collect(),
            length,
            exponent_bits: code.exponent_bits(),
            coefficient_bits: code.coefficient_bits(),
            block_size: code.block_size(),
            latent_dimension: code.latent_dimension(),
        })
    }

    fn split_word(&self, word: u128, mantissas: &mut Vec<i64>) -> u32 {
        let field = |position: u32, width: u32| (word >> position) as u64 & ((1 << width) - 1);
        let seed = field(0, self.length);
        let bytes = self.sequences.iter().enumerate();
        let sequence = bytes.fold(0, |sequence, (byte, table)| {
            sequence ^ table[(seed >> (8 * byte)) as usize & 0xff]
        });
        let mut coefficients = [0_i64; MOST_COEFFICIENTS];
        let coefficients = &mut coefficients[..self.latent_dimension];
        let unused = 64 - self.coefficient_bits;
        for (p, coefficient) in (0..).zip(coefficients.iter_mut()) {
            let position = self.length + self.exponent_bits + p * self.coefficient_bits;
            *coefficient = (field(position, self.coefficient_bits) << unused) as i64 >> unused;
        }
        let centre = 1_i64 << (self.length - 1);
        let mask = (1_u64 << self.length) - 1;
        // The states follow the seed.
        let mut sequence = sequence >> 1;
        mantissas.extend((0..self.block_size).map(|_| {
            let mut sum = 0;
            for coefficient in coefficients.iter() {
                sum += ((sequence as u64 & mask) as i64 - centre) * coefficient;
                sequence >>= 1;
            }
            sum
        }));
        field(self.length, self.exponent_bits) as u32
    }
}

/// The weight of every window.
#[derive(Clone, Debug)]
struct ChainedTable {
    weights: Vec<i16>,
    stored_bits: u32,
    history_bits: u32,
    weights_per_word: u32,
}

impl ChainedTable {
    /// None for windows of more than 16 bits, or weights of more.
    fn new(code: &ChainedCode) -> Option<Self> {
        let length = code.map().length();
        if length > 16 {
            return None;
        }
        let weights = (0..1_u32 << length).map(|window| i16::try_from(code.map().weight(window)).ok());
        Some(ChainedTable {
            weights: weights.collect::<Option<_>>()?,
            stored_bits: code.bits_per_weight(),
            history_bits: code.history_bits(),
            weights_per_word: code.weights_per_word() as u32,
        })
    }

    fn split_word(&self, word: u128, mantissas: &mut Vec<i64>) {
        // The history lies below the word, so that every window is a slice of it.
        let mask = self.weights.len() - 1;
        debug_assert_eq!(1 << (self.history_bits + self.stored_bits), self.weights.len());
        mantissas.extend((0..self.weights_per_word).map(|index| {
            let window = (word >> (index * self.stored_bits)) as usize & mask;
            i64::from(self.weights[window])
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use seedlm_codec::{BlockCodeFields, Lfsr};

    fn formats() -> Vec<WeightFormat> {
        let mut formats: Vec<WeightFormat> = WeightFormat::names()
            .iter()
            .map(|name| WeightFormat::named(name).unwrap())
            .collect();
        for (block_size, latent_dimension, length) in [(1, 1, 2), (5, 2, 7), (4, 3, 24), (16, 8, 24)] {
            formats.push(WeightFormat::Block(
                BlockCode::new(BlockCodeFields {
                    block_size,
                    latent_dimension,
                    coefficient_bits: 4,
                    exponent_bits: 4,
                    lfsr: Lfsr::paper(length).unwrap(),
                })
                .unwrap(),
            ));
        }
        formats
    }

    proptest! {
        #[test]
        fn words_decode_as_in_the_golden_model(index in 0_usize..11, word in any::<u128>()) {
            let formats = formats();
            let format = &formats[index % formats.len()];
            let word = word & ((1 << (format.word_bits() + format.history_bits())) - 1);
            let mut mantissas = vec![7];
            let exponent = WordDecoder::new(format).split_word(word, &mut mantissas);
            let (expected, expected_exponent) = format.split_word(word);
            prop_assert_eq!((&mantissas[1..], exponent), (&expected[..], expected_exponent));
        }
    }
}
