//! Beats between memory and datapath.

use super::memory::Beat;
use crate::cause::Cause;
use crate::link::Offer;
use std::collections::VecDeque;

/// A FIFO of beats. What enters in a cycle can leave in the next.
#[derive(Clone, Debug)]
pub struct BeatFifo {
    depth: usize,
    beats: VecDeque<Beat>,
    empty_because: Cause,
}

impl BeatFifo {
    /// An empty FIFO of `depth` beats.
    pub fn new(depth: usize) -> Self {
        BeatFifo {
            depth,
            beats: VecDeque::new(),
            empty_because: Cause::MemoryLatency,
        }
    }

    /// Starts a matrix.
    pub fn start(&mut self) {
        assert!(self.beats.is_empty(), "beats of the last matrix are left");
        self.empty_because = Cause::MemoryLatency;
    }

    /// Beats held.
    pub fn level(&self) -> usize {
        self.beats.len()
    }

    /// The oldest beat.
    pub fn output(&self) -> Offer<&Beat> {
        self.beats
            .front()
            .map_or(Offer::Empty(self.empty_because), Offer::Valid)
    }

    /// Clock edge: the beat on the memory's port enters; the oldest beat leaves if it was taken.
    pub fn clock(&mut self, input: &Offer<Beat>, taken: bool) {
        if taken {
            self.beats.pop_front();
        }
        match input {
            Offer::Valid(beat) => self.beats.push_back(beat.clone()),
            Offer::Empty(cause) => self.empty_because = *cause,
        }
        assert!(
            self.beats.len() <= self.depth,
            "the beat FIFO overflows: the burst reader asked for too much"
        );
    }
}
