//! Reads a code in the description of a container.
//!
//! The parameters' names tell the two kinds apart. All of them are read into one structure first, so that a wrong one is
//! named, and so that a key that stands twice or belongs to the other kind is refused.

use seedlm_codec::{BlockCode, BlockCodeFields, ChainMap, ChainedCode, Code, Lfsr};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A code in the description of a container.
#[derive(Debug)]
pub(super) struct StoredCode(pub Code);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(default, deserialize_with = "present")]
    block_size: Option<u32>,
    #[serde(default, deserialize_with = "present")]
    latent_dimension: Option<u32>,
    #[serde(default, deserialize_with = "present")]
    coefficient_bits: Option<u32>,
    #[serde(default, deserialize_with = "present")]
    exponent_bits: Option<u32>,
    #[serde(default, deserialize_with = "present")]
    lfsr: Option<Lfsr>,
    #[serde(default, deserialize_with = "present")]
    bits_per_weight: Option<u32>,
    #[serde(default, deserialize_with = "present")]
    map: Option<ChainMap>,
}

/// A key that is there has a value: `null` is none.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for StoredCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Parameters::deserialize(deserializer)?;
        let missing = D::Error::missing_field;
        let is_chained = given.bits_per_weight.is_some() || given.map.is_some();
        let is_block = given.block_size.is_some()
            || given.latent_dimension.is_some()
            || given.coefficient_bits.is_some()
            || given.exponent_bits.is_some()
            || given.lfsr.is_some();
        if is_chained && is_block {
            return Err(D::Error::custom(
                "a code has parameters of both the block code and the chained code",
            ));
        }
        let code = if is_chained {
            let bits_per_weight = given.bits_per_weight.ok_or_else(|| missing("bits_per_weight"))?;
            ChainedCode::new(bits_per_weight, given.map.ok_or_else(|| missing("map"))?).map(Code::Chained)
        } else {
            BlockCode::new(BlockCodeFields {
                block_size: given.block_size.ok_or_else(|| missing("block_size"))?,
                latent_dimension: given.latent_dimension.ok_or_else(|| missing("latent_dimension"))?,
                coefficient_bits: given.coefficient_bits.ok_or_else(|| missing("coefficient_bits"))?,
                exponent_bits: given.exponent_bits.ok_or_else(|| missing("exponent_bits"))?,
                lfsr: given.lfsr.ok_or_else(|| missing("lfsr"))?,
            })
            .map(Code::Block)
        };
        code.map(StoredCode).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_read_and_mistakes_are_named() {
        for name in Code::presets() {
            let code = Code::preset(name).unwrap();
            let text = serde_json::to_string(&code).unwrap();
            assert_eq!(serde_json::from_str::<StoredCode>(&text).unwrap().0, code);
        }
        let map = r#""map":{"length":3,"fields":[[5,3]]}"#;
        for (text, expected) in [
            ("{}".to_string(), "missing field `block_size`"),
            (format!("{{{map}}}"), "missing field `bits_per_weight`"),
            (r#"{"bits_per_weight":1}"#.into(), "missing field `map`"),
            (
                format!(r#"{{"bits_per_weight":3,{map}}}"#),
                "must be 1 to 2 with a window of 3 bits",
            ),
            (format!(r#"{{"bits_per_weight":1,{map},"block_size":8}}"#), "of both"),
            (format!(r#"{{"bits_per_weight":1,{map},"block_size":null}}"#), "null"),
            (
                format!(r#"{{"bits_per_weight":1,{map},{map}}}"#),
                "duplicate field `map`",
            ),
            (format!(r#"{{"bits_per_weight":1,{map},"k":1}}"#), "unknown field `k`"),
            (
                r#"{"bits_per_weight":1,"map":{"length":3,"fields":[[8]]}}"#.into(),
                "chain map",
            ),
            (
                r#"{"bits_per_weight":1,"map":{"length":3,"fields":[[5]],"x":1}}"#.into(),
                "unknown field `x`",
            ),
        ] {
            let error = serde_json::from_str::<StoredCode>(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
