//! Speculative decoding writes what plain greedy decoding writes, whatever the draft says.

#[allow(dead_code)]
mod coded;

use coded::{encode, integer};
use seedlm_llm::{
    Cache, DraftAndFull, DraftingLayers, Ending, Generated, IntegerLayers, LanguageModel, Linear, LinearLayers,
    LlmError, Logits, Package, Sampling, SoftwareMachine, SpeculationStatistics, generate, generate_speculatively,
};
use seedlm_model::CodedTensor;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::LazyLock;

/// The draft has half the bits of the full model.
static CODED: LazyLock<[Vec<CodedTensor>; 2]> = LazyLock::new(|| {
    let package = Package::embedded().unwrap();
    ["chained-2b-k12", "chained-4b-k12"].map(|code| encode(&package, code))
});

fn layers(package: &Package, coded: &[CodedTensor]) -> IntegerLayers<SoftwareMachine> {
    integer(package, coded, SoftwareMachine::new, 8)
}

fn draft(package: &Package) -> IntegerLayers<SoftwareMachine> {
    layers(package, &CODED[0])
}

fn full(package: &Package) -> IntegerLayers<SoftwareMachine> {
    layers(package, &CODED[1])
}

/// What is to be written.
#[derive(Clone, Copy)]
struct Task<'a> {
    package: &'a Package,
    /// The model, which may have other end tokens or positions than the package's.
    language: &'a LanguageModel,
    prompt: &'a str,
    count: usize,
    /// Pieces after which the reader has had enough.
    pieces: usize,
}

impl<'a> Task<'a> {
    fn new(package: &'a Package, prompt: &'a str, count: usize) -> Self {
        Task {
            package,
            language: &package.language,
            prompt,
            count,
            pieces: usize::MAX,
        }
    }

