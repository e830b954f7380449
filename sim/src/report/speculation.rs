//! What speculative decoding has brought on the machine, and on which machine it would bring more.

use seedlm_llm::{SpeculationCost, SpeculationStatistics};
use serde::Serialize;
use std::num::NonZeroUsize;

/// Vectors per read of the weights for which the speed-up is worked out.
const VECTORS_PER_READ: [usize; 5] = [1, 2, 4, 8, 16];

/// Speculative decoding of a text: the base of the layers has drafted, all of them have verified.
#[derive(Clone, Debug, Serialize)]
pub struct SpeculationReport {
    /// Most tokens that the draft wrote ahead in a round.
    pub draft_tokens: usize,
    /// What was read, and what it gave.
    #[serde(flatten)]
    pub statistics: SpeculationStatistics,
    /// Cycles of a pass of the draft, measured here.
    pub draft_cycles_per_pass: f64,
    /// Cycles of a pass of the full model, measured here: what a token of plain decoding takes.
    pub full_cycles_per_pass: f64,
    /// Cycles of plain decoding over those of this run, both for the text without its prompt: above 1 where speculation pays.
    pub speed_up_over_plain: f64,
    /// The same as it would be, by the cost model with as many drafted tokens as there were in a round in the mean, on machines that multiply more vectors each time they read the weights.
    pub projected: Vec<ProjectedSpeedUp>,
}

/// What the cost model says of a machine ([`SpeculationCost`]).
#[derive(Clone, Debug, Serialize)]
pub struct ProjectedSpeedUp {
    /// Vectors that are multiplied with the weights each time these are read.
    pub vectors_per_read: usize,
    /// Cycles of plain decoding over those of speculative decoding.
    pub speed_up_over_plain: f64,
    /// Accepted tokens per round from which on it pays; none where nothing makes it pay.
    pub break_even_accepted_tokens: Option<f64>,
}

impl SpeculationReport {
    /// Puts the report together from the cycles of one pass each.
    pub fn new(draft_tokens: usize, statistics: SpeculationStatistics, draft_cycles: f64, full_cycles: f64) -> Self {
        let cost = |vectors: usize| SpeculationCost {
            draft_cycles,
            full_cycles,
            vectors_per_read: NonZeroUsize::new(vectors).unwrap_or(NonZeroUsize::MIN),
        };
        // Rounds at the end of a text are shorter.
        let drafted = statistics.drafted_tokens as f64 / (statistics.rounds as f64).max(1.0);
        let drafted = drafted.round() as usize;
        let projected = VECTORS_PER_READ.map(|vectors_per_read| ProjectedSpeedUp {
            vectors_per_read,
            speed_up_over_plain: cost(vectors_per_read).speed_up(drafted, statistics.mean_accepted_tokens),
            break_even_accepted_tokens: cost(vectors_per_read).break_even(drafted),
        });
        let written = (statistics.accepted_tokens + statistics.rounds) as f64 * full_cycles;
        let prompt = statistics.prompt_tokens;
        let drafted = (statistics.draft_tokens_read - prompt) as f64 * draft_cycles;
        let verified = (statistics.full_tokens_read - prompt) as f64 * full_cycles;
        let taken = drafted + verified;
        SpeculationReport {
            draft_tokens,
            draft_cycles_per_pass: draft_cycles,
            full_cycles_per_pass: full_cycles,
            speed_up_over_plain: if taken > 0.0 { written / taken } else { 1.0 },
            projected: projected.into(),
            statistics,
        }
    }

    /// The report for people.
    pub(super) fn text(&self) -> String {
        let statistics = &self.statistics;
        let mut text = format!(
            "Speculation: {} rounds, {} of {} drafted tokens accepted, {:.2} in a round; a pass of the draft takes {:.0} cycles, of the full model \
             {:.0}\n  on this machine, which reads the weights for each vector anew: {:.2} x the speed of plain decoding\n",
            statistics.rounds,
            statistics.accepted_tokens,
            statistics.drafted_tokens,
            statistics.mean_accepted_tokens,
            self.draft_cycles_per_pass,
            self.full_cycles_per_pass,
            self.speed_up_over_plain
        );
        for projected in &self.projected[1..] {
            let needed = match projected.break_even_accepted_tokens {
                Some(tokens) => format!("pays from {tokens:.2} accepted tokens in a round on"),
                None => "never pays with so many tokens drafted".into(),
            };
            text += &format!(
                "  on one that multiplies {} vectors per read: {:.2} x (cost model; {needed})\n",
                projected.vectors_per_read, projected.speed_up_over_plain
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_up_counts_what_was_read() {
        let statistics = SpeculationStatistics {
            prompt_tokens: 5,
            rounds: 10,
            drafted_tokens: 20,
            accepted_tokens: 10,
            mean_accepted_tokens: 1.0,
            draft_passes: 25,
            draft_tokens_read: 25,
            full_passes: 15,
            full_tokens_read: 35,
        };
        let report = SpeculationReport::new(2, statistics, 100.0, 200.0);
        // 20 tokens of 200 cycles against 20 of 100 and 30 of 200.
        assert_eq!(report.speed_up_over_plain, 0.5);
        assert_eq!(report.projected[0].break_even_accepted_tokens, None);
        // Three vectors in one read: 200 + 200 cycles for two tokens.
        assert_eq!(report.projected[2].speed_up_over_plain, 1.0);
        assert!(
            report
                .text()
                .contains("10 of 20 drafted tokens accepted, 1.00 in a round"),
            "{}",
            report.text()
        );
    }
}
