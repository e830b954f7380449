//! What a controller can tell a channel to do.

use serde::Serialize;
use std::ops::{AddAssign, Sub};

/// A command on a channel's pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Opens a row (ACT).
    Activate {
        /// Bank of the channel.
        bank: usize,
        /// Row of the bank.
        row: u32,
    },
    /// Reads one burst of the open row (RD).
    Read {
        /// Bank of the channel.
        bank: usize,
        /// Burst within the row.
        column: u32,
    },
    /// Closes the open row of a bank (PRE).
    Precharge {
        /// Bank of the channel.
        bank: usize,
    },
    /// Closes all rows (PREA).
    PrechargeAll,
    /// Refreshes rows of all banks (REF, REFab).
    RefreshAll,
    /// Refreshes rows of the banks that are `unit` modulo the number of units (REFpb, REFsb).
    RefreshBanks {
        /// Which banks.
        unit: usize,
    },
}

/// A command without its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandKind {
    /// ACT.
    Activate,
    /// RD.
    Read,
    /// PRE.
    Precharge,
    /// PREA.
    PrechargeAll,
    /// REFab.
    RefreshAll,
    /// REFpb.
    RefreshBanks,
}

impl CommandKind {
    /// Number of different commands.
    pub const COUNT: usize = 6;
}

impl Command {
    /// The command without its place.
    pub fn kind(&self) -> CommandKind {
        match self {
            Command::Activate { .. } => CommandKind::Activate,
            Command::Read { .. } => CommandKind::Read,
            Command::Precharge { .. } => CommandKind::Precharge,
            Command::PrechargeAll => CommandKind::PrechargeAll,
            Command::RefreshAll => CommandKind::RefreshAll,
            Command::RefreshBanks { .. } => CommandKind::RefreshBanks,
        }
    }
}

/// How many commands of each kind were given, over all channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CommandCounts {
    /// Rows opened.
    pub activates: u64,
    /// Bursts read.
    pub reads: u64,
    /// Rows closed one by one.
    pub precharges: u64,
    /// Times all rows of a channel were closed.
    pub precharges_of_all_banks: u64,
    /// Refreshes of all banks of a channel.
    pub refreshes_of_all_banks: u64,
    /// Per-bank refreshes.
    pub refreshes_per_bank: u64,
}

impl CommandCounts {
    /// Counts one command.
    pub fn count(&mut self, kind: CommandKind) {
        *match kind {
            CommandKind::Activate => &mut self.activates,
            CommandKind::Read => &mut self.reads,
            CommandKind::Precharge => &mut self.precharges,
            CommandKind::PrechargeAll => &mut self.precharges_of_all_banks,
            CommandKind::RefreshAll => &mut self.refreshes_of_all_banks,
            CommandKind::RefreshBanks => &mut self.refreshes_per_bank,
        } += 1;
    }

    /// Combines each count with its counterpart.
    fn zip(self, other: Self, combine: fn(u64, u64) -> u64) -> Self {
        CommandCounts {
            activates: combine(self.activates, other.activates),
            reads: combine(self.reads, other.reads),
            precharges: combine(self.precharges, other.precharges),
            precharges_of_all_banks: combine(self.precharges_of_all_banks, other.precharges_of_all_banks),
            refreshes_of_all_banks: combine(self.refreshes_of_all_banks, other.refreshes_of_all_banks),
            refreshes_per_bank: combine(self.refreshes_per_bank, other.refreshes_per_bank),
        }
    }
}

impl AddAssign for CommandCounts {
    fn add_assign(&mut self, other: Self) {
        *self = self.zip(other, |mine, theirs| mine + theirs);
    }
}

impl Sub for CommandCounts {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        self.zip(earlier, |mine, theirs| mine - theirs)
    }
}
