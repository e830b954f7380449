//! What speculative decoding has read, and what it has given.

use serde::Serialize;

/// Counts of one text. A round that was cut short, by the end of the text or of the positions, counts as any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SpeculationStatistics {
    /// Tokens of the prompt, each read by the draft and by the full model in a forward pass of its own.
    pub prompt_tokens: u64,
    /// Rounds: each a forward pass of the full model over the tokens that the draft has written ahead, and one more.
    pub rounds: u64,
    /// Tokens that the draft has written ahead in all rounds.
    pub drafted_tokens: u64,
    /// Those of them that the full model has written too.
    pub accepted_tokens: u64,
    /// Accepted tokens per round, 0 without rounds. A round gives one token more than that: the full model's own.
    pub mean_accepted_tokens: f64,
    /// Forward passes of the draft, those over the prompt included.
    pub draft_passes: u64,
    /// Tokens that the draft has read in them: after a round of which every token was accepted, two in its first pass.
    pub draft_tokens_read: u64,
    /// Forward passes of the full model, those over the prompt included.
    pub full_passes: u64,
    /// Tokens that the full model has read in them.
    pub full_tokens_read: u64,
}

impl SpeculationStatistics {
    /// Counts what both have read of a prompt.
    pub(super) fn add_prompt(&mut self, tokens: usize) {
        let tokens = tokens as u64;
        self.prompt_tokens += tokens;
        self.draft_passes += tokens;
        self.draft_tokens_read += tokens;
        self.full_passes += tokens;
        self.full_tokens_read += tokens;
    }

    /// Counts a forward pass of the draft.
    pub(super) fn add_draft_pass(&mut self, tokens: usize) {
        self.draft_passes += 1;
        self.draft_tokens_read += tokens as u64;
    }

    /// Counts a round and its forward pass of the full model, which reads one token more than the draft has written.
    pub(super) fn add_round(&mut self, drafted: usize, accepted: usize) {
        self.rounds += 1;
        self.drafted_tokens += drafted as u64;
        self.accepted_tokens += accepted as u64;
        self.mean_accepted_tokens = self.accepted_tokens as f64 / self.rounds as f64;
        self.full_passes += 1;
        self.full_tokens_read += drafted as u64 + 1;
    }
}
