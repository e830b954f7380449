//! Either code, where it does not matter which.

use crate::block::BlockCode;
use crate::chained::{ChainedCode, ChainedMatrix};
use crate::error::CodecError;
use crate::matrix::CodedMatrix;
use serde::{Deserialize, Serialize};

/// A code: what turns stored bits into integer weights.
///
/// It is written down as its parameters are; their names tell the two kinds apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Code {
    /// The paper's code: a seed, an exponent and coefficients for each block of weights.
    Block(BlockCode),
    /// The chained code: overlapping seeds, one for each weight.
    Chained(ChainedCode),
}

impl From<BlockCode> for Code {
    fn from(code: BlockCode) -> Self {
        Code::Block(code)
    }
}

impl From<ChainedCode> for Code {
    fn from(code: ChainedCode) -> Self {
        Code::Chained(code)
    }
}

impl Code {
    /// Names of all presets: those of the block code, then those of the chained code.
    pub fn presets() -> Vec<&'static str> {
        BlockCode::PRESETS.into_iter().chain(ChainedCode::PRESETS).collect()
    }

    /// The preset of that name.
    ///
    /// # Errors
    /// [`CodecError::UnknownPreset`] lists the names there are.
    pub fn preset(name: &str) -> Result<Self, CodecError> {
        BlockCode::preset(name)
            .map(Code::Block)
            .or_else(|_| ChainedCode::preset(name).map(Code::Chained))
            .map_err(|_| CodecError::UnknownPreset {
                name: name.into(),
                known: Code::presets().into_iter().map(String::from).collect(),
            })
    }

    /// The name of the preset with these parameters, if there is one.
    pub fn preset_name(&self) -> Option<&'static str> {
        match self {
            Code::Block(code) => code.preset_name(),
            Code::Chained(code) => code.preset_name(),
        }
    }

    /// The preset's name, or the parameters in a short form.
    pub fn label(&self) -> String {
        match self {
            Code::Block(code) => code.label(),
            Code::Chained(code) => code.label(),
        }
    }

    /// Bits per weight of the words of full blocks, scales not counted.
    pub fn bits_per_weight(&self) -> f64 {
        match self {
            Code::Block(code) => code.bits_per_weight(),
            Code::Chained(code) => f64::from(code.bits_per_weight()),
        }
    }

    /// Bytes of the words of a matrix, or `None` where they cannot be counted.
    pub fn word_bytes(&self, rows: usize, columns: usize) -> Option<usize> {
        match self {
            Code::Block(code) => CodedMatrix::word_bytes(code, rows, columns),
            Code::Chained(code) => ChainedMatrix::word_bytes(code, rows, columns),
        }
    }

    /// Bytes of the scales of a matrix of `rows` rows: one binary32 number for the block code, one bfloat16 number per row
    /// for the chained code.
    pub fn scale_bytes(&self, rows: usize) -> usize {
        match self {
            Code::Block(_) => 4,
            Code::Chained(_) => 2 * rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_known_by_its_name_and_survives_being_written() {
        assert_eq!(Code::presets().len(), 8);
        for name in Code::presets() {
            let code = Code::preset(name).unwrap();
            assert_eq!((code.preset_name(), code.label()), (Some(name), name.to_string()));
            let text = serde_json::to_string(&code).unwrap();
            assert_eq!(serde_json::from_str::<Code>(&text).unwrap(), code);
        }
        let error = Code::preset("int4").unwrap_err().to_string();
        assert!(error.contains("paper-3b, chained-4b, chained-3b"), "{error}");
    }

    #[test]
    fn sizes_are_those_of_the_matrices() {
        let code = Code::preset("chained-3b").unwrap();
        assert_eq!((code.word_bytes(3, 5), code.scale_bytes(3)), (Some(6), 6));
        assert_eq!(code.bits_per_weight(), 3.0);
        let code = Code::preset("paper-3b").unwrap();
        assert_eq!((code.word_bytes(3, 14), code.scale_bytes(3)), (Some(27), 4));
    }
}
