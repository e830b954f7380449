//! Memory that the stages of a run share: what does not fit waits.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// So many bytes, to be reserved and given back.
#[derive(Debug)]
pub(crate) struct Budget {
    /// None: no limit.
    limit: Option<u64>,
    state: Mutex<State>,
    given_back: Condvar,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    peak: u64,
}

/// A reserved part of a budget, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    /// A budget of which nothing is used.
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Budget {
            limit,
            state: Mutex::default(),
            given_back: Condvar::new(),
        }
    }

    /// Reserves so many bytes: waits until they fit, or until nothing else is reserved. Who asks must hold no reservation.
    pub(crate) fn reserve(&self, bytes: u64) -> Reservation<'_> {
        let fits = |state: &State| {
            let together = state.used.saturating_add(bytes);
            state.used == 0 || self.limit.is_none_or(|limit| together <= limit)
        };
        let waited = self.given_back.wait_while(self.state(), |state| !fits(state));
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.used += bytes;
        state.peak = state.peak.max(state.used);
        drop(state);
        Reservation { budget: self, bytes }
    }

    /// The most that was reserved at a time.
    pub(crate) fn peak(&self) -> u64 {
        self.state().peak
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Numbers are whole whatever became of a thread.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation<'_> {
    /// Gives back what is beyond so many bytes.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        let kept = self.bytes.min(bytes);
        self.budget.state().used -= self.bytes - kept;
        self.bytes = kept;
        self.budget.given_back.notify_all();
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    #[test]
    fn what_does_not_fit_waits_for_what_is_given_back() {
        let budget = Budget::new(Some(100));
        let mut first = budget.reserve(60);
        let second = budget.reserve(40);
        drop(second);
        let is_in = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let third = budget.reserve(50);
                is_in.store(true, Ordering::SeqCst);
                drop(third);
            });
            std::thread::sleep(Duration::from_millis(20));
            assert!(!is_in.load(Ordering::SeqCst));
            first.shrink_to(50);
        });
        assert!(is_in.into_inner());
        assert_eq!(budget.peak(), 100);
        drop(first);
        // What is larger than everything gets in alone.
        drop(budget.reserve(1000));
        let unlimited = Budget::new(None);
        let _both = (unlimited.reserve(1 << 40), unlimited.reserve(1 << 40));
    }
}
