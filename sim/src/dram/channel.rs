//! One channel: a queue, a scheduler that chooses among the commands the queue needs, and the device they go to.
//!
//! A channel is looked at only in clocks in which it can do something: [`Channel::next_clock`] says which is the next.

mod plan;

use super::command::{Command, CommandCounts};
use super::device::Device;
use super::model::DramModel;
use super::policy::Scheduler;
use super::queue::{Access, Queue};
use super::refresh::Refresh;
use crate::cause::Cause;
use plan::Plan;

/// An access whose data are on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Number of the access.
    pub number: u64,
    /// Clock from which the data pins have been idle before its data.
    pub idle_from: u64,
    /// Clock of its first transfer.
    pub data_start: u64,
    /// Clock after its last transfer.
    pub data_end: u64,
    /// Why the pins were idle.
    pub cause: Cause,
}

/// A channel with its controller.
#[derive(Clone, Debug)]
pub struct Channel {
    scheduler: Scheduler,
    starvation_clocks: u64,
    cl: u64,
    burst_clocks: u64,
    device: Device,
    refresh: Refresh,
    queue: Queue,
    plan: Plan,
    /// Clock after the last transfer of all reads so far.
    data_end: u64,
    /// Whether nothing has been read since the queue was last empty with idle pins.
    starts: bool,
    counts: CommandCounts,
    trace: Option<Vec<(u64, Command)>>,
}

impl Channel {
    /// A channel with all rows closed and nothing to do.
    pub fn new(model: &DramModel) -> Self {
        let policy = model.policy();
        let mut channel = Channel {
            scheduler: policy.scheduler,
            starvation_clocks: model.clocks(policy.starvation_ps),
            cl: model.timing().cl,
            burst_clocks: model.organisation().burst_clocks(),
            device: Device::new(model),
            refresh: Refresh::new(model),
            queue: Queue::new(policy.queue_accesses),
            plan: Plan::look_again(0),
            data_end: 0,
            starts: true,
            counts: CommandCounts::default(),
            trace: None,
        };
        channel.plan = channel.make_plan(0);
        channel
    }

    /// Keeps all commands from now on, for [`Channel::trace`].
    pub fn keep_trace(&mut self) {
        self.trace = Some(Vec::new());
    }

    /// Commands and their clocks since [`Channel::keep_trace`].
    pub fn trace(&self) -> &[(u64, Command)] {
        self.trace.as_deref().unwrap_or_default()
    }

    /// How many commands were given.
    pub fn counts(&self) -> CommandCounts {
        self.counts
    }

    /// Whether another access has room.
    pub fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    /// The next clock in which something may happen.
    pub fn next_clock(&self) -> u64 {
        self.plan.clock
    }

    /// What an access in the queue waits for; of one that is not there yet, what the oldest waits for.
    pub fn waits_for(&self, number: u64) -> Option<Cause> {
        let accesses = self.queue.accesses();
        let access = accesses.iter().find(|access| access.number == number);
        let access = access.or(accesses.first());
        access.map(|access| match self.device.open_row(access.bank) {
            _ if access.cause != Cause::DataBus => access.cause,
            Some(row) if row == access.row => Cause::DataBus,
            _ => Cause::RowMiss,
        })
    }

    /// Adds an access in its clock of arrival; there must be room.
    pub fn push(&mut self, mut access: Access) {
        let clock = access.arrival;
        self.starts |= self.queue.accesses().is_empty() && self.data_end <= clock;
        let is_open = self.device.open_row(access.bank) == Some(access.row);
        access.cause = match () {
            _ if self.refresh.keeps_waiting(access.bank, clock) => Cause::Refresh,
            _ if self.starts => Cause::MemoryLatency,
            _ if is_open => Cause::DataBus,
            _ => Cause::RowMiss,
        };
        self.plan_for(&access, is_open, clock);
        self.queue.push(access);
    }

    /// Does what is due in this clock, at most one command.
    pub fn step(&mut self, clock: u64) -> Option<Completion> {
        debug_assert!(self.plan.clock >= clock, "a command's clock has passed");
        if self.plan.command.is_none() {
            self.plan = self.make_plan(clock);
        }
        let Plan {
            clock: planned,
            command: Some(command),
            place,
            ..
        } = self.plan
        else {
            return None;
        };
        if planned > clock {
            return None;
        }
        self.device.issue(command, clock);
        self.counts.count(command.kind());
        if let Some(trace) = &mut self.trace {
            trace.push((clock, command));
        }
        let completion = self.follow(command, place, clock);
        self.plan = self.make_plan(clock);
        completion
    }

    /// What a command means for queue, refresh and data pins.
    fn follow(&mut self, command: Command, place: usize, clock: u64) -> Option<Completion> {
        match command {
            Command::Read { bank, .. } => {
                let access = self.queue.remove(place);
                self.refresh.read(bank);
                self.starts = false;
                let data_start = clock + self.cl;
                let idle_from = self.data_end;
                self.data_end = data_start + self.burst_clocks;
                return Some(Completion {
                    number: access.number,
                    idle_from,
                    data_start,
                    data_end: self.data_end,
                    cause: access.cause,
                });
            }
            Command::Activate { bank, row } => {
                let is_meant = |access: &Access| access.bank == bank && access.row == row;
                self.queue.note(Cause::RowMiss, is_meant);
            }
            Command::Precharge { .. } => {}
            Command::PrechargeAll => self.queue.note(Cause::Refresh, |_| true),
            Command::RefreshAll | Command::RefreshBanks { .. } => {
                self.refresh.issued(command, clock);
                let refresh = &self.refresh;
                self.queue
                    .note(Cause::Refresh, |access| refresh.keeps_waiting(access.bank, clock));
            }
        }
        None
    }
}
