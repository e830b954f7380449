//! One round of speculative decoding: the draft writes ahead, the full model decides.

use super::layers::DraftingLayers;
use super::statistics::SpeculationStatistics;
use crate::cache::Cache;
use crate::error::LlmError;
use crate::generate::read_prompt;
use crate::language_model::{LanguageModel, Logits};
use crate::sampler::{Sampler, Sampling};

/// A text that grows round by round. After a round that fails it is as it was before that round.
pub(super) struct Rounds<'a> {
    model: &'a LanguageModel,
    /// The prompt, and what the full model has written.
    text: Vec<u32>,
    /// Always holds the text without its last token.
    full_cache: Cache,
    /// Holds a beginning of the text: mostly without the last token, or without the last two.
    draft_cache: Cache,
    greedy: Sampler,
    statistics: SpeculationStatistics,
}

impl<'a> Rounds<'a> {
    /// Reads the prompt with both, and chooses the first token behind it.
    ///
    /// # Errors
    /// As [`LanguageModel::forward`].
    pub(super) fn new(
        model: &'a LanguageModel,
        layers: &mut dyn DraftingLayers,
        prompt: &[u32],
    ) -> Result<Self, LlmError> {
        let mut draft_cache = Cache::new(model.config());
        layers.use_draft(true);
        let read_by_draft = read_prompt(model, layers, &mut draft_cache, prompt);
        layers.use_draft(false);
        read_by_draft?;
        let mut full_cache = Cache::new(model.config());
        let logits = read_prompt(model, layers, &mut full_cache, prompt)?;
        let mut greedy = Sampler::new(Sampling::GREEDY);
        let mut text = prompt.to_vec();
        text.push(greedy.choose(&logits));
        let mut statistics = SpeculationStatistics::default();
        statistics.add_prompt(prompt.len());
        Ok(Rounds {
            model,
            text,
            full_cache,
            draft_cache,
            greedy,
            statistics,
        })
    }

    /// The token behind the prompt, before any round.
    pub(super) fn first_token(&self) -> u32 {
        self.text[self.statistics.prompt_tokens as usize]
    }

    /// What was counted so far; what a failed round has read is counted too.
    pub(super) fn statistics(&self) -> SpeculationStatistics {
        self.statistics
    }

    /// Lets the draft write up to `draft_tokens` tokens ahead, and gives those that the full model writes: at least one, and at most
    /// one more than the draft has written.
    ///
    /// # Errors
    /// As [`LanguageModel::forward`]; `layers` is at the full resolution then, too.
    pub(super) fn round(&mut self, layers: &mut dyn DraftingLayers, draft_tokens: usize) -> Result<&[u32], LlmError> {
        let known_to_draft = self.draft_cache.tokens();
        layers.use_draft(true);
        let drafted = self.write_ahead(layers, draft_tokens);
        layers.use_draft(false);
        let chosen = drafted.and_then(|drafted| self.decide(layers, &drafted));
        if chosen.is_err() {
            self.draft_cache.truncate(known_to_draft);
        }
        let before = self.text.len();
        self.text.extend(chosen?);
        let read = self.text.len() - 1;
        self.full_cache.truncate(read);
        self.draft_cache.truncate(read);
        Ok(&self.text[before..])
    }

    /// The tokens that the draft writes behind the text.
    fn write_ahead(&mut self, layers: &mut dyn DraftingLayers, draft_tokens: usize) -> Result<Vec<u32>, LlmError> {
        let mut drafted = Vec::new();
        let mut unread = self.text[self.draft_cache.tokens()..].to_vec();
        while drafted.len() < draft_tokens {
            let logits = self
                .model
                .forward(layers, &mut self.draft_cache, &unread, Logits::Last)?;
            self.statistics.add_draft_pass(unread.len());
            let token = self.greedy.choose(&logits);
            // Nothing comes behind the end, so nobody has to read it; the full model says itself whether it is there.
            if self.model.config().end_tokens.contains(&token) {
                break;
            }
            drafted.push(token);
            unread = vec![token];
        }
        Ok(drafted)
    }