    /// What `write` gives, and the pieces in which the text came.
    fn tell<R>(&self, write: impl FnOnce(&[u32], &mut dyn FnMut(&str) -> ControlFlow<()>) -> R) -> (R, Vec<String>) {
        let prompt = self.package.tokenizer.encode(self.prompt, true).unwrap();
        let mut pieces = Vec::new();
        let result = write(&prompt, &mut |piece| {
            pieces.push(piece.to_string());
            match pieces.len() < self.pieces {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
        (result, pieces)
    }

    fn plainly(&self, linear: &mut dyn LinearLayers) -> (Generated, Vec<String>) {
        let (tokenizer, greedy) = (&self.package.tokenizer, Sampling::GREEDY);
        let (generated, pieces) = self
            .tell(|prompt, on_text| generate(self.language, linear, tokenizer, prompt, self.count, greedy, on_text));
        (generated.unwrap(), pieces)
    }

    fn try_speculatively(
        &self,
        layers: &mut dyn DraftingLayers,
        draft_tokens: usize,
    ) -> (Result<(Generated, SpeculationStatistics), LlmError>, Vec<String>) {
        let (tokenizer, draft_tokens) = (&self.package.tokenizer, NonZeroUsize::new(draft_tokens).unwrap());
        let (language, count) = (self.language, self.count);
        self.tell(|prompt, on_text| {
            generate_speculatively(language, layers, tokenizer, prompt, count, draft_tokens, on_text)
        })
    }

    /// Writes speculatively, and holds the result against what plain decoding has given.
    fn check(
        &self,
        layers: &mut dyn DraftingLayers,
        draft_tokens: usize,
        expected: &(Generated, Vec<String>),
    ) -> SpeculationStatistics {
        let (result, pieces) = self.try_speculatively(layers, draft_tokens);
        let (generated, statistics) = result.unwrap();
        assert_eq!(
            (&generated, &pieces),
            (&expected.0, &expected.1),
            "{draft_tokens} tokens ahead"
        );
        let prompt = self.package.tokenizer.encode(self.prompt, true).unwrap().len() as u64;
        assert_eq!(statistics.prompt_tokens, prompt);
        assert_eq!(statistics.full_passes, prompt + statistics.rounds);
        assert_eq!(
            statistics.full_tokens_read,
            statistics.full_passes + statistics.drafted_tokens
        );
        assert!(statistics.accepted_tokens <= statistics.drafted_tokens);
        assert!(statistics.drafted_tokens <= statistics.rounds * draft_tokens as u64);
        let mean = statistics.accepted_tokens as f64 / (statistics.rounds as f64).max(1.0);
        assert_eq!(statistics.mean_accepted_tokens, mean);
        if self.pieces == usize::MAX && self.language.config().end_tokens.is_empty() {
            // The first token comes from the prompt, each other one from a round; each drafted one costs a pass.
            let written = statistics.accepted_tokens + statistics.rounds;
            assert_eq!(written, (generated.tokens.len() as u64).saturating_sub(1));
            assert_eq!(statistics.draft_passes, prompt + statistics.drafted_tokens);
        }
        statistics
    }
}

const PROMPTS: [&str; 5] = ["KING ", "ROMEO:\nO, ", "First Citizen:\n", "the queen ", "What"];

#[test]
fn a_thousand_tokens_are_those_of_plain_decoding() {
    let package = Package::embedded().unwrap();
    let mut both = DraftAndFull::new(draft(&package), full(&package));
    let mut written = 0;
    for (prompt, draft_tokens) in PROMPTS.into_iter().zip([1, 2, 3, 5, 8]) {
        let task = Task::new(&package, prompt, 200);
        let expected = task.plainly(both.full());
        written += expected.0.tokens.len();
        let statistics = task.check(&mut both, draft_tokens, &expected);
        // A draft of half the bits is often right, and not always.
        assert!(
            (0.3..draft_tokens as f64).contains(&statistics.mean_accepted_tokens),
            "{statistics:?}"
        );
    }
    assert_eq!(written, 1000);
}

/// The base of a layered model drafts, all its layers verify.
#[test]
fn the_base_of_a_layered_model_drafts() {
    let package = Package::embedded().unwrap();
    let mut layered = layers(&package, &encode(&package, "progressive-4b-k12"));
    for (prompt, draft_tokens) in PROMPTS.into_iter().zip([4, 2]) {
        let task = Task::new(&package, prompt, 40);
        let expected = task.plainly(&mut layered);
        let statistics = task.check(&mut layered, draft_tokens, &expected);
        assert!(statistics.accepted_tokens > 0, "{statistics:?}");
    }
}

#[test]
fn a_draft_that_is_the_full_model_is_always_right() {
    let package = Package::embedded().unwrap();
    let mut both = DraftAndFull::new(full(&package), full(&package));
    let task = Task::new(&package, "KING ", 100);
    let expected = task.plainly(both.full());
    for draft_tokens in [1, 4, 7, 98, 500] {
        let statistics = task.check(&mut both, draft_tokens, &expected);
        assert_eq!(statistics.accepted_tokens, statistics.drafted_tokens);
        // 99 tokens behind the first one.
        assert_eq!(statistics.rounds, 99_u64.div_ceil(draft_tokens as u64 + 1));
        // Between two rounds there is one token that the draft has written, and not read.
        let rounds_with_draft = statistics.drafted_tokens.div_ceil(draft_tokens as u64);
        let expected_reads = 5 + statistics.drafted_tokens + rounds_with_draft - 1;
        assert_eq!(statistics.draft_tokens_read, expected_reads);
    }
}

/// The full model, with logits that something else has changed.
struct Spoiled<F> {
    layers: IntegerLayers<SoftwareMachine>,
    spoil: F,
}

impl<F: FnMut(&mut [f32])> LinearLayers for Spoiled<F> {
    fn products(&mut self, matrices: &[Linear], inputs: &[f32], tokens: usize) -> Result<Vec<Vec<f32>>, LlmError> {
        let mut products = self.layers.products(matrices, inputs, tokens)?;
        if matrices == [Linear::Head] {
            (self.spoil)(&mut products[0]);
        }
        Ok(products)
    }
}

#[test]
fn a_hostile_draft_changes_nothing() {
    let package = Package::embedded().unwrap();
    let task = Task::new(&package, "KING ", 30);
    let expected = task.plainly(&mut full(&package));
    let change: [fn(f32) -> f32; 4] = [|logit| -logit, |_| f32::NAN, |_| f32::NEG_INFINITY, |_| 0.0];
    for change in change {
        let spoil = |logits: &mut [f32]| logits.iter_mut().for_each(|logit| *logit = change(*logit));
        let layers = full(&package);
        let mut both = DraftAndFull::new(Spoiled { layers, spoil }, full(&package));
        let statistics = task.check(&mut both, 3, &expected);
        assert_eq!((statistics.accepted_tokens, statistics.rounds), (0, 29));
    }
}

/// The text cannot show what a draft remembers of tokens that were refused: it would only be right less often.
#[test]
fn a_draft_goes_on_from_the_text_after_a_wrong_token() {
    let package = Package::embedded().unwrap();
    let task = Task::new(&package, "KING ", 40);
    let expected = task.plainly(&mut full(&package));
    // Every third pass of the draft gives a wrong token.
    let is_wrong = |pass: usize| pass % 3 == 2;
    let mut passes = 0;
    let spoil = |logits: &mut [f32]| {
        if is_wrong(passes) {
            logits.iter_mut().for_each(|logit| *logit = -*logit);
        }
        passes += 1;
    };
    let layers = full(&package);
    let statistics = task.check(
        &mut DraftAndFull::new(Spoiled { layers, spoil }, full(&package)),
        4,
        &expected,
    );
    let (mut pass, mut left, mut accepted) = (5, 39, 0);
    while left > 0 {
        let drafted = 4.min(left - 1);
        let right = (pass..pass + drafted).take_while(|&pass| !is_wrong(pass)).count();
        pass += drafted;
        left -= right + 1;
        accepted += right as u64;
    }
    assert_eq!(
        (statistics.accepted_tokens, statistics.draft_passes),
        (accepted, pass as u64)
    );
    assert!(accepted < statistics.drafted_tokens);
}

/// A draft whose products have another size, as those of another model: an error, and what was written is the beginning of the
/// text.
#[test]
fn a_draft_that_fails_is_an_error_and_the_layers_stay_usable() {
    struct Fails {
        layers: IntegerLayers<SoftwareMachine>,
        good_products: usize,
    }
    impl LinearLayers for Fails {
        fn products(&mut self, matrices: &[Linear], inputs: &[f32], tokens: usize) -> Result<Vec<Vec<f32>>, LlmError> {
            let mut products = self.layers.products(matrices, inputs, tokens)?;
            match self.good_products {
                0 => drop(products[0].pop()),
                _ => self.good_products -= 1,
            }
            Ok(products)
        }
    }
    let package = Package::embedded().unwrap();
    let task = Task::new(&package, "KING ", 24);
    let expected = task.plainly(&mut full(&package));
    for good_products in [0, 30, 5 * 13 + 40, 200] {
        let fails = Fails {
            layers: draft(&package),
            good_products,
        };
        let mut both = DraftAndFull::new(fails, full(&package));
        let (result, pieces) = task.try_speculatively(&mut both, 4);
        let error = result.unwrap_err();
        assert!(error.to_string().contains("the backend gave"), "{error}");
        assert!(expected.0.text.starts_with(&pieces.concat()));
        assert_eq!(task.plainly(&mut both), expected, "the draft is still in use");
    }
}

#[test]
fn a_text_ends_where_plain_decoding_ends_it() {
    let mut package = Package::embedded().unwrap();
    let (mut plain, mut both) = (full(&package), DraftAndFull::new(draft(&package), full(&package)));
    let mut same = DraftAndFull::new(full(&package), full(&package));
    let mut endings = Vec::new();
    let mut check = |task: &Task| {
        let expected = task.plainly(&mut plain);
        for draft_tokens in [1, 5] {
            task.check(&mut both, draft_tokens, &expected);
        }
        task.check(&mut same, 5, &expected);
        endings.push(expected.0.ending);
    };
    for count in 0..9 {
        check(&Task::new(&package, "K", count));
    }
    for pieces in 1..9 {
        check(&Task {
            pieces,
            ..Task::new(&package, "K", 9)
        });
    }
    let language = |package: &Package, positions: usize, end_tokens: &[u32]| {
        let mut config = package.language.config().clone();
        config.positions = positions;
        config.end_tokens = end_tokens.into();
        LanguageModel::new(config, &package.model).unwrap()
    };
    for positions in 1..9 {
        let language = &language(&package, positions, &[]);
        check(&Task {
            language,
            ..Task::new(&package, "K", 40)
        });
    }
    // Every token of the text ends it once.
    let text = Task::new(&package, "K", 20).plainly(&mut full(&package)).0.tokens;
    for end_token in text.into_iter().collect::<BTreeSet<u32>>() {
        let language = &language(&package, 256, &[end_token]);
        check(&Task {
            language,
            ..Task::new(&package, "K", 20)
        });
    }
    for ending in [Ending::Length, Ending::Stopped, Ending::Positions, Ending::EndToken] {
        let count = endings.iter().filter(|&&other| other == ending).count();
        assert!(count >= 6, "{ending:?}: {count} of {}", endings.len());
    }
    package.language = language(&package, 4, &[]);
    for (prompt, reason) in [
        ("", "no tokens"),
        ("KING ", "the 5 tokens of the prompt are more than the 4 positions"),
    ] {
        let error = Task::new(&package, prompt, 3)
            .try_speculatively(&mut both, 2)
            .0
            .unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

/// What the identity rests on: integer products of several tokens are those of one after the other, and so is all between them.
#[test]
fn tokens_read_together_are_those_read_one_by_one() {
    let package = Package::embedded().unwrap();
    let language = &package.language;
    let text = "First Citizen:\nBefore we proceed";
    let tokens = package.tokenizer.encode(text, true).unwrap();
    for (coded, bits) in [(&CODED[0], 8), (&CODED[1], 8), (&CODED[1], 16)] {
        let mut linear = integer(&package, coded, SoftwareMachine::new, bits);
        let mut read = |together: usize| {
            let mut cache = Cache::new(language.config());
            let parts = tokens.chunks(together);
            let logits = parts.flat_map(|part| language.forward(&mut linear, &mut cache, part, Logits::All).unwrap());
            logits.map(f32::to_bits).collect::<Vec<u32>>()
        };
        let one_by_one = read(1);
        assert_eq!(one_by_one.len(), tokens.len() * 256);
        for together in [2, 5, tokens.len()] {
            assert!(read(together) == one_by_one, "{together} together, {bits} bits");
        }
    }
}
