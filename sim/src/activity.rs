//! Counts, for every unit, the cycles of each state.

use crate::cause::State;

/// The units of the machine, from memory to result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Asks the memory for bursts.
    BurstReader,
    /// The memory's data port.
    Memory,
    /// Beats that wait for the datapath.
    BeatFifo,
    /// Beats to groups of words.
    Unpack,
    /// Words to integer weights.
    DecodeLanes,
    /// Weights times activations.
    MacArray,
    /// Sums of rows.
    Accumulator,
    /// Results that wait for their reader.
    ResultFifo,
}

impl Unit {
    /// All units, in the order of the data.
    pub const ALL: [Unit; 8] = [
        Unit::BurstReader,
        Unit::Memory,
        Unit::BeatFifo,
        Unit::Unpack,
        Unit::DecodeLanes,
        Unit::MacArray,
        Unit::Accumulator,
        Unit::ResultFifo,
    ];

    /// The name at the head of a narrow column.
    pub fn short_name(self) -> &'static str {
        match self {
            Unit::BurstReader => "reader",
            Unit::Memory => "memory",
            Unit::BeatFifo => "FIFO",
            Unit::Unpack => "unpack",
            Unit::DecodeLanes => "decode",
            Unit::MacArray => "MACs",
            Unit::Accumulator => "sums",
            Unit::ResultFifo => "results",
        }
    }

    /// The name in reports.
    pub fn label(self) -> &'static str {
        match self {
            Unit::BurstReader => "burst reader",
            Unit::Memory => "memory port",
            Unit::BeatFifo => "beat FIFO",
            Unit::Unpack => "unpack",
            Unit::DecodeLanes => "decode lanes",
            Unit::MacArray => "MAC array",
            Unit::Accumulator => "accumulator",
            Unit::ResultFifo => "result FIFO",
        }
    }
}

/// Cycles per unit and state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    cycles: [[u64; State::COUNT]; Unit::ALL.len()],
}

impl Activity {
    /// Counts one cycle of a unit.
    pub fn count(&mut self, unit: Unit, state: State) {
        self.cycles[unit as usize][state.index()] += 1;
    }

    /// Cycles that a unit spent in a state.
    pub fn cycles(&self, unit: Unit, state: State) -> u64 {
        self.cycles[unit as usize][state.index()]
    }

    /// All cycles counted for a unit.
    pub fn total(&self, unit: Unit) -> u64 {
        self.cycles[unit as usize].iter().sum()
    }

    /// Adds another count to this one.
    pub fn add(&mut self, other: &Activity) {
        for (mine, theirs) in self.cycles.iter_mut().flatten().zip(other.cycles.iter().flatten()) {
            *mine += theirs;
        }
    }
}
