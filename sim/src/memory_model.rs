//! What the memory behind the beats is, as data.

mod simple;

pub use simple::SimpleMemory;

use crate::dram::{ClosedForms, DramError, DramModel, PRESETS as DRAM_PRESETS};
use serde::Serialize;
use thiserror::Error;
use toml::{Table, Value};

/// A memory of one of two kinds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum MemoryModel {
    /// Counted in cycles of the machine: a first latency, and refresh.
    Simple(SimpleMemory),
    /// Banked DRAM with a clock of its own.
    Dram(Box<DramModel>),
}

/// Why a memory model is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MemoryModelError {
    /// A file or a preset of the simple kind, or no such file.
    #[error("memory model {name:?} refused: {reason}")]
    Model {
        /// Name or file of the model.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A DRAM.
    #[error(transparent)]
    Dram(#[from] DramError),
}

/// The simple presets, as the text of their files.
const SIMPLE_PRESETS: [(&str, &str); 2] = [
    ("paper", include_str!("../memory/paper.toml")),
    ("ideal", include_str!("../memory/ideal.toml")),
];

impl MemoryModel {
    /// Names of the presets.
    pub fn presets() -> impl Iterator<Item = &'static str> {
        SIMPLE_PRESETS.into_iter().chain(DRAM_PRESETS).map(|(name, _)| name)
    }

    /// The preset of that name, or the TOML file at that path.
    ///
    /// # Errors
    /// Names the file and the key that is wrong; unknown keys are refused.
    pub fn named(name: &str) -> Result<Self, MemoryModelError> {
        let presets = SIMPLE_PRESETS.into_iter().chain(DRAM_PRESETS);
        if let Some((_, text)) = presets.into_iter().find(|(preset, _)| *preset == name) {
            return MemoryModel::parse(name, text);
        }
        let text = std::fs::read_to_string(name).map_err(|error| {
            let presets: Vec<_> = MemoryModel::presets().collect();
            refused(
                name,
                format!("it is no preset ({}) and no readable file: {error}", presets.join(", ")),
            )
        })?;
        MemoryModel::parse(name, &text)
    }

    /// Reads a model from TOML. What has sections or a base is a DRAM.
    ///
    /// # Errors
    /// Names the key that is wrong; unknown keys are refused.
    pub fn parse(name: &str, text: &str) -> Result<Self, MemoryModelError> {
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| refused(name, error.to_string()))?;
        let is_dram = ["base", "standard", "organisation", "timing", "controller"]
            .iter()
            .any(|key| table.contains_key(*key));
        if is_dram {
            return Ok(MemoryModel::Dram(Box::new(DramModel::from_table(name, table)?)));
        }
        SimpleMemory::parse(text)
            .map(MemoryModel::Simple)
            .map_err(|reason| refused(name, reason))
    }

    /// The same memory with one key changed.
    ///
    /// # Errors
    /// Names the key when there is none of that name, or the value does not fit.
    pub fn with_override(&self, key: &str, value: Value) -> Result<Self, MemoryModelError> {
        match self {
            MemoryModel::Dram(dram) => Ok(MemoryModel::Dram(Box::new(dram.with_override(key, value)?))),
            MemoryModel::Simple(simple) => {
                let mut table = Table::try_from(simple).expect("plain data");
                table.insert(key.into(), value);
                MemoryModel::parse(&format!("{} with {key} changed", simple.name), &table.to_string())
            }
        }
    }

    /// Name in reports.
    pub fn name(&self) -> &str {
        match self {
            MemoryModel::Simple(simple) => &simple.name,
            MemoryModel::Dram(dram) => dram.name(),
        }
    }

    /// Beats of one burst, at the most.
    pub fn burst_beats(&self) -> u32 {
        match self {
            MemoryModel::Simple(simple) => simple.burst_beats,
            MemoryModel::Dram(dram) => dram.policy().burst_beats,
        }
    }

    /// What a port of this peak, in 1e9 bytes per second, can get from the memory at best, and what refresh leaves of it.
    pub fn limits_gb_per_s(&self, port_gb_per_s: f64) -> (f64, f64) {
        match self {
            MemoryModel::Simple(simple) => (port_gb_per_s, port_gb_per_s * simple.share_without_refresh()),
            MemoryModel::Dram(dram) => {
                let forms = ClosedForms::of(dram);
                // A port that is slower than the memory catches up after a refresh.
                (
                    forms.peak_gb_per_s.min(port_gb_per_s),
                    forms.refresh_limited_gb_per_s.min(port_gb_per_s),
                )
            }
        }
    }

    /// One line for a person: what the memory is.
    pub fn description(&self) -> String {
        match self {
            MemoryModel::Simple(simple) => simple.description(),
            MemoryModel::Dram(dram) => dram.description(),
        }
    }
}

fn refused(name: &str, reason: String) -> MemoryModelError {
    MemoryModelError::Model {
        name: name.into(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_legal_and_unknown_keys_are_not() {
        for name in MemoryModel::presets() {
            assert_eq!(MemoryModel::named(name).unwrap().name(), name);
        }
        let refusal = |text: &str| MemoryModel::parse("x", text).unwrap_err().to_string();
        let paper = SIMPLE_PRESETS[0].1;
        assert!(refusal(&format!("{paper}\ncolour = 1\n")).contains("colour"));
        let text = paper.replace("burst_beats = ", "burst_beats = 0 # ");
        assert!(refusal(&text).contains("burst_beats must be at least 1"));
        let error = MemoryModel::named("nowhere").unwrap_err().to_string();
        assert!(error.contains("paper, ideal, ddr3-1600"), "{error}");
    }

    #[test]
    fn keys_of_either_kind_can_be_changed() {
        let paper = MemoryModel::named("paper").unwrap();
        let MemoryModel::Simple(changed) = paper.with_override("latency_cycles", 31.into()).unwrap() else {
            panic!("another kind");
        };
        assert_eq!(changed.latency_cycles, 31);
        let error = paper.with_override("latency", 31.into()).unwrap_err().to_string();
        assert!(error.contains("paper with latency changed"), "{error}");
        let ddr4 = MemoryModel::named("ddr4-2400").unwrap();
        assert!(ddr4.with_override("t_rfc_ns", 550.into()).is_ok());
        assert!(ddr4.with_override("t_rfd_ns", 550.into()).is_err());
    }
}
