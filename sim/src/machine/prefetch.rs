//! How much must be under way for the memory never to wait for a request: its latency times its bandwidth.

use crate::dram::{ClosedForms, DramModel};

/// Bytes that must be under way, for a port with this clock. Above latency times bandwidth stand the cycles of the crossing between
/// the clocks and of the request itself.
fn bytes_under_way(model: &DramModel, clock_hz: u64) -> u64 {
    /// Request, crossing there, crossing back, beat.
    const PORT_CYCLES: u64 = 4;
    let forms = ClosedForms::of(model);
    let crossing = (forms.peak_gb_per_s * 1e9 * PORT_CYCLES as f64 / clock_hz as f64).ceil() as u64;
    forms.latency_bandwidth_bytes(model.timing().clock_khz) + crossing
}

/// Bursts that the port has under way: what the memory's file says, or as many as the memory needs, and one that is being cut up and one
/// that is being delivered.
pub fn outstanding_bursts(model: &DramModel, beat_bytes: usize, clock_hz: u64) -> usize {
    if let Some(bursts) = model.policy().outstanding_bursts {
        return bursts as usize;
    }
    // No burst crosses 4 KiB.
    let burst_bytes = (u64::from(model.policy().burst_beats) * beat_bytes as u64)
        .min(4096)
        .max(beat_bytes as u64);
    (bytes_under_way(model, clock_hz).div_ceil(burst_bytes) + 2) as usize
}

/// Beats of the FIFO of weights that leave the memory no reason to wait: room for all that is under way, a power of two, at least
/// the 64 of the reference machine and at most what can be built.
pub fn beat_fifo_beats(model: &DramModel, beat_bytes: usize, clock_hz: u64) -> u32 {
    let burst_beats = u64::from(model.policy().burst_beats);
    let beats = bytes_under_way(model, clock_hz).div_ceil(beat_bytes as u64) + 2 * burst_beats;
    (beats.next_power_of_two() as u32).clamp(64, 1 << 16)
}
