//! Picojoules of operations, as TOML.

use super::Operations;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use thiserror::Error;

/// Energies of operations in one process, and of reading memories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnergyTable {
    /// Name of the table.
    pub name: String,
    /// Process and voltage, and where the figures are from.
    pub description: String,
    /// Logic.
    pub arithmetic: Arithmetic,
    /// Buffers on the chip.
    pub sram: Sram,
    /// Reading a bit, in pJ, for memories by their names.
    pub dram_pj_per_bit: BTreeMap<String, f64>,
}

/// Energies of logic, in pJ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arithmetic {
    /// One bit of an adder.
    pub adder_pj_per_bit: f64,
    /// One product of two bits in a multiplier.
    pub multiplier_pj_per_bit_product: f64,
    /// An XOR of two bits.
    pub xor_pj_per_bit: f64,
    /// Another gate with two inputs.
    pub gate_pj_per_bit: f64,
    /// A choice between two bits.
    pub multiplexer_pj_per_bit: f64,
    /// A flip-flop in a cycle.
    pub register_pj_per_bit: f64,
}

/// Energies of buffers, in pJ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sram {
    /// Reading a bit.
    pub read_pj_per_bit: f64,
    /// Writing a bit.
    pub write_pj_per_bit: f64,
}

/// Why a table is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnergyTableError {
    /// Neither a preset nor a file.
    #[error("energy table {name:?}: {source}; give a TOML file, or one of: {}", EnergyTable::presets().join(", "))]
    Read {
        /// What was given.
        name: String,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// No such TOML, an unknown key, or a number that is no energy.
    #[error("energy table {name}: {reason}")]
    Content {
        /// File or preset.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

/// Names and texts of the presets, the usual one first.
const PRESETS: [(&str, &str); 1] = [("45nm", include_str!("../../energy/45nm.toml"))];

impl EnergyTable {
    /// Names of the presets, the usual one first.
    pub fn presets() -> Vec<&'static str> {
        PRESETS.map(|(name, _)| name).to_vec()
    }

    /// A preset, or a file with the same keys.
    ///
    /// # Errors
    /// When there is neither, or the content is refused.
    pub fn named(name: &str) -> Result<Self, EnergyTableError> {
        if let Some((name, text)) = PRESETS.iter().find(|(preset, _)| *preset == name) {
            return EnergyTable::parse(name, text);
        }
        let text = std::fs::read_to_string(Path::new(name)).map_err(|source| EnergyTableError::Read {
            name: name.into(),
            source,
        })?;
        EnergyTable::parse(name, &text)
    }

    /// Reads a table.
    ///
    /// # Errors
    /// [`EnergyTableError::Content`] on unknown or missing keys, and on energies that are negative or no numbers.
    pub fn parse(name: &str, text: &str) -> Result<Self, EnergyTableError> {
        let refuse = |reason: String| EnergyTableError::Content {
            name: name.into(),
            reason,
        };
        let table: EnergyTable = toml::from_str(text).map_err(|error| refuse(error.to_string()))?;
        let Arithmetic {
            adder_pj_per_bit,
            multiplier_pj_per_bit_product,
            xor_pj_per_bit,
            gate_pj_per_bit,
            multiplexer_pj_per_bit,
            register_pj_per_bit,
        } = table.arithmetic;
        let named = [
            ("adder_pj_per_bit", adder_pj_per_bit),
            ("multiplier_pj_per_bit_product", multiplier_pj_per_bit_product),
            ("xor_pj_per_bit", xor_pj_per_bit),
            ("gate_pj_per_bit", gate_pj_per_bit),
            ("multiplexer_pj_per_bit", multiplexer_pj_per_bit),
            ("register_pj_per_bit", register_pj_per_bit),
            ("read_pj_per_bit", table.sram.read_pj_per_bit),
            ("write_pj_per_bit", table.sram.write_pj_per_bit),
        ];
        let memories = table
            .dram_pj_per_bit
            .iter()
            .map(|(memory, &energy)| (memory.as_str(), energy));
        for (key, energy) in named.into_iter().chain(memories) {
            if !(0.0..1e9).contains(&energy) {
                return Err(refuse(format!(
                    "{key} is {energy}, and must be an energy in pJ: 0 or more"
                )));
            }
        }
        Ok(table)
    }

    /// Energy of these operations, each done once, in pJ.
    pub fn operations_pj(&self, operations: &Operations) -> f64 {
        let arithmetic = &self.arithmetic;
        [
            (operations.adder_bits, arithmetic.adder_pj_per_bit),
            (
                operations.multiplier_bit_products,
                arithmetic.multiplier_pj_per_bit_product,
            ),
            (operations.xor_bits, arithmetic.xor_pj_per_bit),
            (operations.gate_bits, arithmetic.gate_pj_per_bit),
            (operations.multiplexer_bits, arithmetic.multiplexer_pj_per_bit),
            (operations.register_bits, arithmetic.register_pj_per_bit),
        ]
        .into_iter()
        .map(|(count, energy)| count as f64 * energy)
        .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_model::MemoryModel;

    #[test]
    fn the_presets_know_every_memory() {
        for name in EnergyTable::presets() {
            let table = EnergyTable::named(name).unwrap();
            for memory in MemoryModel::presets() {
                assert!(table.dram_pj_per_bit.contains_key(memory), "{name}: {memory}");
            }
        }
    }

    #[test]
    fn adders_and_multipliers_cost_what_the_source_says() {
        let table = EnergyTable::named("45nm").unwrap();
        let adder = Operations {
            adder_bits: 8,
            ..Operations::default()
        };
        let multiplier = Operations {
            multiplier_bit_products: 64,
            ..Operations::default()
        };
        assert!((table.operations_pj(&adder) - 0.03).abs() < 1e-12);
        assert!((table.operations_pj(&multiplier) - 0.2).abs() < 1e-12);
    }

    #[test]
    fn wrong_tables_are_refused_by_key() {
        let text = PRESETS[0].1;
        let refusal = |text: &str| EnergyTable::parse("my.toml", text).unwrap_err().to_string();
        assert!(refusal(&format!("{text}\nhbm3 = -1.0\n")).contains("hbm3 is -1"));
        assert!(refusal(&format!("{text}\n[flash]\npj = 1\n")).contains("flash"));
        assert!(refusal(&text.replace("adder_pj_per_bit = 0.00375", "")).contains("adder_pj_per_bit"));
        assert!(EnergyTable::named("nowhere").unwrap_err().to_string().contains("45nm"));
    }
}
