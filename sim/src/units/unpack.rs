//! Beats in, groups of words out: a gearbox that also knows where in the matrix it is.

use super::memory::{Beat, Stream};
use crate::cause::Cause;
use crate::link::Offer;
use seedlm_codec::bits::read_field;

/// Where a group stands in its matrix. It travels with the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupTag {
    /// Step in the tile: the address of its activations.
    pub step: usize,
    /// First step of its tile: row sums start anew.
    pub first_step: bool,
    /// Last step of its tile: row sums are complete.
    pub last_step: bool,
    /// Last tile of its matrix.
    pub last_tile: bool,
}

/// One word for each lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordGroup {
    /// The words, lane 0 first.
    pub words: Vec<u128>,
    /// Where the group stands.
    pub tag: GroupTag,
}

/// The gearbox: a bit buffer that takes beats and gives groups. With words that fill beats exactly it is a register
/// pair that passes one beat per cycle.
#[derive(Clone, Debug)]
pub struct Unpack {
    word_bits: usize,
    lanes: usize,
    beat_bits: usize,
    capacity_bits: usize,
    held: Vec<u8>,
    /// Bits of `held[0]` that have been passed on.
    offset: usize,
    steps_per_tile: usize,
    tiles_left: usize,
    step: usize,
    /// Why the beat FIFO had no beat of weights when it last had none.
    gap_because: Cause,
}

impl Unpack {
    /// An empty gearbox.
    pub fn new(word_bits: usize, lanes: usize, beat_bits: usize) -> Self {
        let group_bits = word_bits * lanes;
        // Just short of a group, plus the beat that completes it, plus one that arrives while the group waits: with this
        // much room the gearbox is ready in every cycle as long as groups are taken.
        let capacity_bits = group_bits - greatest_common_divisor(group_bits, beat_bits) + 2 * beat_bits;
        Unpack {
            word_bits,
            lanes,
            beat_bits,
            capacity_bits,
            held: Vec::new(),
            offset: 0,
            steps_per_tile: 0,
            tiles_left: 0,
            step: 0,
            gap_because: Cause::PipelineFill,
        }
    }

    /// Starts a matrix.
    pub fn start(&mut self, tiles: usize, steps_per_tile: usize) {
        assert!(self.tiles_left == 0, "the last matrix is not finished");
        (self.tiles_left, self.steps_per_tile, self.step) = (tiles, steps_per_tile, 0);
        self.gap_because = Cause::PipelineFill;
    }

    fn group_bits(&self) -> usize {
        self.word_bits * self.lanes
    }

    /// Whether a beat is taken in this cycle. It does not depend on the next unit, so no path runs through.
    pub fn ready(&self) -> bool {
        self.fill_bits() + self.beat_bits <= self.capacity_bits
    }

    /// Bits held.
    pub fn fill_bits(&self) -> usize {
        8 * self.held.len() - self.offset
    }

    /// The next group, once its bits and its activations are there. `input` is what the beat FIFO shows.
    pub fn output(&self, input: &Offer<&Beat>, activation_steps_loaded: usize) -> Offer<WordGroup> {
        if self.tiles_left == 0 {
            return Offer::Empty(Cause::Drain);
        }
        if self.fill_bits() < self.group_bits() {
            return Offer::Empty(match input {
                Offer::Empty(cause) => *cause,
                Offer::Valid(beat) if beat.stream == Stream::Activations => Cause::ActivationLoad,
                // The beat that ends a gap is only now on its way in: this cycle still belongs to the gap.
                Offer::Valid(_) if self.fill_bits() == 0 => self.gap_because,
                Offer::Valid(_) => Cause::GroupIncomplete,
            });
        }
        if self.step >= activation_steps_loaded {
            return Offer::Empty(Cause::ActivationLoad);
        }
        let words = (0..self.lanes)
            .map(|lane| read_field(&self.held, self.offset + lane * self.word_bits, self.word_bits))
            .collect();
        let tag = GroupTag {
            step: self.step,
            first_step: self.step == 0,
            last_step: self.step + 1 == self.steps_per_tile,
            last_tile: self.tiles_left == 1,
        };
        Offer::Valid(WordGroup { words, tag })
    }

    /// Clock edge: what the beat FIFO shows (a beat of weights is taken if this unit is ready), and whether the group was
    /// taken. After the last group of a matrix the padding of its last beat is dropped.
    pub fn clock(&mut self, input: &Offer<&Beat>, group_taken: bool) {
        match input {
            Offer::Empty(cause) => self.gap_because = *cause,
            Offer::Valid(beat) if beat.stream == Stream::Activations => self.gap_because = Cause::ActivationLoad,
            Offer::Valid(beat) if self.ready() => self.held.extend(&beat.bytes),
            Offer::Valid(_) => {}
        }
        if group_taken {
            let passed = self.offset + self.group_bits();
            self.held.drain(..passed / 8);
            self.offset = passed % 8;
            self.step += 1;
            if self.step == self.steps_per_tile {
                self.step = 0;
                self.tiles_left -= 1;
            }
            if self.tiles_left == 0 {
                self.held.clear();
                self.offset = 0;
            }
        }
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
