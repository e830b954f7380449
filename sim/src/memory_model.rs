//! What the memory behind the beats is, as data.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A memory that delivers one beat per cycle but for a first latency and for refresh.
///
/// The banked DRAM model with rows and JEDEC timings comes in a later step; this one has what explains the cycle counts
/// of the SeedLM paper's Table 5.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryModel {
    /// Name in reports.
    pub name: String,
    /// Cycles from a request to its first beat, at least 1.
    pub latency_cycles: u32,
    /// Cycles from the start of one refresh to the start of the next; 0 for a memory that needs none.
    pub refresh_interval_cycles: u32,
    /// Cycles at the end of each interval in which no beat is delivered.
    pub refresh_cycles: u32,
    /// Where in its interval the refresh timer stands when the machine starts.
    pub refresh_phase_cycles: u32,
    /// Bursts that can be waiting.
    pub request_queue_bursts: u32,
    /// Beats of one burst, at the most.
    pub burst_beats: u32,
}

/// Why a memory model is refused.
#[derive(Debug, Error)]
#[error("memory model {name:?} refused: {reason}")]
pub struct MemoryModelError {
    /// Name or file of the model.
    pub name: String,
    /// What is wrong.
    pub reason: String,
}

/// Far above any memory's, and far below the point at which a run counts as stuck.
const LONGEST_LATENCY_CYCLES: u32 = 100_000;

/// The presets, as the text of their files.
const PRESETS: [(&str, &str); 2] = [
    ("paper", include_str!("../memory/paper.toml")),
    ("ideal", include_str!("../memory/ideal.toml")),
];

impl MemoryModel {
    /// Names of the presets.
    pub fn presets() -> [&'static str; 2] {
        PRESETS.map(|(name, _)| name)
    }

    /// The preset of that name, or the TOML file at that path.
    ///
    /// # Errors
    /// Names the file and the key that is wrong; unknown keys are refused.
    pub fn named(name: &str) -> Result<Self, MemoryModelError> {
        if let Some((_, text)) = PRESETS.iter().find(|(preset, _)| *preset == name) {
            return MemoryModel::parse(name, text);
        }
        let text = std::fs::read_to_string(name).map_err(|error| MemoryModelError {
            name: name.into(),
            reason: format!(
                "it is no preset ({}) and no readable file: {error}",
                MemoryModel::presets().join(", ")
            ),
        })?;
        MemoryModel::parse(name, &text)
    }

    /// Reads a model from TOML.
    ///
    /// # Errors
    /// Names the key that is wrong; unknown keys are refused.
    pub fn parse(name: &str, text: &str) -> Result<Self, MemoryModelError> {
        let refuse = |reason: String| MemoryModelError {
            name: name.into(),
            reason,
        };
        let model: MemoryModel = toml::from_str(text).map_err(|error| refuse(error.to_string()))?;
        for (key, value) in [
            ("latency_cycles", model.latency_cycles),
            ("request_queue_bursts", model.request_queue_bursts),
            ("burst_beats", model.burst_beats),
        ] {
            if value == 0 {
                return Err(refuse(format!("{key} must be at least 1")));
            }
        }
        if model.latency_cycles > LONGEST_LATENCY_CYCLES {
            return Err(refuse(format!(
                "latency_cycles must be at most {LONGEST_LATENCY_CYCLES}"
            )));
        }
        if model.refresh_cycles > 0 && model.refresh_cycles >= model.refresh_interval_cycles {
            return Err(refuse(
                "refresh_cycles must be less than refresh_interval_cycles".into(),
            ));
        }
        Ok(model)
    }

    /// Whether the memory refreshes in a cycle, counted from the start of the machine.
    pub fn refreshes_in(&self, cycle: u64) -> bool {
        let interval = u64::from(self.refresh_interval_cycles);
        let timer = cycle + u64::from(self.refresh_phase_cycles);
        interval > 0 && timer % interval >= interval - u64::from(self.refresh_cycles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_legal_and_unknown_keys_are_not() {
        for name in MemoryModel::presets() {
            assert_eq!(MemoryModel::named(name).unwrap().name, name);
        }
        let text = format!("{}\ncolour = 1\n", PRESETS[0].1);
        assert!(
            MemoryModel::parse("x", &text)
                .unwrap_err()
                .to_string()
                .contains("colour")
        );
        let text = PRESETS[0].1.replace("burst_beats = ", "burst_beats = 0 # ");
        assert!(
            MemoryModel::parse("x", &text)
                .unwrap_err()
                .to_string()
                .contains("burst_beats must be at least 1")
        );
        assert!(
            MemoryModel::named("nowhere")
                .unwrap_err()
                .to_string()
                .contains("paper, ideal")
        );
    }

    #[test]
    fn refresh_takes_its_share_at_any_phase() {
        let mut paper = MemoryModel::named("paper").unwrap();
        for phase in [0, 1, 777, 1559, 5000] {
            paper.refresh_phase_cycles = phase;
            let refreshing = (0..1560 * 100).filter(|&cycle| paper.refreshes_in(cycle)).count();
            assert_eq!(refreshing, 63 * 100);
        }
    }
}
