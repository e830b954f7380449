//! A memory without banks and rows.

use serde::{Deserialize, Serialize};

/// A memory that delivers one beat per cycle but for a first latency and for refresh: it has what explains the cycle counts
/// of the SeedLM paper's Table 5.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimpleMemory {
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

/// Far above any memory's, and far below the point at which a run counts as stuck.
const LONGEST_LATENCY_CYCLES: u32 = 100_000;

impl SimpleMemory {
    /// Reads a model from TOML; an error names the key that is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let model: SimpleMemory = toml::from_str(text).map_err(|error| error.to_string())?;
        for (key, value) in [
            ("latency_cycles", model.latency_cycles),
            ("request_queue_bursts", model.request_queue_bursts),
            ("burst_beats", model.burst_beats),
        ] {
            if value == 0 {
                return Err(format!("{key} must be at least 1"));
            }
        }
        if model.latency_cycles > LONGEST_LATENCY_CYCLES {
            return Err(format!("latency_cycles must be at most {LONGEST_LATENCY_CYCLES}"));
        }
        if model.refresh_cycles > 0 && model.refresh_cycles >= model.refresh_interval_cycles {
            return Err("refresh_cycles must be less than refresh_interval_cycles".into());
        }
        Ok(model)
    }

    /// Whether the memory refreshes in a cycle, counted from the start of the machine.
    pub fn refreshes_in(&self, cycle: u64) -> bool {
        let interval = u64::from(self.refresh_interval_cycles);
        let timer = cycle + u64::from(self.refresh_phase_cycles);
        interval > 0 && timer % interval >= interval - u64::from(self.refresh_cycles)
    }

    /// Share of all cycles in which it does not refresh.
    pub(super) fn share_without_refresh(&self) -> f64 {
        match self.refresh_interval_cycles {
            0 => 1.0,
            interval => 1.0 - f64::from(self.refresh_cycles) / f64::from(interval),
        }
    }

    /// One line for a person.
    pub(super) fn description(&self) -> String {
        let refresh = match self.refresh_cycles {
            0 => "no refresh".to_string(),
            cycles => format!("{cycles} of {} cycles lost to refresh", self.refresh_interval_cycles),
        };
        format!("{} cycles of latency, {refresh}", self.latency_cycles)
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryModel;

    #[test]
    fn refresh_takes_its_share_at_any_phase() {
        let MemoryModel::Simple(mut paper) = MemoryModel::named("paper").unwrap() else {
            panic!("paper is the simple kind");
        };
        for phase in [0, 1, 777, 1559, 5000] {
            paper.refresh_phase_cycles = phase;
            let refreshing = (0..1560 * 100).filter(|&cycle| paper.refreshes_in(cycle)).count();
            assert_eq!(refreshing, 63 * 100);
        }
    }
}
