//! The linear-feedback shift register (LFSR) that everything else is made of.
//!
//! `docs/format.md`, section "The LFSR", is the text of this file: Fibonacci form, `K` bits, shift right,
//! the new bit enters at the most significant end. Bit 0 is the least significant bit.

use crate::error::CodecError;
use crate::linear::BitMatrix;
use serde::{Deserialize, Serialize};

/// The shortest register the format knows, in bits.
pub const SHORTEST_LFSR: u32 = 2;
/// The longest register the format knows, in bits.
pub const LONGEST_LFSR: u32 = 24;

/// Taps of one maximal register for every length `K` = 2..=24 (SeedLM paper, Table 6; bit 0 = least significant).
/// `PAPER_TAPS[K - 2]` belongs to length `K`.
pub const PAPER_TAPS: [&[u32]; 23] = [
    &[0, 1],
    &[0, 1],
    &[0, 1],
    &[0, 2],
    &[0, 1],
    &[0, 1],
    &[0, 2, 3, 4],
    &[0, 4],
    &[0, 3],
    &[0, 2],
    &[0, 1, 2, 8],
    &[0, 1, 2, 5],
    &[0, 1, 2, 12],
    &[0, 1],
    &[0, 1, 3, 12],
    &[0, 3],
    &[0, 7],
    &[0, 1, 2, 5],
    &[0, 3],
    &[0, 2],
    &[0, 1],
    &[0, 5],
    &[0, 1, 2, 7],
];

/// A maximal LFSR: its length and its taps. A value of this type always has the full period `2^K - 1`.
///
/// ```
/// use seedlm_codec::Lfsr;
/// let lfsr = Lfsr::paper(3)?;
/// // The worked example of the paper (Figure 3): the states that follow seed 4.
/// assert_eq!(lfsr.states_after(4, 8), [2, 5, 6, 7, 3, 1, 4, 2]);
/// # Ok::<(), seedlm_codec::CodecError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "LfsrFields", into = "LfsrFields")]
pub struct Lfsr {
    length: u32,
    taps: Vec<u32>,
}

/// The serialised form of an [`Lfsr`], not yet checked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LfsrFields {
    length: u32,
    taps: Vec<u32>,
}

impl TryFrom<LfsrFields> for Lfsr {
    type Error = CodecError;
    fn try_from(fields: LfsrFields) -> Result<Self, CodecError> {
        Lfsr::new(fields.length, &fields.taps)
    }
}

impl From<Lfsr> for LfsrFields {
    fn from(lfsr: Lfsr) -> Self {
        LfsrFields {
            length: lfsr.length,
            taps: lfsr.taps,
        }
    }
}

impl Lfsr {
    /// A register of `length` bits (2..=24) whose new bit is the XOR of the state bits named in `taps`.
    ///
    /// # Errors
    /// [`CodecError::Lfsr`] when the length is out of range, a tap is repeated or is no bit of the register,
    /// or the register does not run through all `2^length - 1` non-zero states.
    pub fn new(length: u32, taps: &[u32]) -> Result<Self, CodecError> {
        let refuse = |reason: String| CodecError::Lfsr {
            length,
            taps: taps.to_vec(),
            reason,
        };
        if !(SHORTEST_LFSR..=LONGEST_LFSR).contains(&length) {
            return Err(refuse(format!(
                "the length must be {SHORTEST_LFSR} to {LONGEST_LFSR} bits"
            )));
        }
        let mut sorted = taps.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != taps.len() {
            return Err(refuse("a tap is named twice".into()));
        }
        if let Some(&tap) = sorted.iter().find(|&&tap| tap >= length) {
            return Err(refuse(format!("tap {tap} is outside the register")));
        }
        let lfsr = Lfsr { length, taps: sorted };
        if !lfsr.transition().has_full_period() {
            return Err(refuse(format!(
                "not maximal: the period is shorter than {}",
                lfsr.period()
            )));
        }
        Ok(lfsr)
    }

    /// The register of the given length with the taps of the paper's Table 6.
    ///
    /// # Errors
    /// [`CodecError::Lfsr`] when the length is not 2..=24.
    pub fn paper(length: u32) -> Result<Self, CodecError> {
        let taps = length
            .checked_sub(SHORTEST_LFSR)
            .and_then(|index| PAPER_TAPS.get(index as usize))
            .copied()
            .unwrap_or(&[]);
        Lfsr::new(length, taps)
    }

    /// Length `K` in bits.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// The tapped bits, ascending, bit 0 = least significant.
    pub fn taps(&self) -> &[u32] {
        &self.taps
    }

    /// Number of states before the sequence repeats: `2^K - 1`.
    pub fn period(&self) -> u32 {
        (1 << self.length) - 1
    }

    /// The state that follows `state`: `(state >> 1) | (b << (K-1))`, `b` the XOR of the tapped bits.
    pub fn step(&self, state: u32) -> u32 {
        let bit = self.taps.iter().fold(0, |bit, &tap| bit ^ (state >> tap)) & 1;
        (state >> 1) | (bit << (self.length - 1))
    }

