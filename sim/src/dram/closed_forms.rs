//! What a memory can do at best, worked out from its timing alone. The simulation is held against it.

use super::model::DramModel;
use super::policy::RefreshMode;

/// Closed forms of one memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClosedForms {
    /// Data pins always busy, in 1e9 bytes per second.
    pub peak_gb_per_s: f64,
    /// The peak less the time in which refresh lets nothing be read, `1 - tRFC / tREFI`. Per-bank refresh takes nothing from it: there is
    /// another bank to read.
    pub refresh_limited_gb_per_s: f64,
    /// The peak less all that refresh costs a sequential read: rows are closed before it and opened again after it,
    /// `1 - (tRTP + tRPab + tRFC + tRCD - BL) / tREFI`.
    pub sequential_gb_per_s: f64,
    /// From a request at the port to its last byte at the port when nothing else is under way and all rows are closed, in
    /// clocks: controller, tRCD, CL, burst.
    pub unloaded_clocks: u64,
    /// The same with the row open.
    pub unloaded_hit_clocks: u64,
    /// The same with another row of the bank open.
    pub unloaded_conflict_clocks: u64,
}

impl ClosedForms {
    /// Those of a memory.
    pub fn of(model: &DramModel) -> Self {
        let (organisation, timing, policy) = (model.organisation(), model.timing(), model.policy());
        let bytes_per_clock =
            (organisation.channels * organisation.access_bytes()) as f64 / organisation.burst_clocks() as f64;
        let peak = bytes_per_clock * timing.clock_khz as f64 / 1e6;
        let share = |lost: u64| 1.0 - lost as f64 / timing.t_refi as f64;
        let reopened = timing.t_rtp + timing.t_rp_ab + timing.t_rfc + timing.t_rcd - organisation.burst_clocks();
        let (refresh_limited, sequential) = match policy.refresh {
            RefreshMode::AllBank => (share(timing.t_rfc), share(reopened)),
            RefreshMode::PerBank | RefreshMode::Off => (1.0, 1.0),
        };
        let controller = model.clocks(policy.request_latency_ps) + model.clocks(policy.return_latency_ps);
        let hit = controller + timing.cl + organisation.burst_clocks();
        ClosedForms {
            peak_gb_per_s: peak,
            refresh_limited_gb_per_s: peak * refresh_limited,
            sequential_gb_per_s: peak * sequential,
            unloaded_clocks: hit + timing.t_rcd,
            unloaded_hit_clocks: hit,
            unloaded_conflict_clocks: hit + timing.t_rcd + timing.t_rp,
        }
    }

    /// Bytes that must be under way for the memory never to wait for a request: its unloaded latency with a row conflict, times its
    /// peak bandwidth.
    pub fn latency_bandwidth_bytes(&self, clock_khz: u64) -> u64 {
        let seconds = self.unloaded_conflict_clocks as f64 / (clock_khz as f64 * 1e3);
        (seconds * self.peak_gb_per_s * 1e9).ceil() as u64
    }
}
