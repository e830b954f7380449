//! The search of blocks whose errors are counted in a metric.
//!
//! The first sieve counts on sign vectors of one length, which a metric does not leave them. So the second one, with triangles made
//! for the metric, looks at all seeds; a metric serves the blocks of as many rows as a matrix has.

use super::{
    Candidates, ROUNDING, SIEVED_LENGTHS, SearchRules, SeedSearch, SievedBlock, admitted_errors, orthogonalise,
};
use crate::candidate::Candidate;
use crate::metric::ErrorMetric;
use crate::scan::{Lanes, Work, dispatch};
use crate::span::{GROUP, IdealWindows, SpanTable};
use crate::target::Target;
use seedlm_codec::BlockCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Blocks that are held against a group of seeds while it is at hand.
const BATCH: usize = 16;
/// Errors below the first of [`admitted_errors`] that are admitted before it, each this much smaller than the next one: where few
/// directions count, errors are small, and what the usual ones admit is a good part of all seeds.
const SMALLER_ERRORS: i32 = 4;
const SMALLER: f64 = 3.0;

/// Searches all seeds of a code for blocks of one metric.
pub(crate) struct WeightedSearch<'a> {
    search: &'a SeedSearch,
    metric: Arc<ErrorMetric>,
    /// The spans of the seeds as the metric sees them, where the code has a table of them.
    span: Option<SpanTable>,
    /// The errors that are admitted, one after the other, ascending.
    admitted: Vec<f64>,
    /// Number of the error that is admitted first: with that the last blocks have mostly been solved. It decides how much work is
    /// done, never what comes out.
    first: AtomicUsize,
}

impl<'a> WeightedSearch<'a> {
    /// Makes the table for a metric, which is for blocks of the code that the search is made for.
    pub fn new(search: &'a SeedSearch, code: &BlockCode, metric: ErrorMetric) -> Self {
        let span = SIEVED_LENGTHS.contains(&code.lfsr().length()).then(|| {
            let positions = search.orbit.seeds.next_multiple_of(GROUP);
            let windows = IdealWindows::new(code, &search.orbit, positions);
            let mut span = SpanTable::new(&windows, search.orbit.seeds);
            orthogonalise(&windows, positions, Some(&metric), |spans| {
                spans.chunks_exact(GROUP).for_each(|group| span.push(group));
            });
            span
        });
        WeightedSearch {
            search,
            metric: Arc::new(metric),
            span,
            admitted: (1..=SMALLER_ERRORS)
                .rev()
                .map(|step| admitted_errors(code)[0] / SMALLER.powi(step))
                .chain(admitted_errors(code))
                .collect(),
            first: AtomicUsize::new(0),
        }
    }

    /// The same search without a table: every seed is looked at in full.
    #[cfg(test)]
    pub fn plain(search: &'a SeedSearch, code: &BlockCode, metric: ErrorMetric) -> Self {
        let mut weighted = WeightedSearch::new(search, code, metric);
        weighted.span = None;
        weighted
    }

    /// The preferred word of every target, in order; errors are counted in the metric.
    pub fn search(&self, targets: Vec<Target>, rules: SearchRules) -> Vec<Candidate> {
        let targets: Vec<Target> = targets
            .into_iter()
            .map(|target| target.with_metric(&self.metric))
            .collect();
        let mut best = vec![Candidate::zero(0.0); targets.len()];
        let pending: Vec<usize> = (0..targets.len())
            .filter(|&index| targets[index].norm() > 0.0)
            .collect();
        let unsolved = match &self.span {
            None => pending,
            Some(span) => dispatch(
                self.search.instructions,
                WeightedWork {
                    weighted: self,
                    span,
                    targets: &targets,
                    rules,
                    pending,
                    best: &mut best,
                },
            ),
        };
        for index in unsolved {
            best[index] = self.search.best_of_all(&targets[index], rules, self.span.as_ref());
        }
        best
    }
}

/// Solves the blocks that have a word of small error; the others are the output.
struct WeightedWork<'a> {
    weighted: &'a WeightedSearch<'a>,
    span: &'a SpanTable,
    targets: &'a [Target],
    rules: SearchRules,
    pending: Vec<usize>,
    best: &'a mut [Candidate],
}

