//! Asks the memory for one matrix: its activations, then its weights, in bursts.

use super::memory::{Request, Stream};
use crate::cause::Cause;
use crate::offer::Offer;

/// No burst crosses a multiple of this many bytes (AMBA AXI4, section A3.4.1).
const BOUNDARY_BYTES: usize = 4096;

/// Walks over the memory image and keeps no more beats of weights under way than their FIFO has room for. Activations need
/// no room: their buffer takes a beat in every cycle.
#[derive(Clone, Debug)]
pub struct BurstReader {
    burst_beats: usize,
    /// Beats in 4 KiB.
    boundary_beats: usize,
    fifo_beats: usize,
    activation_beats: usize,
    total_beats: usize,
    next_beat: usize,
    /// Beats of weights asked for that have not been delivered.
    outstanding_weight_beats: usize,
}

impl BurstReader {
    /// A reader with nothing to read, for a FIFO of weights of `fifo_beats` beats.
    pub fn new(burst_beats: usize, beat_bytes: usize, fifo_beats: usize) -> Self {
        BurstReader {
            burst_beats,
            boundary_beats: (BOUNDARY_BYTES / beat_bytes).max(1),
            fifo_beats,
            activation_beats: 0,
            total_beats: 0,
            next_beat: 0,
            outstanding_weight_beats: 0,
        }
    }

    /// Starts on an image: `activation_beats` first, then `weight_beats`.
    pub fn start(&mut self, activation_beats: usize, weight_beats: usize) {
        assert!(self.is_done(), "the reader is still reading");
        self.activation_beats = activation_beats;
        self.total_beats = activation_beats + weight_beats;
        self.next_beat = 0;
    }

    /// Whether all has been asked for, and all weights delivered.
    pub fn is_done(&self) -> bool {
        self.next_beat == self.total_beats && self.outstanding_weight_beats == 0
    }

    /// The burst asked for, while the FIFO of weights holds `weights_level` beats; or why there is none.
    pub fn output(&self, weights_level: u32) -> Offer<Request> {
        if self.next_beat == self.total_beats {
            return Offer::Empty(Cause::Drain);
        }
        let (stream, end) = if self.next_beat < self.activation_beats {
            (Stream::Activations, self.activation_beats)
        } else {
            (Stream::Weights, self.total_beats)
        };
        let to_boundary = self.boundary_beats - self.next_beat % self.boundary_beats;
        let beats = self.burst_beats.min(end - self.next_beat).min(to_boundary);
        let reserved = self.outstanding_weight_beats + weights_level as usize;
        if stream == Stream::Weights && reserved + beats > self.fifo_beats {
            return Offer::Empty(Cause::FifoRoomReserved);
        }
        Offer::Valid(Request {
            stream,
            first_beat: self.next_beat,
            beats,
        })
    }

    /// Whether the next beat of weights that is delivered is the last of the matrix.
    pub fn next_is_last(&self) -> bool {
        self.next_beat == self.total_beats && self.outstanding_weight_beats == 1
    }

    /// Clock edge: the burst taken by the memory, and whether a beat of weights was delivered.
    pub fn clock(&mut self, taken: Option<Request>, weights_delivered: bool) {
        if let Some(request) = taken {
            self.next_beat += request.beats;
            if request.stream == Stream::Weights {
                self.outstanding_weight_beats += request.beats;
            }
        }
        self.outstanding_weight_beats -= usize::from(weights_delivered);
    }
}
