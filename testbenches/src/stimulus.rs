//! When inputs are offered and outputs are taken, and with what data.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What disturbs a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Inputs are always offered, outputs are always taken.
    Steady,
    /// Inputs are missing at random.
    InputGaps,
    /// Outputs are not taken at random.
    BackPressure,
    /// Both.
    Both,
}

impl Pattern {
    /// All patterns.
    pub const ALL: [Pattern; 4] = [
        Pattern::Steady,
        Pattern::InputGaps,
        Pattern::BackPressure,
        Pattern::Both,
    ];

    fn has_gaps(self) -> bool {
        matches!(self, Pattern::InputGaps | Pattern::Both)
    }

    fn has_back_pressure(self) -> bool {
        matches!(self, Pattern::BackPressure | Pattern::Both)
    }
}

/// Cycles after which the share of disturbed cycles is drawn anew, on average.
const CYCLES_PER_MOOD: u32 = 40;

/// Random decisions that depend on the seed alone.
pub struct Stimulus {
    pattern: Pattern,
    /// Source of all random data.
    pub random: ChaCha8Rng,
    offer_percent: u32,
    take_percent: u32,
}

impl Stimulus {
    /// The decisions of one run.
    pub fn new(pattern: Pattern, seed: u64) -> Self {
        Stimulus {
            pattern,
            random: ChaCha8Rng::seed_from_u64(seed),
            offer_percent: 50,
            take_percent: 50,
        }
    }

    /// Starts a cycle. Long stretches of many, of half and of few disturbances reach states that an even mix does not.
    pub fn next_cycle(&mut self) {
        if self.random.random_range(0..CYCLES_PER_MOOD) == 0 {
            self.offer_percent = [5, 50, 95][self.random.random_range(0..3)];
            self.take_percent = [5, 50, 95][self.random.random_range(0..3)];
        }
    }

    /// Whether an input is offered in this cycle.
    pub fn offers(&mut self) -> bool {
        !self.pattern.has_gaps() || self.chance(self.offer_percent)
    }

    /// Whether an output is taken in this cycle.
    pub fn takes(&mut self) -> bool {
        !self.pattern.has_back_pressure() || self.chance(self.take_percent)
    }

    /// True with a probability in percent.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    /// Random bits. One in eight is all zeros, all ones, or a single one: corners that random bits never reach.
    pub fn data(&mut self, width: usize) -> Vec<u8> {
        let mut bytes = vec![0; width.div_ceil(8)];
        match self.random.random_range(0..24) {
            0 => {}
            1 => bytes.fill(255),
            2 => {
                let place = self.random.random_range(0..width);
                bytes[place / 8] |= 1 << (place % 8);
            }
            _ => self.random.fill_bytes(&mut bytes),
        }
        if !width.is_multiple_of(8) {
            *bytes.last_mut().expect("a port has a bit") &= (1 << (width % 8)) - 1;
        }
        bytes
    }

    /// What stands on a data port while nothing is offered: anything.
    pub fn garbage(&mut self, width: usize) -> Vec<u8> {
        let byte = self.random.random::<u8>();
        let mut bytes = vec![byte; width.div_ceil(8)];
        if !width.is_multiple_of(8) {
            *bytes.last_mut().expect("a port has a bit") &= (1 << (width % 8)) - 1;
        }
        bytes
    }
}

/// The offering side of a link: what it offers stays until it is taken (AMBA AXI4-Stream, section 2.2.1).
#[derive(Clone, Debug)]
pub struct Source<T> {
    /// What is being offered.
    pub offered: Option<T>,
}

impl<T> Default for Source<T> {
    fn default() -> Self {
        Source { offered: None }
    }
}

impl<T> Source<T> {
    /// Decides whether to offer something new; what is offered already stays.
    pub fn choose(&mut self, stimulus: &mut Stimulus, make: impl FnOnce(&mut Stimulus) -> Option<T>) {
        if self.offered.is_none() && stimulus.offers() {
            self.offered = make(stimulus);
        }
    }

    /// Whether something is offered.
    pub fn is_valid(&self) -> bool {
        self.offered.is_some()
    }

    /// Ends the cycle: what was offered is gone if the other side was ready.
    pub fn end_cycle(&mut self, ready: bool) {
        if ready {
            self.offered = None;
        }
    }
}
