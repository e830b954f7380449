//! One machine of a grid.

use crate::machine::SystemConfig;
use crate::memory_model::MemoryModel;
use crate::settings::{Settings, SettingsError};
use seedlm_codec::{CodecError, WeightFormat};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A memory, a width of its port and a number of lanes. What is left open is chosen as `sim run` does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachinePoint {
    /// A preset, or a TOML file.
    pub memory: String,
    /// Width of the memory's port in bytes; none is what suits the memory.
    pub beat_bytes: Option<u32>,
    /// Lanes; none is as many as keep up with a beat per cycle.
    pub lanes: Option<u32>,
    /// Clock of machine and port in MHz.
    pub clock_mhz: f64,
}

/// Why a code has no such machine.
#[derive(Debug, Error)]
pub enum MachinePointError {
    /// Memory, clock or a setting.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The machine cannot be built for the code.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

impl MachinePoint {
    /// The machine for a code.
    ///
    /// # Errors
    /// When the memory cannot be read, or the machine cannot be built for the code.
    pub fn system(&self, format: &WeightFormat) -> Result<SystemConfig, MachinePointError> {
        let memory = MemoryModel::named(&self.memory).map_err(SettingsError::from)?;
        let mut settings = Settings::new(self.clock_mhz, memory)?;
        if let Some(bytes) = self.beat_bytes {
            settings.override_with(&format!("beat_bits={}", u64::from(bytes) * 8))?;
        }
        if let Some(lanes) = self.lanes {
            settings.override_with(&format!("lanes={lanes}"))?;
            // Tiles of 16 rows, or of fewer where there are fewer lanes.
            settings.override_with(&format!("tile_rows={}", largest_power_within(lanes, 16)))?;
        }
        let system = settings.system(format);
        system.datapath.check(format)?;
        Ok(system)
    }

    /// Memory, port and lanes in a short form.
    pub fn label(&self) -> String {
        let mut label = self.memory.clone();
        if let Some(bytes) = self.beat_bytes {
            label += &format!(", {bytes} B");
        }
        if let Some(lanes) = self.lanes {
            label += &format!(", {lanes} lanes");
        }
        label
    }
}

/// The largest power of two that divides `number` and is at most `most`.
fn largest_power_within(number: u32, most: u32) -> u32 {
    let divides = 1 << number.trailing_zeros().min(31);
    most.min(divides).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point() -> MachinePoint {
        MachinePoint {
            memory: "paper".into(),
            beat_bytes: None,
            lanes: None,
            clock_mhz: 200.0,
        }
    }

    #[test]
    fn what_is_left_open_is_the_reference_machine() {
        let format = WeightFormat::named("paper-4b").unwrap();
        let system = point().system(&format).unwrap();
        assert_eq!((system.datapath.lanes, system.datapath.beat_bits), (16, 512));
        let some = MachinePoint {
            lanes: Some(12),
            beat_bytes: Some(32),
            ..point()
        };
        let system = some.system(&format).unwrap();
        let datapath = system.datapath;
        assert_eq!((datapath.lanes, datapath.tile_rows, datapath.beat_bits), (12, 4, 256));
        assert_eq!(some.label(), "paper, 32 B, 12 lanes");
    }

    #[test]
    fn machines_that_there_are_not_are_refused_with_the_reason() {
        let format = WeightFormat::named("paper-4b").unwrap();
        let refusal = |point: MachinePoint| point.system(&format).unwrap_err().to_string();
        let nowhere = MachinePoint {
            memory: "nowhere".into(),
            ..point()
        };
        assert!(refusal(nowhere).contains("it is no preset (paper, ideal"));
        let lanes = Some(0);
        assert!(refusal(MachinePoint { lanes, ..point() }).contains("lanes is 0"));
        let beat_bytes = Some(3);
        assert!(refusal(MachinePoint { beat_bytes, ..point() }).contains("beat_bits is 24"));
    }
}
