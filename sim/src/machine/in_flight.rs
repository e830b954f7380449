//! Matrices that have been laid out and whose last results have not left.

use super::memory::{Beat, Stream};
use super::results::ResultCheck;
use crate::job::Job;
use std::borrow::Cow;
use std::collections::VecDeque;

/// A matrix on its way.
pub struct InFlight<'a> {
    /// The product.
    pub job: Cow<'a, Job>,
    /// Its number, counted from the start of the machine.
    pub number: u64,
    /// Its results so far.
    pub check: ResultCheck,
    /// Groups that have not entered the datapath.
    groups_left: usize,
    is_started: bool,
}

impl<'a> InFlight<'a> {
    /// A matrix of which nothing has moved.
    pub fn new(job: Cow<'a, Job>, number: u64, tile_rows: usize, results_per_beat: usize) -> Self {
        InFlight {
            check: ResultCheck::new(&job, tile_rows, results_per_beat),
            groups_left: job.order.groups(),
            is_started: false,
            number,
            job,
        }
    }
}

/// The matrices of a row, the one whose results come next in front.
pub struct Matrices<'a> {
    queue: VecDeque<InFlight<'a>>,
}

impl<'a> Matrices<'a> {
    /// None.
    pub fn new() -> Self {
        Matrices { queue: VecDeque::new() }
    }

    /// Whether all have ended.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds one, which has been started, or is still to be.
    pub fn add(&mut self, mut next: InFlight<'a>, is_started: bool) {
        next.is_started = is_started;
        self.queue.push_back(next);
    }

    /// The one whose results come next.
    pub fn front_mut(&mut self) -> &mut InFlight<'a> {
        self.queue.front_mut().expect("a row that runs has a matrix")
    }

    /// Its name.
    pub fn front_name(&self) -> String {
        self.queue.front().map(|next| next.job.name.clone()).unwrap_or_default()
    }

    /// Takes the one whose last result has left.
    pub fn take_front(&mut self) -> InFlight<'a> {
        self.queue.pop_front().expect("a row that runs has a matrix")
    }

    /// How many have been started.
    pub fn started(&self) -> usize {
        self.queue.iter().filter(|matrix| matrix.is_started).count()
    }

    /// Notes that the next one has been started.
    pub fn start_next(&mut self) {
        if let Some(next) = self.queue.iter_mut().find(|matrix| !matrix.is_started) {
            next.is_started = true;
        }
    }

    /// Notes whether a group has entered in this cycle.
    pub fn entered_groups(&mut self, entered: bool) {
        if entered && let Some(next) = self.queue.iter_mut().find(|matrix| matrix.groups_left > 0) {
            next.groups_left -= 1;
        }
    }

    /// Whether there is a matrix of which groups have still to enter.
    pub fn are_groups_to_come(&self) -> bool {
        self.queue.back().is_some_and(|matrix| matrix.groups_left > 0)
    }

    /// The bytes of a beat.
    pub fn bytes(&self, beat: Beat, beat_bytes: usize) -> &[u8] {
        let first = self.queue.front().map_or(0, |matrix| matrix.number);
        let streams = &self.queue[(beat.matrix - first) as usize].job.streams;
        let stream = match beat.stream {
            Stream::Activations => &streams.activations,
            Stream::Weights => &streams.weights,
        };
        &stream[beat.index * beat_bytes..][..beat_bytes]
    }
}

/// What the accelerator's register `CYCLES` must read: the cycles since the start that found it idle. Cycles of a row count
/// from 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct CyclesRegister {
    /// Cycles of the row before those that it counts.
    before: u64,
    /// The cycle in which the last result left, unless another matrix had been started.
    idle_since: Option<u64>,
}

impl CyclesRegister {
    /// A matrix has ended in this cycle, and so many others have been started.
    pub fn ended(&mut self, cycle: u64, started: usize) {
        self.idle_since = (started == 0).then_some(cycle);
    }

    /// The answer to a start has come in this cycle: the start was carried out in the one before, and what runs from the next
    /// cycle on is counted, if the machine was idle then.
    pub fn started(&mut self, cycle: u64) {
        if self.idle_since.take().is_some_and(|end| end + 1 < cycle) {
            self.before = cycle;
        }
    }

    /// What it reads when the row has ended in this cycle.
    pub fn value(&self, cycle: u64) -> u64 {
        cycle - self.before
    }
}