    /// The tokens that the full model writes: the drafted ones up to the first with which it does not agree, then its own.
    fn decide(&mut self, layers: &mut dyn DraftingLayers, drafted: &[u32]) -> Result<Vec<u32>, LlmError> {
        let mut unread = self.text[self.full_cache.tokens()..].to_vec();
        unread.extend(drafted);
        let logits = self.model.forward(layers, &mut self.full_cache, &unread, Logits::All)?;
        let rows = logits.chunks(self.model.config().vocabulary);
        let mut chosen: Vec<u32> = rows.map(|logits| self.greedy.choose(logits)).collect();
        let pairs = drafted.iter().zip(&chosen);
        let accepted = pairs.take_while(|(drafted, chosen)| drafted == chosen).count();
        chosen.truncate(accepted + 1);
        self.statistics.add_round(drafted.len(), accepted);
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{GoldenMachine, IntegerLayers};
    use crate::linear::{Linear, LinearLayers};
    use crate::package::Package;
    use crate::speculate::DraftAndFull;

    /// The uncompressed model in the host's arithmetic, in which tokens read together are those read one by one; it fails at one
    /// product, once.
    struct FailsOnce {
        layers: IntegerLayers<GoldenMachine>,
        products_before: Option<usize>,
    }

    impl FailsOnce {
        fn new(package: &Package, products_before: Option<usize>) -> Self {
            let machine = GoldenMachine::new(Vec::new());
            FailsOnce {
                layers: IntegerLayers::new(&package.language, &package.model, Vec::new(), machine, 8).unwrap(),
                products_before,
            }
        }
    }

    impl LinearLayers for FailsOnce {
        fn products(&mut self, matrices: &[Linear], inputs: &[f32], tokens: usize) -> Result<Vec<Vec<f32>>, LlmError> {
            match &mut self.products_before {
                Some(0) => {
                    self.products_before = None;
                    return Err(LlmError::Text("a failure".into()));
                }
                Some(left) => *left -= 1,
                None => {}
            }
            self.layers.products(matrices, inputs, tokens)
        }
    }

    /// A round that failed, in the draft or in the full model, at any product of the forward passes, can be repeated.
    #[test]
    fn a_round_that_fails_leaves_the_text_as_it_was() {
        let package = Package::embedded().unwrap();
        let prompt = package.tokenizer.encode("KING ", true).unwrap();
        let text = |draft_fails: Option<usize>, full_fails: Option<usize>| {
            let [draft, full] = [draft_fails, full_fails].map(|fails| FailsOnce::new(&package, fails));
            let mut layers = DraftAndFull::new(draft, full);
            let mut rounds = Rounds::new(&package.language, &mut layers, &prompt).unwrap();
            let (mut text, mut failures) = (vec![rounds.first_token()], 0);
            for _ in 0..3 {
                let known = [&rounds.draft_cache, &rounds.full_cache].map(Cache::tokens);
                if let Err(error) = rounds.round(&mut layers, 3) {
                    assert_eq!(error.to_string(), "a failure");
                    assert_eq!([&rounds.draft_cache, &rounds.full_cache].map(Cache::tokens), known);
                    failures += 1;
                }
            }
            for _ in 0..failures {
                rounds.round(&mut layers, 3).unwrap();
            }
            text.extend(&rounds.text[prompt.len() + 1..]);
            (text, failures, rounds.statistics().accepted_tokens)
        };
        let (expected, ..) = text(None, None);
        assert_eq!(expected.len(), 13);
        // Products of a pass: four requests in each of the three layers, and the head.
        let pass = 13;
        let behind_the_prompt = prompt.len() * pass;
        for place in [0, 1, 12, 13, 20, 3 * pass - 1, 3 * pass, 5 * pass + 7, 9 * pass - 1] {
            let failed = text(Some(behind_the_prompt + place), None);
            assert_eq!(failed, (expected.clone(), 1, 9), "draft at {place}");
        }
        for place in [0, 1, 12, 13, 20, 3 * pass - 1] {
            let failed = text(None, Some(behind_the_prompt + place));
            assert_eq!(failed, (expected.clone(), 1, 9), "full model at {place}");
        }
    }
}
