//! Banked DRAM as the machine sees it: bursts asked for, beats delivered in order, in the machine's clock.

use super::clock_ratio::ClockRatio;
use super::memory::{Beat, Request};
use crate::cause::Cause;
use crate::dram::{CommandCounts, Controller, DramModel};
use crate::offer::Offer;
use std::collections::VecDeque;

/// A burst under way.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// What is left of it.
    request: Request,
    /// Number of the access that holds the first byte of what is left, once the bytes before it are dropped.
    first_access: u64,
}

/// The DRAM, its controller, and the crossing between two clocks.
#[derive(Clone, Debug)]
pub struct DramPort {
    controller: Controller,
    ratio: ClockRatio,
    beat_bytes: usize,
    access_bytes: u64,
    outstanding_bursts: usize,
    pending: VecDeque<Pending>,
    output: Offer<Beat>,
}

impl DramPort {
    /// A memory that has just started its refresh timer, behind a port with a clock of its own.
    pub fn new(model: &DramModel, beat_bytes: usize, clock_hz: u64) -> Self {
        DramPort {
            controller: Controller::new(model),
            ratio: ClockRatio::new(model.timing().clock_khz * 1000, clock_hz),
            beat_bytes,
            access_bytes: model.organisation().access_bytes(),
            outstanding_bursts: super::prefetch::outstanding_bursts(model, beat_bytes, clock_hz),
            pending: VecDeque::new(),
            output: Offer::Empty(Cause::MemoryLatency),
        }
    }

    /// Starts to be looked at: until it is asked it has nothing to give.
    pub fn begin(&mut self) {
        self.output = Offer::Empty(Cause::MemoryLatency);
    }

    /// The beat on the port, or why there is none.
    pub fn output(&self) -> &Offer<Beat> {
        &self.output
    }

    /// Whether a request is taken in this cycle.
    pub fn ready(&self) -> bool {
        self.pending.len() < self.outstanding_bursts
    }

    /// Commands given so far.
    pub fn commands(&self) -> CommandCounts {
        self.controller.counts()
    }

    /// Clock edge. `idle` is why nothing is asked for, should nothing be under way.
    pub fn clock(&mut self, request: Option<Request>, idle: Cause) {
        let now = self.ratio.cycle();
        if let Some(request) = request {
            assert!(request.beats > 0);
            let bytes = (request.beats * self.beat_bytes) as u64;
            // The memory takes it at its first edge that is not before this one.
            let first_access = self.controller.request(self.ratio.next_edge(), request.address, bytes);
            self.pending.push_back(Pending { request, first_access });
        }
        self.controller.advance(now);
        self.output = match self.next_beat(now) {
            None => Offer::Empty(idle),
            Some(Err(access)) => Offer::Empty(self.controller.waits_for(access)),
            Some(Ok(beat)) => Offer::Valid(beat),
        };
    }

    /// The next beat, or the access that it waits for; `None` when nothing has been asked for.
    fn next_beat(&mut self, now: u64) -> Option<Result<Beat, u64>> {
        let pending = self.pending.front_mut()?;
        let end_address = pending.request.address + self.beat_bytes as u64;
        let first = pending.request.address / self.access_bytes;
        // A beat can be part of an access, or take several.
        let count = (end_address - 1) / self.access_bytes - first + 1;
        let mut accesses = pending.first_access..pending.first_access + count;
        let controller = &self.controller;
        let is_there = |access: u64| controller.ready_clock(access).is_some_and(|ready| ready <= now);
        if let Some(missing) = accesses.find(|&access| !is_there(access)) {
            return Some(Err(missing));
        }
        let beat = pending.request.take_beat(self.beat_bytes);
        pending.first_access += end_address / self.access_bytes - first;
        // The last access of a burst may hold more bytes than were asked for.
        let done = match pending.request.beats {
            0 => pending.first_access + u64::from(!end_address.is_multiple_of(self.access_bytes)),
            _ => pending.first_access,
        };
        if pending.request.beats == 0 {
            self.pending.pop_front();
        }
        self.controller.release_before(done);
        Some(Ok(beat))
    }
}
