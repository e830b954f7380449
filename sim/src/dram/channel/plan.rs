//! The scheduler: which command a channel gives next, and when.

use super::super::command::Command;
use super::super::policy::Scheduler;
use super::super::queue::Access;
use super::super::refresh::RefreshNeed;
use super::Channel;

/// The next command, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) clock: u64,
    /// Among commands of the same clock the lowest goes.
    pub(super) rank: u8,
    /// `None`: to look again.
    pub(super) command: Option<Command>,
    /// Which access a read is for.
    pub(super) place: usize,
    /// Whether only the oldest access may be served.
    pub(super) only_oldest: bool,
}

impl Plan {
    /// Nothing but to make a plan in that clock.
    pub(super) fn look_again(clock: u64) -> Self {
        Plan {
            clock,
            rank: u8::MAX,
            command: None,
            place: 0,
            only_oldest: false,
        }
    }
}

/// Ranks of [`Plan`]: refresh is rare and must not wait; a row that is opened or closed early helps nobody before the reads.
const REFRESH: u8 = 0;
const READ: u8 = 1;
const ACTIVATE: u8 = 2;
const PRECHARGE: u8 = 3;

impl Channel {
    /// Takes an access that is about to come into the queue into the plan, without a look at all others.
    pub(super) fn plan_for(&mut self, access: &Access, is_open: bool, clock: u64) {
        let accesses = self.queue.accesses();
        let waits_for_oldest = self.plan.only_oldest && !accesses.is_empty();
        if waits_for_oldest || self.refresh.holds_channel(clock) || self.refresh.holds_bank(access.bank) {
            return;
        }
        let mut others = accesses.iter().filter(|other| other.bank == access.bank);
        let open_row = self.device.open_row(access.bank);
        let has_older = match is_open {
            true => others.any(|other| open_row == Some(other.row)),
            false => others.next().is_some(),
        };
        if has_older {
            return;
        }
        if self.plan.command == Some(Command::Precharge { bank: access.bank }) && is_open {
            // Not now, with a hit in the queue: look at everything again.
            self.plan = Plan::look_again(clock);
            return;
        }
        let mut plan = self.plan;
        let place = accesses.len();
        self.consider_access(&mut plan, access, place, clock);
        self.plan = plan;
    }

    /// The best command that is legal in this clock, or the first that will be.
    pub(super) fn make_plan(&mut self, clock: u64) -> Plan {
        let mut plan = Plan::look_again(u64::MAX);
        plan.only_oldest = self.scheduler == Scheduler::InOrder;
        match self.refresh.need(clock, &self.device, self.queue.accesses()) {
            RefreshNeed::Nothing(until) => plan.clock = until,
            RefreshNeed::Command(command) => self.consider(&mut plan, REFRESH, command, 0, clock),
        }
        if self.refresh.holds_channel(clock) {
            return plan;
        }
        let accesses = self.queue.accesses();
        let Some(oldest) = accesses.first() else {
            return plan;
        };
        if plan.only_oldest || clock - oldest.arrival >= self.starvation_clocks {
            plan.only_oldest = true;
            if !self.refresh.holds_bank(oldest.bank) {
                self.consider_access(&mut plan, oldest, 0, clock);
            }
            return plan;
        }
        // One candidate of each bank is enough: its oldest hit, or what its oldest access needs while there is no hit.
        let (mut hits, mut misses) = (0_u64, 0_u64);
        let mut oldest_misses = [0_u16; 64];
        for (place, access) in accesses.iter().enumerate() {
            let (bank, bit) = (access.bank, 1 << access.bank);
            if hits & bit != 0 || self.refresh.holds_bank(bank) {
                continue;
            }
            if self.device.open_row(bank) == Some(access.row) {
                hits |= bit;
                self.consider_access(&mut plan, access, place, clock);
                if plan.rank <= READ && plan.clock == clock {
                    return plan;
                }
            } else if misses & bit == 0 {
                misses |= bit;
                oldest_misses[bank] = place as u16;
            }
        }
        misses &= !hits;
        while misses != 0 {
            let place = usize::from(oldest_misses[misses.trailing_zeros() as usize]);
            misses &= misses - 1;
            self.consider_access(&mut plan, &accesses[place], place, clock);
        }
        plan
    }

    /// Takes what an access needs next into the plan.
    fn consider_access(&self, plan: &mut Plan, access: &Access, place: usize, clock: u64) {
        let Access { bank, row, column, .. } = *access;
        let (rank, command) = match self.device.open_row(bank) {
            Some(open) if open == row => (READ, Command::Read { bank, column }),
            Some(_) => (PRECHARGE, Command::Precharge { bank }),
            None => (ACTIVATE, Command::Activate { bank, row }),
        };
        self.consider(plan, rank, command, place, clock);
    }

    /// Takes a command into the plan if it goes before what is there.
    fn consider(&self, plan: &mut Plan, rank: u8, command: Command, place: usize, clock: u64) {
        let Some(earliest) = self.device.earliest(command) else {
            return;
        };
        let earliest = earliest.max(clock);
        if (earliest, rank, place) < (plan.clock, plan.rank, plan.place) {
            *plan = Plan {
                clock: earliest,
                rank,
                command: Some(command),
                place,
                only_oldest: plan.only_oldest,
            };
        }
    }
}
