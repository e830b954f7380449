//! `seedlm_unpack`: beats in, groups of words out.

use super::field::field;

/// Inputs of a cycle.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnpackInputs<'a> {
    /// Whether a beat is offered.
    pub s_axis_tvalid: bool,
    /// The beat, lowest byte first; looked at only while `s_axis_tvalid` is high.
    pub s_axis_tdata: &'a [u8],
    /// Last beat of its stream: after it the rest that fills no group is dropped.
    pub s_axis_tlast: bool,
    /// Whether the next unit takes a group.
    pub m_axis_tready: bool,
    /// With the group that is taken the stream ends: everything behind it is padding and is dropped.
    pub flush: bool,
}

/// Outputs of a cycle. The group itself is [`Unpack::m_axis_tdata`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpackOutputs {
    /// Whether a beat is taken.
    pub s_axis_tready: bool,
    /// Whether a group is offered.
    pub m_axis_tvalid: bool,
    /// Last whole group of its stream; it means something only while `m_axis_tvalid` is high.
    pub m_axis_tlast: bool,
}

/// The gearbox: a bit buffer that takes beats and gives groups. With groups that fill beats exactly it is a register
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
    ending: bool,
    /// Whether the beat that ends the stream completes a group.
    completed: bool,
}

impl Unpack {
    /// An empty gearbox for groups of `lanes` words of `word_bits` bits (1..=128).
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
            ending: false,
            completed: false,
        }
    }

    fn group_bits(&self) -> usize {
        self.word_bits * self.lanes
    }

    /// Bits held.
    fn fill(&self) -> usize {
        8 * self.held.len() - self.offset
    }

    /// What the ports show in this cycle.
    pub fn outputs(&self) -> UnpackOutputs {
        let fill = self.fill();
        UnpackOutputs {
            s_axis_tready: fill + self.beat_bits <= self.capacity_bits && !self.ending,
            m_axis_tvalid: fill >= self.group_bits(),
            m_axis_tlast: self.ending && self.completed && fill < 2 * self.group_bits(),
        }
    }

    /// The group offered, lane 0 first. In the Verilog the word of lane `l` is the field `[l * word_bits +: word_bits]`.
    ///
    /// # Panics
    /// When `m_axis_tvalid` is low.
    pub fn m_axis_tdata(&self) -> Vec<u128> {
        let mut words = Vec::new();
        self.copy_group(&mut words);
        words
    }

    /// Puts the group offered into `words`, which keeps its room from cycle to cycle.
    ///
    /// # Panics
    /// As [`Unpack::m_axis_tdata`].
    pub fn copy_group(&self, words: &mut Vec<u128>) {
        words.clear();
        let lanes = 0..self.lanes;
        words.extend(lanes.map(|lane| field(&self.held, self.offset + lane * self.word_bits, self.word_bits)));
    }

    /// Clock edge.
    pub fn clock(&mut self, inputs: UnpackInputs<'_>) {
        let outputs = self.outputs();
        let taken = outputs.m_axis_tvalid && inputs.m_axis_tready;
        let stream_ends = taken && (outputs.m_axis_tlast || inputs.flush);
        if stream_ends || self.ending && !outputs.m_axis_tvalid {
            self.held.clear();
            self.offset = 0;
            self.ending = false;
            return;
        }
        if taken {
            let passed = self.offset + self.group_bits();
            self.held.drain(..passed / 8);
            self.offset = passed % 8;
        }
        if inputs.s_axis_tvalid && outputs.s_axis_tready {
            let groups_before = self.fill() / self.group_bits();
            self.held.extend(inputs.s_axis_tdata);
            if inputs.s_axis_tlast {
                self.ending = true;
                // Without a group of its own the beat marks none: tlast of a group that waits never changes.
                self.completed = self.fill() / self.group_bits() > groups_before;
            }
        }
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(bytes: &[u8], s_axis_tlast: bool) -> UnpackInputs<'_> {
        UnpackInputs {
            s_axis_tvalid: true,
            s_axis_tdata: bytes,
            s_axis_tlast,
            m_axis_tready: true,
            flush: false,
        }
    }

    #[test]
    fn groups_that_straddle_beats_come_in_eight_of_nine_cycles() {
        let mut unpack = Unpack::new(9, 8, 64);
        let mut groups = 0;
        for _ in 0..90 {
            assert!(unpack.outputs().s_axis_tready);
            groups += u32::from(unpack.outputs().m_axis_tvalid);
            unpack.clock(beat(&[0x55; 8], false));
        }
        assert_eq!(groups, 79);
    }

    #[test]
    fn the_rest_behind_the_last_whole_group_is_dropped() {
        // Two groups of 24 bits and 16 bits of rest in a beat of 64.
        let mut unpack = Unpack::new(12, 2, 64);
        unpack.clock(beat(&[1, 2, 3, 4, 5, 6, 7, 8], true));
        assert_eq!(unpack.m_axis_tdata(), [0x201, 0x030]);
        assert!(!unpack.outputs().m_axis_tlast && !unpack.outputs().s_axis_tready);
        unpack.clock(beat(&[9; 8], false));
        assert!(unpack.outputs().m_axis_tlast);
        unpack.clock(beat(&[9; 8], false));
        assert!(!unpack.outputs().m_axis_tvalid && unpack.outputs().s_axis_tready);
        unpack.clock(beat(&[9; 8], false));
        assert_eq!(unpack.m_axis_tdata(), [0x909, 0x090]);
    }

    #[test]
    fn a_flush_drops_what_is_held_and_what_arrives() {
        let mut unpack = Unpack::new(16, 1, 64);
        unpack.clock(beat(&[1; 8], false));
        unpack.clock(UnpackInputs {
            flush: true,
            ..beat(&[2; 8], false)
        });
        assert!(!unpack.outputs().m_axis_tvalid);
        unpack.clock(beat(&[3; 8], false));
        assert_eq!(unpack.m_axis_tdata(), [0x303]);
    }

    #[test]
    fn a_stream_too_short_for_a_group_is_dropped() {
        let mut unpack = Unpack::new(128, 1, 64);
        unpack.clock(beat(&[1; 8], true));
        assert!(!unpack.outputs().s_axis_tready);
        unpack.clock(beat(&[2; 8], false));
        assert!(unpack.outputs().s_axis_tready && !unpack.outputs().m_axis_tvalid);
    }
}
