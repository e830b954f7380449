//! The memory of one latency and refresh.

use super::memory::{Beat, Request};
use crate::cause::Cause;
use crate::memory_model::SimpleMemory;
use crate::offer::Offer;
use std::collections::VecDeque;

/// A request under way, and the first cycle in which its data may be on the port.
#[derive(Clone, Copy, Debug)]
struct Pending {
    request: Request,
    ready_cycle: u64,
}

/// One beat per cycle, in the order asked for, after a latency and but for refresh.
#[derive(Clone, Debug)]
pub struct SimplePort {
    model: SimpleMemory,
    cycle: u64,
    beat_bytes: usize,
    queue: VecDeque<Pending>,
    output: Offer<Beat>,
}

impl SimplePort {
    /// A memory that has just started its refresh timer.
    pub fn new(model: SimpleMemory, beat_bytes: usize) -> Self {
        SimplePort {
            model,
            cycle: 0,
            beat_bytes,
            queue: VecDeque::new(),
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
        self.queue.len() < self.model.request_queue_bursts as usize
    }

    /// Clock edge. `idle` is why nothing is asked for, should the queue run empty.
    pub fn clock(&mut self, request: Option<Request>, idle: Cause) {
        let requested_in = self.cycle;
        self.cycle += 1;
        if let Some(request) = request {
            assert!(request.beats > 0);
            let ready_cycle = requested_in + u64::from(self.model.latency_cycles);
            self.queue.push_back(Pending { request, ready_cycle });
        }
        self.output = match self.queue.front_mut() {
            None => Offer::Empty(idle),
            Some(_) if self.model.refreshes_in(self.cycle) => Offer::Empty(Cause::Refresh),
            Some(pending) if pending.ready_cycle > self.cycle => Offer::Empty(Cause::MemoryLatency),
            Some(pending) => {
                let beat = pending.request.take_beat(self.beat_bytes);
                if pending.request.beats == 0 {
                    self.queue.pop_front();
                }
                Offer::Valid(beat)
            }
        };
    }
}
