//! The parameters of a chained code, and the presets.

use super::map::{CHAIN_LENGTHS, ChainMap};
use crate::error::CodecError;
use serde::{Deserialize, Serialize};

/// A checked chained code: `k` bits are stored per weight, and a map makes a weight of a window of `K` bits.
///
/// Parameters are data. The presets are only names for six of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "ChainedCodeFields", into = "ChainedCodeFields")]
pub struct ChainedCode {
    fields: ChainedCodeFields,
}

/// The parameters of a chained code as they are written down, not yet checked; see [`ChainedCode::new`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainedCodeFields {
    /// Stored bits per weight `k`, by which the window moves: 1..=8, and fewer than the window has.
    pub bits_per_weight: u32,
    /// What makes a weight of a window.
    pub map: ChainMap,
}

impl TryFrom<ChainedCodeFields> for ChainedCode {
    type Error = CodecError;
    fn try_from(fields: ChainedCodeFields) -> Result<Self, CodecError> {
        ChainedCode::new(fields.bits_per_weight, fields.map)
    }
}

impl From<ChainedCode> for ChainedCodeFields {
    fn from(code: ChainedCode) -> Self {
        code.fields
    }
}

impl ChainedCode {
    /// Names of the presets: those with windows of 16 bits, then those with windows of 12 bits, which encode some 16 times
    /// faster.
    pub const PRESETS: [&'static str; 6] = [
        "chained-4b",
        "chained-3b",
        "chained-2b",
        "chained-4b-k12",
        "chained-3b-k12",
        "chained-2b-k12",
    ];

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`CodecError::Code`] when the stored bits per weight are out of range.
    pub fn new(bits_per_weight: u32, map: ChainMap) -> Result<Self, CodecError> {
        let most = 8.min(map.length() - 1);
        if !(1..=most).contains(&bits_per_weight) {
            return Err(CodecError::Code(format!(
                "stored bits per weight k is {bits_per_weight}, and must be 1 to {most} with a window of {} bits",
                map.length()
            )));
        }
        Ok(ChainedCode {
            fields: ChainedCodeFields { bits_per_weight, map },
        })
    }

    /// `bits_per_weight` bits per weight (1..=8) with the standard map for windows of `length` bits.
    ///
    /// # Errors
    /// [`CodecError::Code`] when there is no such map or the bits are out of range.
    pub fn standard(bits_per_weight: u32, length: u32) -> Result<Self, CodecError> {
        ChainedCode::new(bits_per_weight, ChainMap::standard(length)?)
    }

    /// The preset of that name: `chained-4b`, `chained-3b` and `chained-2b` have windows of 16 bits, the same names with
    /// `-k12` windows of 12.
    ///
    /// # Errors
    /// [`CodecError::UnknownPreset`] lists the names there are.
    pub fn preset(name: &str) -> Result<Self, CodecError> {
        let index = ChainedCode::PRESETS.iter().position(|preset| *preset == name);
        let index = index.ok_or_else(|| CodecError::UnknownPreset {
            name: name.into(),
            known: ChainedCode::PRESETS.map(String::from).to_vec(),
        })?;
        ChainedCode::standard(4 - index as u32 % 3, CHAIN_LENGTHS[index / 3])
    }

    /// The name of the preset with these parameters, if there is one.
    pub fn preset_name(&self) -> Option<&'static str> {
        ChainedCode::PRESETS
            .into_iter()
            .find(|name| ChainedCode::preset(name).as_ref() == Ok(self))
    }

    /// The preset's name, or the parameters in a short form such as `k=5 K=16`, with the map's fields where it is not the
    /// standard one.
    pub fn label(&self) -> String {
        if let Some(name) = self.preset_name() {
            return name.into();
        }
        let plain = format!("k={} K={}", self.bits_per_weight(), self.map().length());
        if ChainMap::standard(self.map().length()).as_ref() == Ok(self.map()) {
            return plain;
        }
        let fields: Vec<String> = self
            .map()
            .fields()
            .iter()
            .map(|masks| {
                masks
                    .iter()
                    .map(|mask| format!("{mask:x}"))
                    .collect::<Vec<_>>()
                    .join(",")
            })
            .collect();
        format!("{plain} map={}", fields.join("+"))
    }

    /// Stored bits per weight `k`, scales not counted.
    pub fn bits_per_weight(&self) -> u32 {
        self.fields.bits_per_weight
    }

    /// The map.
    pub fn map(&self) -> &ChainMap {
        &self.fields.map
    }

    /// Bits of a window that were stored before its newest weight: `K - k`. A row starts with that many zeros.
    pub fn history_bits(&self) -> u32 {
        self.map().length() - self.bits_per_weight()
    }

    /// Width of an integer weight in bits, sign included.
    pub fn weight_bits(&self) -> u32 {
        // |m| <= largest < 2^n fits n + 1 bits of two's complement.
        i64::BITS - self.map().largest_weight().leading_zeros() + 1
    }

    /// Weights that a decode lane makes in a cycle: as many as fill about 32 bits, in fours. The machine reads a row in such
    /// words; stored rows know nothing of them.
    pub fn weights_per_word(&self) -> usize {
        32_usize.div_ceil(self.bits_per_weight() as usize).next_multiple_of(4)
    }

    /// The integer weights of consecutive windows: `bits` are those of `count` weights, lowest first, `history` the
    /// `K - k` bits that were stored before them, the newest in the most significant place. Zero at the start of a row.
    pub fn weights(&self, history: u32, bits: u128, count: usize) -> Vec<i64> {
        let (stored, length) = (self.bits_per_weight(), self.map().length());
        let mut window = u64::from(history) << stored;
        (0..count as u32)
            .map(|index| {
                let new = (bits >> (index * stored)) as u64 & ((1 << stored) - 1);
                window = window >> stored | new << (length - stored);
                self.map().weight(window as u32)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn presets_have_their_names_bits_and_words() {
        for (name, bits, length, per_word) in [
            ("chained-4b", 4, 16, 8),
            ("chained-3b", 3, 16, 12),
            ("chained-2b", 2, 16, 16),
            ("chained-4b-k12", 4, 12, 8),
            ("chained-3b-k12", 3, 12, 12),
            ("chained-2b-k12", 2, 12, 16),
        ] {
            let code = ChainedCode::preset(name).unwrap();
            assert_eq!((code.bits_per_weight(), code.map().length()), (bits, length), "{name}");
            assert_eq!(code.weights_per_word(), per_word);
            assert_eq!((code.preset_name(), code.label()), (Some(name), name.to_string()));
        }
        assert!(ChainedCode::preset("chained-9b").is_err());
        assert_eq!(ChainedCode::standard(5, 16).unwrap().label(), "k=5 K=16");
        let own = ChainMap::new(4, vec![vec![8, 3], vec![9]]).unwrap();
        assert_eq!(ChainedCode::new(2, own.clone()).unwrap().label(), "k=2 K=4 map=8,3+9");
        for bits in [0, 4] {
            let error = ChainedCode::new(bits, own.clone()).unwrap_err().to_string();
            assert!(error.contains("must be 1 to 3 with a window of 4 bits"), "{error}");
        }
        assert!(ChainedCode::standard(9, 16).is_err());
    }

    #[test]
    fn a_worked_example() {
        // docs/format.md: K = 4, k = 2; one field of two bits, 8 and 3 (bits 1 and 0), and one of one bit, 9.
        let map = ChainMap::new(4, vec![vec![8, 3], vec![9]]).unwrap();
        let code = ChainedCode::new(2, map).unwrap();
        // Stored 1, 2, 3: the windows are 0100, 1001, 1110.
        assert_eq!(code.weights(0, 0b11_10_01, 3), [-4, 2, 4]);
    }

    proptest! {
        /// A window is the last K bits of all that has been stored, the row's zeros before them.
        #[test]
        fn windows_overlap(preset in prop::sample::select(&ChainedCode::PRESETS), bits in any::<u64>()) {
            let code = ChainedCode::preset(preset).unwrap();
            let count = 64 / code.bits_per_weight() as usize;
            let stream = u128::from(bits) << code.history_bits();
            let expected: Vec<i64> = (0..count as u32)
                .map(|index| (stream >> (index * code.bits_per_weight())) as u32 & ((1 << code.map().length()) - 1))
                .map(|window| code.map().weight(window))
                .collect();
            prop_assert_eq!(code.weights(0, u128::from(bits), count), expected);
        }

        /// Any cut of a row gives the same weights, with the bits before it as history.
        #[test]
        fn a_row_may_be_cut_anywhere(bits in any::<u128>(), cut in 3_usize..20) {
            let code = ChainedCode::preset("chained-4b").unwrap();
            let whole = code.weights(0, bits, 32);
            let history = (bits >> (4 * cut - 12)) as u32 & 0xfff;
            prop_assert_eq!(code.weights(history, bits >> (4 * cut), 32 - cut), &whole[cut..]);
        }
    }
}
