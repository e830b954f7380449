//! Why a unit does nothing in a cycle.

use serde::Serialize;

/// The one cause of an idle cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The memory has been asked, and its beat has not come yet.
    MemoryLatency,
    /// The memory refreshes its rows.
    Refresh,
    /// A row of the memory is closed and another one opened, and nothing else can be read meanwhile.
    RowMiss,
    /// The memory's data pins are busy: they bring a beat in more than one cycle.
    DataBus,
    /// The beats that arrive are activations, not weights.
    ActivationLoad,
    /// The bits of a whole group are not together yet: words straddle beats, or a group is wider than a beat.
    GroupIncomplete,
    /// Pipeline registers that have held nothing since the first matrix was started.
    PipelineFill,
    /// All of one matrix has entered, and the next one has not been taken yet.
    MatrixChange,
    /// All of the last matrix has been passed on; its last results are on their way out.
    Drain,
    /// The next unit is not ready.
    NextUnitBusy,
    /// All room in the FIFO of weights is taken by beats that are in it or have been asked for: no burst may be added.
    FifoRoomReserved,
    /// The activations of the next matrix have no room yet: it has not been started, or both halves of their buffer are taken.
    ActivationRoom,
    /// The memory's request queue is full.
    RequestQueueFull,
    /// No row sum is complete.
    RowsUnfinished,
}

/// What a unit does in a cycle: work, or wait for a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It moves data on.
    Busy,
    /// It waits.
    Waiting(Cause),
}

impl Cause {
    /// All causes, in the order of reports.
    pub const ALL: [Cause; 14] = [
        Cause::Refresh,
        Cause::RowMiss,
        Cause::DataBus,
        Cause::MemoryLatency,
        Cause::ActivationLoad,
        Cause::GroupIncomplete,
        Cause::PipelineFill,
        Cause::MatrixChange,
        Cause::Drain,
        Cause::NextUnitBusy,
        Cause::FifoRoomReserved,
        Cause::ActivationRoom,
        Cause::RequestQueueFull,
        Cause::RowsUnfinished,
    ];

    /// The name in reports, lower case.
    pub fn label(self) -> &'static str {
        match self {
            Cause::MemoryLatency => "memory latency",
            Cause::Refresh => "memory refresh",
            Cause::RowMiss => "memory row miss",
            Cause::DataBus => "memory pins busy",
            Cause::ActivationLoad => "activations on the bus",
            Cause::GroupIncomplete => "group not complete",
            Cause::PipelineFill => "pipeline fill",
            Cause::MatrixChange => "matrix change",
            Cause::Drain => "drain, all passed on",
            Cause::NextUnitBusy => "next unit busy",
            Cause::FifoRoomReserved => "FIFO room reserved",
            Cause::ActivationRoom => "activation room",
            Cause::RequestQueueFull => "memory queue full",
            Cause::RowsUnfinished => "rows unfinished",
        }
    }
}

/// Where each cause stands in [`Cause::ALL`]: asked for eight times a cycle.
const PLACES: [usize; Cause::ALL.len()] = {
    let mut places = [usize::MAX; Cause::ALL.len()];
    let mut place = 0;
    while place < places.len() {
        places[Cause::ALL[place] as usize] = place;
        place += 1;
    }
    places
};

impl State {
    /// Number of different states.
    pub const COUNT: usize = Cause::ALL.len() + 1;

    /// All states, in the order of reports.
    pub fn all() -> impl Iterator<Item = State> {
        std::iter::once(State::Busy).chain(Cause::ALL.map(State::Waiting))
    }

    /// Position in [`State::all`].
    pub fn index(self) -> usize {
        match self {
            State::Busy => 0,
            State::Waiting(cause) => 1 + PLACES[cause as usize],
        }
    }

    /// The name in reports, lower case.
    pub fn label(self) -> &'static str {
        match self {
            State::Busy => "busy",
            State::Waiting(cause) => cause.label(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_own_place_and_name() {
        let names: std::collections::BTreeSet<_> = State::all().map(State::label).collect();
        assert_eq!(names.len(), State::COUNT);
        assert!(State::all().enumerate().all(|(index, state)| state.index() == index));
    }
}
