//! What decoders and MACs compute, as `hdl operations` counts it in the netlists.

use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Operations of one cycle, counted in bits in the Verilog as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operations {
    /// XORs of two bits.
    pub xor_bits: u64,
    /// Other gates with two inputs.
    pub gate_bits: u64,
    /// Bits of adders.
    pub adder_bits: u64,
    /// Choices between two bits.
    pub multiplexer_bits: u64,
    /// Products of two bits in multipliers.
    pub multiplier_bit_products: u64,
    /// Bits of registers.
    pub register_bits: u64,
}

/// What is computed for a group of words of the reference machine, and how many weights the group has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationsPerGroup {
    /// Name of the format.
    pub format: String,
    /// Weights of a group.
    pub weights: u64,
    /// Decode lanes, and the histories of rows.
    pub decoder: Operations,
    /// MACs and accumulators.
    pub mac: Operations,
}

/// The file that `hdl operations --toml` writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    format: Vec<OperationsPerGroup>,
}

/// Of all formats that have names. The simulator does not use the generator: a test of both holds the file up to date.
static COUNTS: LazyLock<Vec<OperationsPerGroup>> = LazyLock::new(|| {
    parse_operation_counts(include_str!("../../energy/operations.toml")).expect("the file is generated")
});

/// The counts of a format by its name; none for a code of one's own.
pub fn operation_counts(format: &str) -> Option<&'static OperationsPerGroup> {
    COUNTS.iter().find(|counts| counts.format == format)
}

/// Reads what `hdl operations --toml` has written.
///
/// # Errors
/// The reason, with the line.
pub fn parse_operation_counts(text: &str) -> Result<Vec<OperationsPerGroup>, String> {
    let counts: Counts = toml::from_str(text).map_err(|error| error.to_string())?;
    match counts.format.iter().find(|counts| counts.weights == 0) {
        Some(counts) => Err(format!("{}: a group has no weights", counts.format)),
        None => Ok(counts.format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seedlm_codec::WeightFormat;

    #[test]
    fn every_format_that_has_a_name_is_counted() {
        for name in WeightFormat::names() {
            assert!(operation_counts(&name).is_some(), "{name}");
        }
        assert!(operation_counts("C=8 P=3 K=10").is_none());
        assert!(parse_operation_counts("[[format]]\nformat = \"x\"\n").is_err());
    }
}
