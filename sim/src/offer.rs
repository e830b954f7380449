//! What stands at the output of a unit.

use crate::cause::{Cause, State};

/// The content of an output register: data (`tvalid` high), or nothing and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer<T> {
    /// Data wait to be taken.
    Valid(T),
    /// Nothing is there.
    Empty(Cause),
}

impl<T> Offer<T> {
    /// Whether data wait.
    pub fn is_valid(&self) -> bool {
        matches!(self, Offer::Valid(_))
    }

    /// The data, if there are any.
    pub fn data(&self) -> Option<&T> {
        match self {
            Offer::Valid(data) => Some(data),
            Offer::Empty(_) => None,
        }
    }

    /// What the unit behind this output does in a cycle in which the next unit is `ready`, or not.
    pub fn state(&self, ready: bool) -> State {
        match self {
            Offer::Valid(_) if ready => State::Busy,
            Offer::Valid(_) => State::Waiting(Cause::NextUnitBusy),
            Offer::Empty(cause) => State::Waiting(*cause),
        }
    }
}
