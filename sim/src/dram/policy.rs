//! What the controller decides: order of commands, way of refresh, depth of its queues.

use super::quantity::picoseconds;
use serde::{Deserialize, Serialize};
use toml::Table;

/// In which order commands are chosen. Data return in the order asked for with either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheduler {
    /// Only what the oldest access needs.
    InOrder,
    /// First ready, first come first served (FR-FCFS): hits of open rows, oldest first; then rows that queued accesses need.
    FrFcfs,
}

/// How rows are refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshMode {
    /// All banks of a channel at once, every tREFI; meanwhile the channel does nothing else.
    AllBank,
    /// One bank (or pair) at a time, so often that each has its turn in a tREFI; the others go on.
    PerBank,
    /// Not at all, to see what refresh costs.
    Off,
}

/// The section `[controller]`, times in picoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Order of commands.
    pub scheduler: Scheduler,
    /// Way of refresh.
    pub refresh: RefreshMode,
    /// Accesses that a channel's queue holds, 1 to 256.
    pub queue_accesses: usize,
    /// From the port to the queue.
    pub request_latency_ps: u64,
    /// From the data pins to the port.
    pub return_latency_ps: u64,
    /// Age from which the oldest access goes before row hits.
    pub starvation_ps: u64,
    /// Beats of the port in one burst, at the most: 1 to 256, as in AXI4.
    pub burst_beats: u32,
    /// Bursts of the port that may be under way; `None`: as many as latency times bandwidth needs.
    pub outstanding_bursts: Option<u32>,
}

/// The keys that are no times.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    scheduler: Scheduler,
    refresh: RefreshMode,
    queue_accesses: usize,
    burst_beats: u32,
    outstanding_bursts: Option<u32>,
}

impl Policy {
    /// Reads the section `[controller]` of a memory.
    ///
    /// # Errors
    /// Names a key that is missing, unknown or out of range.
    pub fn from_table(mut table: Table) -> Result<Self, String> {
        let mut time = |key: &str| match table.remove(key) {
            Some(value) => picoseconds(key, &value),
            None => Err(format!("{key} is missing")),
        };
        let request_latency_ps = time("request_latency_ns")?;
        let return_latency_ps = time("return_latency_ns")?;
        let starvation_ps = time("starvation_ns")?;
        let plain: Plain = table
            .try_into()
            .map_err(|error: toml::de::Error| error.message().to_string())?;
        for (key, value, most) in [
            ("queue_accesses", plain.queue_accesses as u64, 256),
            ("burst_beats", plain.burst_beats.into(), 256),
            (
                "outstanding_bursts",
                plain.outstanding_bursts.unwrap_or(1).into(),
                1 << 16,
            ),
        ] {
            if value == 0 || value > most {
                return Err(format!("{key} is {value}, and must be 1 to {most}"));
            }
        }
        Ok(Policy {
            scheduler: plain.scheduler,
            refresh: plain.refresh,
            queue_accesses: plain.queue_accesses,
            request_latency_ps,
            return_latency_ps,
            starvation_ps,
            burst_beats: plain.burst_beats,
            outstanding_bursts: plain.outstanding_bursts,
        })
    }
}
