//! Asks the memory for matrices one behind the other, of each its activations, then its weights, in bursts.

use super::memory::{Request, Stream};
use crate::cause::Cause;
use crate::job::StreamAddresses;
use crate::offer::Offer;
use std::collections::VecDeque;

/// No burst crosses a multiple of this many bytes (AMBA AXI4, section A3.4.1).
const BOUNDARY_BYTES: u64 = 4096;

/// A stream of a matrix, or what has not been asked for of it.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    stream: Stream,
    matrix: u64,
    next_beat: usize,
    beats: usize,
    address: u64,
}

/// Weights of a matrix that have not been delivered.
#[derive(Clone, Copy, Debug)]
struct Undelivered {
    matrix: u64,
    beats: usize,
}

/// Walks over the memory and keeps no more beats of weights under way than their FIFO has room for. The activations of a
/// matrix are asked for once their buffer waits for them, and for no others: then it takes a beat in every cycle.
#[derive(Clone, Debug)]
pub struct BurstReader {
    burst_beats: usize,
    beat_bytes: u64,
    fifo_beats: usize,
    walk: VecDeque<Stretch>,
    undelivered: VecDeque<Undelivered>,
    /// Beats asked for that have not been delivered.
    outstanding_weight_beats: usize,
    outstanding_activation_beats: usize,
}

impl BurstReader {
    /// A reader with nothing to read, for a FIFO of weights of `fifo_beats` beats.
    pub fn new(burst_beats: usize, beat_bytes: usize, fifo_beats: usize) -> Self {
        BurstReader {
            burst_beats,
            beat_bytes: beat_bytes as u64,
            fifo_beats,
            walk: VecDeque::new(),
            undelivered: VecDeque::new(),
            outstanding_weight_beats: 0,
            outstanding_activation_beats: 0,
        }
    }

    /// Adds a matrix behind the others.
    pub fn add(&mut self, matrix: u64, addresses: StreamAddresses, activation_beats: usize, weight_beats: usize) {
        let stretch = |stream, address, beats| Stretch {
            stream,
            matrix,
            next_beat: 0,
            beats,
            address,
        };
        self.walk.extend([
            stretch(Stream::Activations, addresses.activations, activation_beats),
            stretch(Stream::Weights, addresses.weights, weight_beats),
        ]);
        self.undelivered.push_back(Undelivered {
            matrix,
            beats: weight_beats,
        });
    }

    /// Whether all weights of a matrix have been delivered.
    pub fn has_delivered(&self, matrix: u64) -> bool {
        self.undelivered.front().is_none_or(|next| next.matrix > matrix)
    }

    /// The burst asked for, while the FIFO of weights holds `weights_level` beats, and the buffer of activations waits for
    /// some, or does not; or why there is none.
    pub fn output(&self, weights_level: u32, activations_ready: bool) -> Offer<Request> {
        let Some(stretch) = self.walk.front() else {
            return Offer::Empty(Cause::Drain);
        };
        let address = stretch.address + stretch.next_beat as u64 * self.beat_bytes;
        let to_boundary = ((BOUNDARY_BYTES - address % BOUNDARY_BYTES) / self.beat_bytes).max(1);
        let left = stretch.beats - stretch.next_beat;
        let beats = self.burst_beats.min(left).min(to_boundary as usize);
        match stretch.stream {
            Stream::Weights => {
                let reserved = self.outstanding_weight_beats + weights_level as usize;
                if reserved + beats > self.fifo_beats {
                    return Offer::Empty(Cause::FifoRoomReserved);
                }
            }
            // While beats are under way, the buffer waits for those.
            Stream::Activations if stretch.next_beat == 0 => {
                if !activations_ready || self.outstanding_activation_beats > 0 {
                    return Offer::Empty(Cause::ActivationRoom);
                }
            }
            Stream::Activations => {}
        }
        Offer::Valid(Request {
            stream: stretch.stream,
            matrix: stretch.matrix,
            first_beat: stretch.next_beat,
            beats,
            address,
        })
    }

    /// Whether the next beat of weights that is delivered is the last of its matrix.
    pub fn next_is_last(&self) -> bool {
        self.undelivered.front().is_some_and(|next| next.beats == 1)
    }

    /// Clock edge: the burst taken by the memory, and the stream of the beat that was delivered.
    pub fn clock(&mut self, taken: Option<Request>, delivered: Option<Stream>) {
        if let Some(request) = taken
            && let Some(stretch) = self.walk.front_mut()
        {
            stretch.next_beat += request.beats;
            if stretch.next_beat == stretch.beats {
                self.walk.pop_front();
            }
            match request.stream {
                Stream::Weights => self.outstanding_weight_beats += request.beats,
                Stream::Activations => self.outstanding_activation_beats += request.beats,
            }
        }
        match delivered {
            Some(Stream::Weights) => {
                self.outstanding_weight_beats -= 1;
                if let Some(next) = self.undelivered.front_mut() {
                    next.beats -= 1;
                    if next.beats == 0 {
                        self.undelivered.pop_front();
                    }
                }
            }
            Some(Stream::Activations) => self.outstanding_activation_beats -= 1,
            None => {}
        }
    }
}