    /// The `count` states that follow `seed` (the seed itself is not among them).
    pub fn states_after(&self, seed: u32, count: usize) -> Vec<u32> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = self.step(state);
                state
            })
            .collect()
    }

    /// The step as a matrix over GF(2).
    pub fn transition(&self) -> BitMatrix {
        let taps = self.taps.iter().fold(0, |mask, &tap| mask | 1 << tap);
        let mut rows: Vec<u32> = (1..self.length).map(|bit| 1 << bit).collect();
        rows.push(taps);
        BitMatrix::from_rows(rows)
    }

    /// Masks of the register's bit sequence: bit `j` of the sequence is the parity of `seed & masks[j]`.
    ///
    /// The sequence starts with the seed itself (bit 0 of the seed first), so the state after `n` steps is the window
    /// of sequence bits `n .. n + K`. Hardware reads all windows at once from these masks; nothing needs to shift.
    pub fn sequence_masks(&self, bits: usize) -> Vec<u32> {
        let length = self.length as usize;
        let mut masks: Vec<u32> = (0..length.min(bits)).map(|bit| 1 << bit).collect();
        for bit in length..bits {
            let window = bit - length;
            masks.push(
                self.taps
                    .iter()
                    .fold(0, |mask, &tap| mask ^ masks[window + tap as usize]),
            );
        }
        masks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_row_of_the_papers_table_is_maximal_by_walking_it() {
        for length in SHORTEST_LFSR..=LONGEST_LFSR {
            let lfsr = Lfsr::paper(length).unwrap();
            let mut state = 1;
            let mut steps = 0_u32;
            loop {
                state = lfsr.step(state);
                steps += 1;
                assert_ne!(state, 0, "K = {length} fell into the zero state");
                if state == 1 {
                    break;
                }
                assert!(steps <= lfsr.period(), "K = {length} never returns to its start");
            }
            assert_eq!(steps, (1 << length) - 1, "K = {length}");
        }
    }

    #[test]
    fn known_states_of_the_16_bit_register() {
        let lfsr = Lfsr::paper(16).unwrap();
        assert_eq!(
            lfsr.states_after(1, 24),
            [
                32768, 16384, 8192, 4096, 34816, 17408, 8704, 4352, 34944, 17472, 8736, 4368, 34952, 50244, 25122,
                45329, 22664, 11332, 5666, 2833, 34184, 49860, 24930, 45233
            ]
        );
        assert_eq!(
            lfsr.states_after(0xACE1, 24),
            [
                0xd670, 0xeb38, 0xf59c, 0x7ace, 0xbd67, 0xdeb3, 0xef59, 0x77ac, 0x3bd6, 0x1deb, 0x0ef5, 0x877a, 0x43bd,
                0x21de, 0x10ef, 0x0877, 0x043b, 0x821d, 0x410e, 0x2087, 0x1043, 0x8821, 0xc410, 0x6208
            ]
        );
    }

    #[test]
    fn registers_that_are_not_maximal_are_refused_with_the_reason() {
        for (length, taps, reason) in [
            (1, vec![0], "length must be"),
            (25, vec![0, 3], "length must be"),
            (16, vec![0, 16], "outside the register"),
            (16, vec![0, 0, 1], "named twice"),
            (16, vec![0, 1], "not maximal"),
            (16, vec![1, 3, 12], "not maximal"),
            (8, vec![], "not maximal"),
        ] {
            let error = Lfsr::new(length, &taps).unwrap_err().to_string();
            assert!(error.contains(reason), "{length} {taps:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn the_algebraic_period_test_agrees_with_walking(length in 2_u32..=12, tap_bits in 0_u32..4096) {
            let taps: Vec<u32> = (0..length).filter(|bit| tap_bits >> bit & 1 == 1).collect();
            let lfsr = Lfsr { length, taps: taps.clone() };
            let mut state = 1;
            let mut steps = 0;
            while steps < lfsr.period() {
                state = lfsr.step(state);
                steps += 1;
                if state == 1 || state == 0 { break; }
            }
            let maximal = state == 1 && steps == lfsr.period();
            prop_assert_eq!(Lfsr::new(length, &taps).is_ok(), maximal);
        }

        #[test]
        fn states_are_windows_of_the_mask_sequence(length in 2_u32..=24, seed in 1_u32.., steps in 1_usize..120) {
            let lfsr = Lfsr::paper(length).unwrap();
            let seed = seed & lfsr.period();
            let masks = lfsr.sequence_masks(steps + length as usize);
            let state = (0..length).fold(0, |state, bit| {
                state | ((seed & masks[steps + bit as usize]).count_ones() & 1) << bit
            });
            prop_assert_eq!(state, *lfsr.states_after(seed, steps).last().unwrap());
            prop_assert_eq!(state, lfsr.transition().power(steps as u64).apply(seed));
        }
    }
}
