//! When a channel's rows are refreshed, and which.

use super::command::Command;
use super::device::Device;
use super::model::DramModel;
use super::policy::RefreshMode;
use super::queue::Access;

/// Refreshes of all banks by which a standard lets a controller be late (JESD79-4 section 4.26, JESD209-4 section 4.13).
const POSTPONED_REFRESHES: u64 = 8;

/// The refresh timer, and the round of per-bank refreshes.
#[derive(Clone, Debug)]
pub struct Refresh {
    mode: RefreshMode,
    interval: u64,
    /// Clock in which the next refresh is due.
    due: u64,
    /// Clocks by which one may be late.
    slack: u64,
    units: usize,
    /// Banks that this round has refreshed, one bit for each unit.
    refreshed: u64,
    /// The unit that is being closed for its refresh.
    chosen: Option<usize>,
    /// How long a bank of a refreshed unit stays closed, and how long it does after the last refresh.
    closed_clocks: u64,
    closed_until: u64,
    /// The unit refreshed last.
    last_refreshed: usize,
    /// The unit that was read last: in a sequential walk the one that is needed again last.
    last_read: usize,
}

/// What refresh wants from the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshNeed {
    /// Nothing before this clock.
    Nothing(u64),
    /// This command as soon as it is legal.
    Command(Command),
}

impl Refresh {
    /// A timer that has just started.
    pub fn new(model: &DramModel) -> Self {
        let units = model.organisation().refresh_units();
        let mode = model.policy().refresh;
        let t_refi = model.timing().t_refi;
        let interval = match mode {
            RefreshMode::AllBank => t_refi,
            RefreshMode::PerBank => t_refi / units,
            RefreshMode::Off => u64::MAX,
        };
        Refresh {
            mode,
            interval,
            due: interval,
            slack: match mode {
                RefreshMode::PerBank => POSTPONED_REFRESHES * t_refi,
                _ => 0,
            },
            units: units as usize,
            refreshed: 0,
            chosen: None,
            closed_clocks: match mode {
                RefreshMode::PerBank => model.timing().t_rfc_pb,
                _ => model.timing().t_rfc,
            },
            closed_until: 0,
            last_refreshed: 0,
            last_read: 0,
        }
    }

    /// Whether the channel may do nothing but refresh.
    pub fn holds_channel(&self, clock: u64) -> bool {
        self.mode == RefreshMode::AllBank && clock >= self.due
    }

    /// Whether a bank is kept closed.
    pub fn holds_bank(&self, bank: usize) -> bool {
        self.chosen.is_some_and(|unit| bank % self.units == unit)
    }

    /// Whether an access to a bank waits for a refresh, under way or due.
    pub fn keeps_waiting(&self, bank: usize, clock: u64) -> bool {
        let is_of_last = self.mode == RefreshMode::AllBank || bank % self.units == self.last_refreshed;
        self.holds_channel(clock) || self.holds_bank(bank) || (clock < self.closed_until && is_of_last)
    }

    /// What is needed in this clock.
    pub fn need(&mut self, clock: u64, device: &Device, queue: &[Access]) -> RefreshNeed {
        if clock < self.due {
            return RefreshNeed::Nothing(self.due);
        }
        if self.mode == RefreshMode::AllBank {
            return RefreshNeed::Command(match device.open_banks() {
                0 => Command::RefreshAll,
                _ => Command::PrechargeAll,
            });
        }
        if self.chosen.is_none() {
            self.chosen = self.choose(clock, queue);
        }
        match self.chosen {
            // It may be late. The channel asks again when its queue has changed, or the slack is used up.
            None => RefreshNeed::Nothing(self.due + self.slack),
            Some(unit) => RefreshNeed::Command(
                device
                    .banks_of(unit)
                    .find(|&bank| device.open_row(bank).is_some())
                    .map_or(Command::RefreshBanks { unit }, |bank| Command::Precharge { bank }),
            ),
        }
    }

    /// An idle unit that has not had its turn in this round, the one read last before others; any when it cannot be later.
    fn choose(&self, clock: u64, queue: &[Access]) -> Option<usize> {
        let busy = queue
            .iter()
            .fold(0_u64, |units, access| units | 1 << (access.bank % self.units));
        let from_last_read = (0..self.units).map(|step| (self.last_read + self.units - step) % self.units);
        let mut waiting = from_last_read.filter(|unit| self.refreshed >> unit & 1 == 0);
        match clock >= self.due + self.slack {
            true => waiting.next(),
            false => waiting.find(|unit| busy >> unit & 1 == 0),
        }
    }

    /// A refresh has been given.
    pub fn issued(&mut self, command: Command, clock: u64) {
        self.due += self.interval;
        self.closed_until = clock + self.closed_clocks;
        if let Command::RefreshBanks { unit } = command {
            self.chosen = None;
            self.last_refreshed = unit;
            self.refreshed |= 1 << unit;
            if self.refreshed.count_ones() as usize == self.units {
                self.refreshed = 0;
            }
        }
    }

    /// A bank has been read.
    pub fn read(&mut self, bank: usize) {
        self.last_read = bank % self.units;
    }
}
