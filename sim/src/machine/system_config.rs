//! What a machine is made of.

use crate::memory_model::MemoryModel;
use seedlm_codec::machine::DatapathConfig;
use serde::Serialize;

/// Everything that decides how many cycles a product takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SystemConfig {
    /// Clock of machine and memory port, in MHz. For a memory counted in cycles it changes nothing but seconds; a DRAM has a clock of its
    /// own beside it.
    pub clock_mhz: f64,
    /// The datapath.
    pub datapath: DatapathConfig,
    /// The memory.
    pub memory: MemoryModel,
}

impl SystemConfig {
    /// The clock in whole Hz, the nearest: with it the ratio of two clocks is one of whole numbers.
    pub fn clock_hz(&self) -> u64 {
        ((self.clock_mhz * 1e6).round() as u64).max(1)
    }

    /// Peak of the memory port in units of 1e9 bytes per second: a beat in every cycle, or what the DRAM's data pins carry if that is
    /// less.
    pub fn peak_gb_per_s(&self) -> f64 {
        self.memory.limits_gb_per_s(self.port_gb_per_s()).0
    }

    /// What refresh leaves of that peak.
    pub fn refresh_limited_gb_per_s(&self) -> f64 {
        self.memory.limits_gb_per_s(self.port_gb_per_s()).1
    }

    fn port_gb_per_s(&self) -> f64 {
        f64::from(self.datapath.beat_bits) / 8.0 * self.clock_mhz / 1000.0
    }
}
