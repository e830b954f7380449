//! The parameters of a block code, and the presets.

use crate::error::CodecError;
use crate::lfsr::Lfsr;
use serde::{Deserialize, Serialize};

/// The widest block word, in bits. Words travel as `u128`.
const WIDEST_WORD_BITS: u32 = 128;
/// The widest integer weight `m * 2^e`, sign included. It leaves the products room in 64-bit arithmetic.
const WIDEST_WEIGHT_BITS: u32 = 53;

/// A checked block code: every parameter is in range, so every word of it can be decoded exactly.
///
/// Parameters are data. The presets are only names for two of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "BlockCodeFields", into = "BlockCodeFields")]
pub struct BlockCode {
    fields: BlockCodeFields,
}

/// The parameters of a block code as they are written down, not yet checked; see [`BlockCode::new`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockCodeFields {
    /// Block size `C`: weights in a block, 1..=64.
    pub block_size: u32,
    /// Latent dimension `P`: coefficients in a block, 1..=8 and at most `C`.
    pub latent_dimension: u32,
    /// Width of a coefficient in bits, two's complement, 2..=8.
    pub coefficient_bits: u32,
    /// Width of the shared exponent in bits, unsigned, 0..=5.
    pub exponent_bits: u32,
    /// The register, of `K` bits.
    pub lfsr: Lfsr,
}

impl TryFrom<BlockCodeFields> for BlockCode {
    type Error = CodecError;
    fn try_from(fields: BlockCodeFields) -> Result<Self, CodecError> {
        BlockCode::new(fields)
    }
}

impl From<BlockCode> for BlockCodeFields {
    fn from(code: BlockCode) -> Self {
        code.fields
    }
}

