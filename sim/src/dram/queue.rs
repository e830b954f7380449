//! What a channel has been asked for and has not done.

use crate::cause::Cause;

/// One burst of a channel to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Number in the order of the port.
    pub number: u64,
    /// Clock in which it came into the queue.
    pub arrival: u64,
    /// Bank of the channel.
    pub bank: usize,
    /// Row of the bank.
    pub row: u32,
    /// Burst within the row.
    pub column: u32,
    /// What the access has waited for so far, should the data pins be idle before its data.
    pub cause: Cause,
}

/// Accesses, oldest first.
#[derive(Clone, Debug)]
pub struct Queue {
    accesses: Vec<Access>,
    capacity: usize,
}

impl Queue {
    /// An empty queue.
    pub fn new(capacity: usize) -> Self {
        Queue {
            accesses: Vec::with_capacity(capacity),
            capacity,
        }
    }

    /// Whether another access has room.
    pub fn has_room(&self) -> bool {
        self.accesses.len() < self.capacity
    }

    /// The accesses, oldest first.
    pub fn accesses(&self) -> &[Access] {
        &self.accesses
    }

    /// Adds the youngest access.
    pub fn push(&mut self, access: Access) {
        debug_assert!(self.has_room());
        self.accesses.push(access);
    }

    /// Takes the access at a place.
    pub fn remove(&mut self, place: usize) -> Access {
        self.accesses.remove(place)
    }

    /// Notes for all accesses that `is_meant` what they wait for.
    pub fn note(&mut self, cause: Cause, is_meant: impl Fn(&Access) -> bool) {
        for access in self.accesses.iter_mut().filter(|access| is_meant(access)) {
            if weight(cause) > weight(access.cause) {
                access.cause = cause;
            }
        }
    }
}

/// Which of two causes of the same wait is named: the one without which the other would not be there.
fn weight(cause: Cause) -> u32 {
    match cause {
        Cause::Refresh => 3,
        Cause::MemoryLatency => 2,
        Cause::RowMiss => 1,
        _ => 0,
    }
}
