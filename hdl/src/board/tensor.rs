//! The tensors that boards regenerate: rows of a matrix of the embedded model, kept as the encoder has stored them.

use seedlm_codec::Crc32;
use seedlm_codec::bits::{read_field, write_field};
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{ChainedCode, CodecError, WeightFormat};
use serde::{Deserialize, Serialize};

/// Rows of a matrix in a chained code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestTensor {
    /// Name of the code.
    pub weights: String,
    /// The matrix of which they are the first rows.
    pub matrix: String,
    /// Weights in a row.
    pub columns: usize,
    /// The stored bits of each row as hexadecimal bytes, lowest bit and first byte first.
    pub rows: Vec<String>,
}

/// A beat of the weight stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The bits, lowest byte first.
    pub data: Vec<u8>,
    /// Whether a row ends with it.
    pub last: bool,
}

/// The tensors there are, as JSON. `cargo run --release -p seedlm-testbenches --example board_tensors` writes them.
const TENSORS: [&str; 6] = [
    include_str!("../../boards/tensors/chained-4b.json"),
    include_str!("../../boards/tensors/chained-3b.json"),
    include_str!("../../boards/tensors/chained-2b.json"),
    include_str!("../../boards/tensors/chained-4b-k12.json"),
    include_str!("../../boards/tensors/chained-3b-k12.json"),
    include_str!("../../boards/tensors/chained-2b-k12.json"),
];

impl TestTensor {
    /// The tensor in the code of that name.
    ///
    /// # Errors
    /// [`CodecError::UnknownPreset`] lists the codes in which there is one.
    pub fn named(weights: &str) -> Result<Self, CodecError> {
        let all = TENSORS.map(|text| serde_json::from_str::<TestTensor>(text).expect("the project's own file"));
        let known = all.iter().map(|tensor| tensor.weights.clone()).collect();
        let found = all.into_iter().find(|tensor| tensor.weights == weights);
        found.ok_or_else(|| CodecError::UnknownPreset {
            name: weights.into(),
            known,
        })
    }

    /// The code.
    ///
    /// # Errors
    /// [`CodecError::UnknownPreset`] when it has no preset's name.
    pub fn code(&self) -> Result<ChainedCode, CodecError> {
        ChainedCode::preset(&self.weights)
    }

    /// The stored bits of a row.
    ///
    /// # Panics
    /// When the text is not hexadecimal.
    fn row(&self, row: usize) -> Vec<u8> {
        let digits = self.rows[row].as_bytes();
        let byte = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).expect("hexadecimal digits");
            u8::from_str_radix(text, 16).expect("hexadecimal digits")
        };
        digits.chunks(2).map(byte).collect()
    }

    /// What the decoder of a machine with tiles of one row is given: each row a stream of its own, filled up with zeros to
    /// whole groups of words and whole beats.
    ///
    /// # Panics
    /// When the machine's tiles have several rows.
    pub fn beats(&self, config: &DatapathConfig, format: &WeightFormat) -> Vec<Beat> {
        assert_eq!(config.tile_rows, 1, "a stream holds one row");
        let beat_bytes = config.beat_bits as usize / 8;
        let mut beats = Vec::new();
        for row in 0..self.rows.len() {
            let mut bytes = self.row(row);
            let group_bytes = (bytes.len() * 8)
                .next_multiple_of(config.group_bits(format))
                .div_ceil(8);
            bytes.resize(group_bytes.next_multiple_of(beat_bytes), 0);
            let of_row = bytes.len() / beat_bytes;
            beats.extend(bytes.chunks(beat_bytes).enumerate().map(|(index, data)| Beat {
                data: data.to_vec(),
                last: index + 1 == of_row,
            }));
        }
        beats
    }

    /// The integer weights that come out for these beats, those of the zeros behind a row included: what the golden model
    /// makes of them.
    ///
    /// # Panics
    /// When the tensor's code has no name.
    pub fn weights(&self, config: &DatapathConfig, format: &WeightFormat) -> Vec<i64> {
        let code = self.code().expect("a tensor is in a preset's code");
        let (word_bits, per_word) = (format.word_bits() as usize, format.weights_per_word());
        let beats = self.beats(config, format);
        let rows = beats.split_inclusive(|beat| beat.last);
        let of_row = |row: &[Beat]| {
            let bytes: Vec<u8> = row.iter().flat_map(|beat| beat.data.iter().copied()).collect();
            let groups = bytes.len() * 8 / config.group_bits(format);
            let mut history = 0;
            let mut weights = Vec::new();
            for word in 0..groups * config.lanes as usize {
                let bits = read_field(&bytes, word * word_bits, word_bits);
                weights.extend(code.weights(history, bits, per_word));
                history = ((u128::from(history) | bits << code.history_bits()) >> word_bits) as u32;
            }
            weights
        };
        rows.flat_map(of_row).collect()
    }

    /// The CRC-32 of the integer weights, each a byte in two's complement.
    ///
    /// # Panics
    /// When a weight takes more than a byte: no code that has a tensor makes such weights.
    pub fn crc32(&self, config: &DatapathConfig, format: &WeightFormat) -> Crc32 {
        let byte = |weight: i64| i8::try_from(weight).expect("a weight is a byte").to_le_bytes()[0];
        let bytes: Vec<u8> = self.weights(config, format).into_iter().map(byte).collect();
        Crc32::of(&bytes)
    }

    /// A row as the text of the file has it: the stored bits of `words`, each of `word_bits`.
    pub fn row_text(words: &[u128], word_bits: usize, stored_bits: usize) -> String {
        let mut bytes = vec![0; (words.len() * word_bits).div_ceil(8)];
        for (index, &word) in words.iter().enumerate() {
            write_field(&mut bytes, index * word_bits, word_bits, word);
        }
        bytes.truncate(stored_bits.div_ceil(8));
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