impl BlockCode {
    /// Names of the presets, best first.
    pub const PRESETS: [&'static str; 2] = ["paper-4b", "paper-3b"];

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`CodecError::Code`] names the parameter that is out of range, with the range.
    pub fn new(fields: BlockCodeFields) -> Result<Self, CodecError> {
        let in_range = |name: &str, value: u32, least: u32, most: u32| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(CodecError::Code(format!(
                    "{name} is {value}, and must be {least} to {most}"
                )))
            }
        };
        in_range("block size C", fields.block_size, 1, 64)?;
        in_range(
            "latent dimension P",
            fields.latent_dimension,
            1,
            fields.block_size.min(8),
        )?;
        in_range("coefficient width in bits", fields.coefficient_bits, 2, 8)?;
        in_range("exponent width in bits", fields.exponent_bits, 0, 5)?;
        let code = BlockCode { fields };
        in_range("word width in bits", code.word_bits(), 1, WIDEST_WORD_BITS)?;
        in_range(
            "integer weight width in bits",
            code.weight_bits(),
            1,
            WIDEST_WEIGHT_BITS,
        )?;
        Ok(code)
    }

    /// The preset of that name: `paper-4b` (C=8, P=3, K=16: a 32-bit word per 8 weights) or
    /// `paper-3b` (C=12, P=4, K=16: 36 bits per 12 weights); SeedLM paper, section 4 and Table 1.
    ///
    /// # Errors
    /// [`CodecError::UnknownPreset`] lists the names there are.
    pub fn preset(name: &str) -> Result<Self, CodecError> {
        let (block_size, latent_dimension) = match name {
            "paper-4b" => (8, 3),
            "paper-3b" => (12, 4),
            _ => {
                return Err(CodecError::UnknownPreset {
                    name: name.into(),
                    known: BlockCode::PRESETS.map(String::from).to_vec(),
                });
            }
        };
        BlockCode::new(BlockCodeFields {
            block_size,
            latent_dimension,
            coefficient_bits: 4,
            exponent_bits: 4,
            lfsr: Lfsr::paper(16)?,
        })
    }

    /// The name of the preset with these parameters, if there is one.
    pub fn preset_name(&self) -> Option<&'static str> {
        BlockCode::PRESETS
            .into_iter()
            .find(|name| BlockCode::preset(name).as_ref() == Ok(self))
    }

    /// The preset's name, or the parameters in a short form such as `C=8 P=3 K=12`.
    pub fn label(&self) -> String {
        self.preset_name().map_or_else(
            || {
                format!(
                    "C={} P={} K={}",
                    self.fields.block_size,
                    self.fields.latent_dimension,
                    self.lfsr().length()
                )
            },
            str::to_string,
        )
    }

    /// Block size `C`: weights in a block.
    pub fn block_size(&self) -> usize {
        self.fields.block_size as usize
    }

    /// Latent dimension `P`: coefficients in a block.
    pub fn latent_dimension(&self) -> usize {
        self.fields.latent_dimension as usize
    }

    /// Width of a coefficient in bits.
    pub fn coefficient_bits(&self) -> u32 {
        self.fields.coefficient_bits
    }

    /// Width of the exponent in bits.
    pub fn exponent_bits(&self) -> u32 {
        self.fields.exponent_bits
    }

    /// The register.
    pub fn lfsr(&self) -> &Lfsr {
        &self.fields.lfsr
    }

    /// The largest exponent: `2^exponent_bits - 1`.
    pub fn largest_exponent(&self) -> u32 {
        (1 << self.fields.exponent_bits) - 1
    }

    /// Smallest and largest coefficient: `-2^(b-1)` and `2^(b-1) - 1`.
    pub fn coefficient_range(&self) -> (i32, i32) {
        let half = 1 << (self.fields.coefficient_bits - 1);
        (-half, half - 1)
    }

    /// Width of one block word in bits: `K + exponent + P * coefficient`.
    pub fn word_bits(&self) -> u32 {
        self.lfsr().length() + self.fields.exponent_bits + self.fields.latent_dimension * self.fields.coefficient_bits
    }

    /// Bits per weight of full blocks, scales not counted: `word_bits / C`.
    pub fn bits_per_weight(&self) -> f64 {
        f64::from(self.word_bits()) / f64::from(self.fields.block_size)
    }

    /// The largest |m| a legal word can have: `P * 2^(b-1) * (2^(K-1) - 1)`.
    ///
    /// A state is 1..2^K, so a matrix entry `V - 2^(K-1)` lies in `+-(2^(K-1) - 1)`.
    pub fn largest_mantissa(&self) -> i64 {
        let (smallest, _) = self.coefficient_range();
        let entry = (1_i64 << (self.lfsr().length() - 1)) - 1;
        i64::from(self.fields.latent_dimension) * i64::from(-smallest) * entry
    }

    /// Width of the mantissa `m` in bits, sign included.
    pub fn mantissa_bits(&self) -> u32 {
        // |m| <= largest < 2^n fits n + 1 bits of two's complement.
        i64::BITS - self.largest_mantissa().leading_zeros() + 1
    }

    /// Width of the integer weight `m * 2^e` in bits, sign included.
    pub fn weight_bits(&self) -> u32 {
        self.mantissa_bits() + self.largest_exponent()
    }

    /// What one unit of `u = (V - 2^(K-1)) / (2^(K-1) - 1)` is in matrix entries: the divisor `2^(K-1) - 1`.
    pub fn entry_divisor(&self) -> u32 {
        (1 << (self.lfsr().length() - 1)) - 1
    }

    /// Blocks in a row of `columns` weights; the last one may be partial.
    pub fn blocks_per_row(&self, columns: usize) -> usize {
        columns.div_ceil(self.block_size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_have_the_papers_sizes() {
        let four = BlockCode::preset("paper-4b").unwrap();
        assert_eq!((four.word_bits(), four.block_size()), (32, 8));
        assert_eq!(four.mantissa_bits(), 21);
        assert_eq!(four.label(), "paper-4b");
        let three = BlockCode::preset("paper-3b").unwrap();
        assert_eq!((three.word_bits(), three.block_size()), (36, 12));
        assert_eq!(three.mantissa_bits(), 21);
        assert!(
            BlockCode::preset("paper-5b")
                .unwrap_err()
                .to_string()
                .contains("paper-4b, paper-3b")
        );
    }

    #[test]
    fn parameters_out_of_range_are_named() {
        let good: BlockCodeFields = BlockCode::preset("paper-4b").unwrap().into();
        type Spoil = fn(&mut BlockCodeFields);
        let cases: [(&str, Spoil); 6] = [
            ("block size C", |f| f.block_size = 0),
            ("block size C", |f| f.block_size = 65),
            ("latent dimension P", |f| f.latent_dimension = 9),
            ("coefficient width", |f| f.coefficient_bits = 1),
            ("exponent width", |f| f.exponent_bits = 6),
            ("integer weight width", |f| {
                (f.exponent_bits, f.coefficient_bits, f.lfsr) = (5, 8, Lfsr::paper(24).unwrap());
            }),
        ];
        for (named, spoil) in cases {
            let mut fields = good.clone();
            spoil(&mut fields);
            let error = BlockCode::new(fields).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn parameters_survive_json_and_unknown_keys_do_not() {
        let code = BlockCode::preset("paper-3b").unwrap();
        let text = serde_json::to_string(&code).unwrap();
        assert_eq!(serde_json::from_str::<BlockCode>(&text).unwrap(), code);
        let more = text.replacen('{', "{\"colour\":1,", 1);
        assert!(
            serde_json::from_str::<BlockCode>(&more)
                .unwrap_err()
                .to_string()
                .contains("colour")
        );
        let bad = text.replace("[0,1,3,12]", "[0,1,3]");
        assert!(
            serde_json::from_str::<BlockCode>(&bad)
                .unwrap_err()
                .to_string()
                .contains("not maximal")
        );
    }
}
