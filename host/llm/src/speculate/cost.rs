//! When speculative decoding pays.

use std::num::NonZeroUsize;

/// Cost of speculative decoding on a machine that waits for its weights.
///
/// A machine that multiplies `b` vectors with the weights each time it reads them verifies `n` drafted tokens and reads one
/// more, the last of the text, in `ceil((n + 1) / b)` passes. The draft writes its tokens one after the other, in a pass each:
///
/// `round = n * draft_cycles + ceil((n + 1) / b) * full_cycles`
///
/// The round gives `a + 1` tokens if `a` of the drafted ones are accepted, for which plain greedy decoding needs
/// `(a + 1) * full_cycles`.
///
/// Assumption: memory bounds both, so that a pass over `b` vectors takes as long as one over a single vector; what the host does
/// is left out. So is the second token that the draft reads in its first pass after a round of which all was accepted: it
/// costs something only where `b` is 1, and there no round pays in any case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeculationCost {
    /// Cycles of a pass of the draft; above 0 and finite.
    pub draft_cycles: f64,
    /// Cycles of a pass of the full model, in cycles of the same clock; above 0 and finite.
    pub full_cycles: f64,
    /// Vectors that are multiplied with the weights each time these are read: 1 for a machine of matrix-vector products.
    pub vectors_per_read: NonZeroUsize,
}

impl SpeculationCost {
    /// Cycles of a round in which the draft writes `draft_tokens` tokens.
    pub fn round_cycles(&self, draft_tokens: usize) -> f64 {
        let passes = (draft_tokens + 1).div_ceil(self.vectors_per_read.get());
        draft_tokens as f64 * self.draft_cycles + passes as f64 * self.full_cycles
    }

    /// How many times faster than plain greedy decoding: above 1 where speculation pays. `accepted_tokens` is the mean of a round,
    /// 0 to `draft_tokens`: see [`super::SpeculationStatistics::mean_accepted_tokens`].
    pub fn speed_up(&self, draft_tokens: usize, accepted_tokens: f64) -> f64 {
        (accepted_tokens + 1.0) * self.full_cycles / self.round_cycles(draft_tokens)
    }

    /// Drafted tokens of a round, in the mean, that must be accepted for it to take as long as plain greedy decoding; none where
    /// it takes longer even if all of them are.
    pub fn break_even(&self, draft_tokens: usize) -> Option<f64> {
        let needed = self.round_cycles(draft_tokens) / self.full_cycles - 1.0;
        (needed <= draft_tokens as f64).then_some(needed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cost(draft_cycles: f64, full_cycles: f64, vectors_per_read: usize) -> SpeculationCost {
        SpeculationCost {
            draft_cycles,
            full_cycles,
            vectors_per_read: NonZeroUsize::new(vectors_per_read).unwrap(),
        }
    }

    #[test]
    fn a_round_is_what_its_passes_add_up_to() {
        // Powers of two, so that no figure is rounded.
        let cost = cost(64.0, 128.0, 4);
        for (draft_tokens, expected) in [(0, 128.0), (1, 192.0), (3, 320.0), (4, 512.0), (7, 704.0), (8, 896.0)] {
            assert_eq!(cost.round_cycles(draft_tokens), expected);
        }
        assert_eq!((cost.speed_up(3, 1.5), cost.break_even(3)), (1.0, Some(1.5)));
        assert_eq!((cost.speed_up(4, 1.0), cost.break_even(4)), (0.5, Some(3.0)));
        // Every vector of its own: even seven accepted tokens of seven are too few.
        assert_eq!(self::cost(64.0, 128.0, 1).break_even(7), None);
    }

    proptest! {
        /// A machine of matrix-vector products verifies each token in a pass of its own.
        #[test]
        fn one_vector_per_read_never_pays(draft in 1.0..1e9_f64, full in 1.0..1e9_f64, n in 1_usize..64, share in 0.0..=1.0_f64) {
            let cost = cost(draft, full, 1);
            prop_assert!(cost.speed_up(n, share * n as f64) < 1.0);
            prop_assert_eq!(cost.break_even(n), None);
        }

        #[test]
        fn no_draft_is_plain_decoding(draft in 1.0..1e9_f64, full in 1.0..1e9_f64, b in 1_usize..64) {
            prop_assert_eq!(cost(draft, full, b).speed_up(0, 0.0), 1.0);
            prop_assert_eq!(cost(draft, full, b).break_even(0), Some(0.0));
        }

        #[test]
        fn what_helps_never_slows_down(draft in 1.0..1e9_f64, full in 1.0..1e9_f64, n in 1_usize..64, b in 1_usize..64, accepted in 0.0..1.0_f64) {
            let accepted = accepted * n as f64;
            let speed_up = cost(draft, full, b).speed_up(n, accepted);
            prop_assert!(cost(draft, full, b).speed_up(n, accepted + 0.01) > speed_up);
            prop_assert!(cost(draft / 1.01, full, b).speed_up(n, accepted) > speed_up);
            prop_assert!(cost(draft, full, b + 1).speed_up(n, accepted) >= speed_up);
            // Neither the tokens of a round nor the vectors of a read can be beaten.
            prop_assert!(speed_up < n as f64 + 1.0 && speed_up < b as f64);
        }

        #[test]
        fn speculation_pays_above_the_break_even(draft in 1.0..1e3_f64, full in 1.0..1e3_f64, n in 1_usize..64, b in 1_usize..64) {
            let cost = cost(draft, full, b);
            match cost.break_even(n) {
                None => prop_assert!(cost.speed_up(n, n as f64) < 1.0),
                Some(needed) => {
                    prop_assert!((0.0..=n as f64).contains(&needed));
                    prop_assert!((cost.speed_up(n, needed) - 1.0).abs() < 1e-9);
                }
            }
        }

        /// Theorem 3.8 of arXiv 2211.17192, for a machine that verifies a round in one pass and tokens that are accepted one by
        /// one with the same probability.
        #[test]
        fn the_known_formula_is_a_special_case(ratio in 0.01..1.0_f64, n in 1_usize..32, probability in 0.01..0.99_f64) {
            let accepted: f64 = (1..=n).map(|length| probability.powi(length as i32)).sum();
            let expected = (1.0 - probability.powi(n as i32 + 1)) / ((1.0 - probability) * (n as f64 * ratio + 1.0));
            let speed_up = cost(ratio * 1e6, 1e6, n + 1).speed_up(n, accepted);
            prop_assert!((speed_up / expected - 1.0).abs() < 1e-9);
        }
    }
}
