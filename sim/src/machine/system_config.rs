//! What a machine is made of.

use crate::memory_model::MemoryModel;
use seedlm_codec::machine::DatapathConfig;
use serde::{Deserialize, Serialize};

/// Everything that decides how many cycles a product takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemConfig {
    /// Clock of machine and memory port, in MHz. It turns cycles into seconds and changes nothing else.
    pub clock_mhz: f64,
    /// The datapath.
    pub datapath: DatapathConfig,
    /// The memory.
    pub memory: MemoryModel,
}

impl SystemConfig {
    /// Peak of the memory port in units of 1e9 bytes per second: a beat in every cycle.
    pub fn peak_gb_per_s(&self) -> f64 {
        f64::from(self.datapath.beat_bits) / 8.0 * self.clock_mhz / 1000.0
    }
}
