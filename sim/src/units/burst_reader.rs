//! Asks the memory for one matrix: its activations, then its weights, in bursts.

use super::memory::{Request, Stream};
use crate::cause::Cause;
use crate::link::Offer;

/// No burst crosses a multiple of this many bytes (AMBA AXI4, section A3.4.1).
const BOUNDARY_BYTES: usize = 4096;

/// Walks over the memory image and keeps no more beats under way than the beat FIFO has room for.
#[derive(Clone, Debug)]
pub struct BurstReader {
    burst_beats: usize,
    /// Beats in 4 KiB.
    boundary_beats: usize,
    fifo_beats: usize,
    activation_beats: usize,
    total_beats: usize,
    next_beat: usize,
    /// Beats asked for that have not left the beat FIFO yet.
    reserved_beats: usize,
}

impl BurstReader {
    /// A reader with nothing to read.
    pub fn new(burst_beats: usize, beat_bytes: usize, fifo_beats: usize) -> Self {
        BurstReader {
            burst_beats,
            boundary_beats: (BOUNDARY_BYTES / beat_bytes).max(1),
            fifo_beats,
            activation_beats: 0,
            total_beats: 0,
            next_beat: 0,
            reserved_beats: 0,
        }
    }

    /// Starts on an image: `activation_beats` first, then `weight_beats`.
    pub fn start(&mut self, activation_beats: usize, weight_beats: usize) {
        assert!(
            self.next_beat == self.total_beats && self.reserved_beats == 0,
            "the reader is still reading"
        );
        self.activation_beats = activation_beats;
        self.total_beats = activation_beats + weight_beats;
        self.next_beat = 0;
    }

    /// The burst asked for.
    pub fn output(&self) -> Offer<Request> {
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
        if self.reserved_beats + beats > self.fifo_beats {
            return Offer::Empty(Cause::FifoRoomReserved);
        }
        Offer::Valid(Request {
            stream,
            first_beat: self.next_beat,
            beats,
        })
    }

    /// Clock edge: what was taken by the memory, and whether a beat left the FIFO.
    pub fn clock(&mut self, taken: Option<Request>, beat_left_fifo: bool) {
        if let Some(request) = taken {
            self.next_beat += request.beats;
            self.reserved_beats += request.beats;
        }
        self.reserved_beats -= usize::from(beat_left_fifo);
    }
}