impl Work for WeightedWork<'_> {
    type Output = Vec<usize>;

    #[inline(always)]
    fn run<V: Lanes>(self) -> Vec<usize> {
        let search = self.weighted.search;
        let blocks: Vec<SievedBlock> = self
            .targets
            .iter()
            .map(|target| search.sieved_block(target, self.rules))
            .collect();
        let (first, errors) = (&self.weighted.first, &self.weighted.admitted);
        let mut candidates: Vec<Candidates> = vec![Vec::new(); BATCH];
        let mut unsolved = Vec::new();
        for batch in self.pending.chunks(BATCH) {
            let mut pending = batch.to_vec();
            for number in first.load(Ordering::Relaxed)..errors.len() {
                let admitted = errors[number] * (1.0 + ROUNDING);
                candidates.iter_mut().for_each(Vec::clear);
                for group in 0..self.span.groups() {
                    for (&index, candidates) in pending.iter().zip(&mut candidates) {
                        self.span.look_at::<V>(group, &blocks[index], admitted, candidates);
                    }
                }
                let mut all = candidates.iter_mut();
                pending.retain(|&index| {
                    let candidates = all.next().expect("one for each");
                    let target = &self.targets[index];
                    super::sort(candidates);
                    // All words of at most this error belong to candidates: the first found is as good as any bound.
                    let mut best = Candidate::none_below(errors[number] * target.norm() * target.norm());
                    search.keep_best_of::<V>(candidates.drain(..), target, self.rules, &mut best);
                    if best.is_word() {
                        self.best[index] = best;
                    }
                    !best.is_word()
                });
                if 2 * pending.len() > batch.len() {
                    first.store((number + 1).min(errors.len() - 1), Ordering::Relaxed);
                }
                if pending.is_empty() {
                    break;
                }
            }
            unsolved.extend(pending);
        }
        unsolved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantizer::Quantizer;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal, StudentT};
    use rayon::prelude::*;
    use seedlm_codec::{BlockCodeFields, Lfsr};
    use seedlm_instructions::Instructions;

    /// Metrics of inputs that hang together a little and much.
    fn metrics(size: usize) -> Vec<ErrorMetric> {
        let mut random = ChaCha8Rng::seed_from_u64(31);
        let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
        let mut moments = |share: f64, spread: f64| -> Vec<f64> {
            let mut sums = vec![0.0; size * size];
            for _ in 0..4 * size {
                let common = normal();
                let input: Vec<f64> = (0..size)
                    .map(|n| (share * common + (1.0 - share) * normal()) * spread.powi(n as i32))
                    .collect();
                for row in 0..size {
                    for column in 0..size {
                        sums[row * size + column] += input[row] * input[column];
                    }
                }
            }
            sums
        };
        let all = [
            moments(0.0, 1.0),
            moments(0.5, 1.3),
            moments(0.9, 0.9),
            moments(0.999, 1.0),
        ];
        all.iter()
            .map(|moments| ErrorMetric::new(moments, size, size).unwrap())
            .collect()
    }

    fn targets(code: &BlockCode, count: usize) -> Vec<Target> {
        let (size, step) = (code.block_size(), crate::scale::step_at(code, -12));
        let mut random = ChaCha8Rng::seed_from_u64(32);
        let mut values: Vec<f32> = StandardNormal.sample_iter(&mut random).take(count * size).collect();
        values.extend(
            StudentT::new(2.5_f32)
                .unwrap()
                .sample_iter(&mut random)
                .take(count * size),
        );
        // Small ones, one weight alone, all alike, and nothing.
        let small: Vec<f32> = values[..count * size].iter().map(|value| value * 1e-3).collect();
        values.extend(small);
        values.extend((0..size).map(|c| if c == size / 2 { 3.0 } else { 0.0 }));
        values.extend(vec![1.0; size]);
        values.extend(vec![0.0; size]);
        values
            .chunks(size)
            .map(|block| Target::new(block, size, step))
            .collect()
    }

    /// The reference looks at every seed by itself, in `f64`.
    fn check(code: &BlockCode, quantizer: Quantizer, metric: &ErrorMetric, targets: &[Target]) {
        let plain = SeedSearch::plain(code);
        let rules = SearchRules {
            quantizer,
            largest_exponent: code.largest_exponent(),
        };
        let reference = WeightedSearch::plain(&plain, code, metric.clone());
        let expected: Vec<Candidate> = targets
            .par_iter()
            .flat_map_iter(|target| reference.search(vec![target.clone()], rules))
            .collect();
        for instructions in Instructions::available() {
            let search = SeedSearch::new(code, instructions);
            let found = WeightedSearch::new(&search, code, metric.clone()).search(targets.to_vec(), rules);
            for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let label = code.label();
                assert_eq!(found, expected, "{label}, {quantizer}, {instructions}, block {index}");
            }
        }
    }

    #[test]
    fn the_weighted_search_is_the_plain_one_at_the_presets() {
        for name in BlockCode::PRESETS {
            let code = BlockCode::preset(name).unwrap();
            let metric = &metrics(code.block_size())[0];
            check(&code, Quantizer::Exact, metric, &targets(&code, 1)[..3]);
        }
    }

    #[test]
    fn the_weighted_search_is_the_plain_one_for_all_shapes() {
        for (block_size, latent_dimension, length) in [(5, 1, 10), (8, 3, 10), (7, 2, 10), (12, 4, 10), (8, 3, 7)] {
            let fields = BlockCodeFields {
                block_size,
                latent_dimension,
                coefficient_bits: 2,
                exponent_bits: 3,
                lfsr: Lfsr::paper(length).unwrap(),
            };
            let code = BlockCode::new(fields).unwrap();
            for metric in metrics(code.block_size()) {
                for quantizer in Quantizer::ALL {
                    check(&code, quantizer, &metric, &targets(&code, 2));
                }
            }
        }
    }

    /// Where all errors count alike, the words are those of the search without a metric.
    #[test]
    fn a_metric_of_equal_weights_changes_nothing() {
        let code = BlockCode::preset("paper-4b").unwrap();
        let unit: Vec<f64> = (0..64).map(|index| f64::from(u8::from(index % 9 == 0))).collect();
        let search = SeedSearch::new(&code, Instructions::choose().unwrap());
        let metric = ErrorMetric::new(&unit, 8, 8).unwrap();
        let rules = SearchRules {
            quantizer: Quantizer::Exact,
            largest_exponent: code.largest_exponent(),
        };
        let targets = targets(&code, 20);
        let expected = search.search(&targets, rules, None);
        let found = WeightedSearch::new(&search, &code, metric).search(targets, rules);
        for (found, expected) in found.iter().zip(&expected) {
            let word = |candidate: &Candidate| candidate.word(&code);
            assert_eq!(word(found), word(expected));
        }
    }
}
