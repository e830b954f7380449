//! The best word of each of many blocks: the sieves, and the plain search where they do not pay.

use crate::basis::SeedBasis;
use crate::candidate::Candidate;
use crate::lattice::keep_best_word;
use crate::orbit::Orbit;
use crate::quantizer::Quantizer;
use crate::rule::{CoefficientRange, keep_printed_word, keep_rounded_word};
use crate::scan::{COARSE_SLACK, Lanes, ScanTable, Scanner, Work, dispatch};
use crate::span::{GROUP, IdealWindows, SeedSpan, SpanTable};
use crate::target::Target;
use rayon::prelude::*;
use seedlm_codec::BlockCode;
use seedlm_instructions::Instructions;

/// Register lengths for which the sieves are used. Shorter registers have few seeds and windows too coarse for a bound;
/// longer ones would need gigabytes of tables.
const SIEVED_LENGTHS: std::ops::RangeInclusive<u32> = 10..=20;
/// Growth of the relative error that the scan admits, from one pass to the next.
const PASS_GROWTH: f64 = 1.7;
/// Passes of the scan before all seeds are sorted by their bound.
const PASSES: usize = 4;

/// So many groups of seeds that will be looked at are on their way from memory.
const AHEAD: usize = 8;

/// Errors are compared with bounds with this much room, relatively: far more than `f64` rounding takes.
const ROUNDING: f64 = 1e-6;

/// What limits a search besides the code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SearchRules {
    /// How exponent and coefficients are chosen.
    pub quantizer: Quantizer,
    /// Exponents are `0..=largest_exponent`.
    pub largest_exponent: u32,
}

/// Searches all seeds of a code.
pub(crate) struct SeedSearch {
    columns: usize,
    range: CoefficientRange,
    orbit: Orbit,
    sieve: Option<Sieve>,
    instructions: Instructions,
}

/// The tables of the two sieves.
struct Sieve {
    scan: ScanTable,
    span: SpanTable,
    passes: Vec<Pass>,
}

/// One pass of the scan over all seeds.
struct Pass {
    /// Words of at most this error, as a fraction of the block's squared norm, are found.
    admitted: f64,
    /// The scan's thresholds for that.
    thresholds: Vec<u32>,
}

impl SeedSearch {
    /// Makes the tables for a code. The instructions must be available.
    pub fn new(code: &BlockCode, instructions: Instructions) -> Self {
        let (smallest, largest) = code.coefficient_range();
        let orbit = Orbit::new(code, GROUP);
        SeedSearch {
            columns: code.latent_dimension(),
            range: CoefficientRange { smallest, largest },
            sieve: SIEVED_LENGTHS
                .contains(&code.lfsr().length())
                .then(|| Sieve::new(code, &orbit)),
            orbit,
            instructions,
        }
    }

    /// The same search without sieves: every seed is looked at in full.
    #[cfg(test)]
    pub fn plain(code: &BlockCode) -> Self {
        let (smallest, largest) = code.coefficient_range();
        SeedSearch {
            columns: code.latent_dimension(),
            range: CoefficientRange { smallest, largest },
            sieve: None,
            orbit: Orbit::new(code, GROUP),
            instructions: Instructions::Scalar,
        }
    }

    /// The preferred word of every target, in order.
    pub fn search(&self, targets: &[Target], rules: SearchRules) -> Vec<Candidate> {
        let mut best = vec![Candidate::zero(0.0); targets.len()];
        let pending: Vec<usize> = (0..targets.len())
            .filter(|&index| targets[index].norm() > 0.0)
            .collect();
        // Most words other than zero are longer than these blocks twice over: the scan would find next to nothing.
        let is_short = |index: &usize| targets[*index].norm() < self.orbit.centre();
        let (mut unsolved, pending): (Vec<usize>, Vec<usize>) = pending
            .into_iter()
            .partition(|index| self.sieve.is_none() || is_short(index));
        if let Some(sieve) = &self.sieve {
            unsolved.extend(dispatch(
                self.instructions,
                SievedSearch {
                    search: self,
                    sieve,
                    targets,
                    rules,
                    pending,
                    best: &mut best,
                },
            ));
        }
        for index in unsolved {
            // All seeds, best bound first where there is one.
            let target = &targets[index];
            // A word `A x` is `|A x| - |t|` away from `t` at least: where that exceeds `|t|`, a zero word is nearer.
            let reach = match rules.quantizer {
                Quantizer::Exact => 2.0 * target.norm() * (1.0 + ROUNDING),
                Quantizer::Printed | Quantizer::Rounded => f64::INFINITY,
            };
            let candidates = match &self.sieve {
                Some(sieve) => sieve.all_candidates(&self.sieved_block(target, rules), reach),
                None => (0..self.orbit.seeds as u32).map(|position| (0.0, position)).collect(),
            };
            best[index] = match rules.quantizer {
                // Every seed has a zero word; this is the preferred one of them.
                Quantizer::Exact => Candidate::zero(target.canonical_error(std::iter::repeat(0))),
                Quantizer::Printed | Quantizer::Rounded => Candidate::none_below(f64::INFINITY),
            };
            self.keep_best_of(&candidates, target, rules, &mut best[index]);
        }
        best
    }

    fn sieved_block(&self, target: &Target, rules: SearchRules) -> SievedBlock {
        let norm = target.norm();
        let direction = target.values().iter().map(|value| (value / norm) as f32).collect();
        // |d x| <= sqrt(C) |x|_1, see `span`.
        let coefficients = self.columns as f64 * f64::from(-self.range.smallest);
        let largest = coefficients * f64::from(1_u32 << rules.largest_exponent);
        SievedBlock {
            direction,
            range_slack: (target.values().len() as f64).sqrt() * largest / norm,
        }
    }

    /// Looks at candidates (bound, position) in ascending order until the bound exceeds the best error.
    #[inline(always)]
    fn keep_best_of(
        &self,
        candidates: &[(f64, u32)],
        target: &Target,
        rules: SearchRules,
        best: &mut Candidate,
    ) {
        let squared_norm = target.norm() * target.norm();
        let has_bound = best.error < squared_norm;
        if let (Quantizer::Exact, false, Some(&(_, first))) = (rules.quantizer, has_bound, candidates.first()) {
            // Any word will do to begin with: an enumeration without a tight bound is slow.
            let rules = SearchRules {
                quantizer: Quantizer::Rounded,
                ..rules
            };
            self.keep_best_of_seed(first as usize, target, rules, best);
        }
        for &(bound, position) in candidates {
            if bound * squared_norm > best.error * (1.0 + ROUNDING) {
                break;
            }
            self.keep_best_of_seed(position as usize, target, rules, best);
        }
    }

    #[inline(always)]
    fn keep_best_of_seed(
        &self,
        position: usize,
        target: &Target,
        rules: SearchRules,
        best: &mut Candidate,
    ) {
        let (seed, matrix) = (self.orbit.seed(position), self.orbit.matrix(position));
        let basis = SeedBasis::new(seed, matrix, self.columns, target);
        match rules.quantizer {
            Quantizer::Exact => keep_best_word(&basis, self.range, rules.largest_exponent, best),
            Quantizer::Rounded => keep_rounded_word(&basis, self.range, rules.largest_exponent, best),
            Quantizer::Printed => keep_printed_word(&basis, self.range, rules.largest_exponent, best),
        }
    }
}

/// Solves the blocks that have a word of small error; the others are the output.
struct SievedSearch<'a> {
    search: &'a SeedSearch,
    sieve: &'a Sieve,
    targets: &'a [Target],
    rules: SearchRules,
    pending: Vec<usize>,
    best: &'a mut [Candidate],
}

impl Work for SievedSearch<'_> {
    type Output = Vec<usize>;

    #[inline(always)]
    fn run<V: Lanes>(self) -> Vec<usize> {
        let SievedSearch { search, sieve, targets, rules, mut pending, best } = self;
        let blocks: Vec<SievedBlock> = targets.iter().map(|target| search.sieved_block(target, rules)).collect();
        let mut scanner = Scanner::<V>::new(&sieve.scan);
        let mut hits = Vec::new();
        let mut candidates: Vec<Candidates> = vec![Vec::new(); V::COUNT];
        for pass in &sieve.passes {
            let admitted = pass.admitted * (1.0 + ROUNDING);
            let mut unsolved = Vec::new();
            for batch in pending.chunks(V::COUNT) {
                let directions: Vec<&[f32]> = batch.iter().map(|&index| &blocks[index].direction[..]).collect();
                candidates.iter_mut().for_each(Vec::clear);
                let used = u32::MAX >> (32 - batch.len());
                // Group by group: all lanes share what is known of a group.
                let groups = scanner.scan(&pass.thresholds, &directions).iter().enumerate();
                hits.clear();
                hits.extend(groups.filter_map(|(group, lanes)| (lanes & used != 0).then_some((group, lanes & used))));
                for (number, &(group, mut lanes)) in hits.iter().enumerate() {
                    if let Some(&(later, _)) = hits.get(number + AHEAD) {
                        sieve.span.prefetch::<V>(later);
                    }
                    while lanes != 0 {
                        let lane = lanes.trailing_zeros() as usize;
                        lanes &= lanes - 1;
                        sieve.look_at::<V>(group, &blocks[batch[lane]], admitted, &mut candidates[lane]);
                    }
                }
                for (&index, candidates) in batch.iter().zip(&mut candidates) {
                    sieve.look_at_coarse::<V>(&blocks[index], admitted, candidates);
                    sort(candidates);
                    // All words of at most this error belong to candidates: the first found is as good as any bound.
                    let squared_norm = targets[index].norm() * targets[index].norm();
                    best[index] = Candidate::none_below(pass.admitted * squared_norm);
                    search.keep_best_of(candidates, &targets[index], rules, &mut best[index]);
                    if !best[index].is_word() {
                        unsolved.push(index);
                    }
                }
            }
            pending = unsolved;
        }
        pending
    }
}

/// A block as the sieves see it.
struct SievedBlock {
    /// The target over its norm.
    direction: Vec<f32>,
    /// Bound on `|d x| / |t|` by the code's range; see `span`.
    range_slack: f64,
}

impl Sieve {
    fn new(code: &BlockCode, orbit: &Orbit) -> Self {
        /// Seeds orthogonalised at a time, in parallel.
        const CHUNK: usize = 4096;
        let positions = orbit.seeds.next_multiple_of(GROUP);
        let windows = IdealWindows::new(code, orbit, positions);
        let mut scan = ScanTable::new(code, orbit, positions);
        let mut span = SpanTable::new(&windows);
        for start in (0..positions).step_by(CHUNK) {
            let end = positions.min(start + CHUNK);
            let spans: Vec<SeedSpan> = (start..end)
                .into_par_iter()
                .map(|position| windows.span(position))
                .collect();
            spans.iter().for_each(|seed| scan.push(seed));
            spans.chunks_exact(GROUP).for_each(|group| span.push(group));
        }
        // About the 95 % quantile of the final error of Gaussian blocks (0.023 and 0.068 at the presets); it decides how
        // much work is done, never what comes out.
        let first = (5.2 * 4_f64.powf(-code.bits_per_weight())).clamp(1e-4, 0.15);
        let passes = (0..PASSES)
            .map(|pass| (first * PASS_GROWTH.powi(pass as i32)).min(0.5))
            .map(|admitted| Pass {
                admitted,
                thresholds: scan.thresholds(admitted * (1.0 + ROUNDING)),
            })
            .collect();
        Sieve { scan, span, passes }
    }

    /// All seeds that may have a word of at most the length `reach`, as (bound, position), ascending.
    fn all_candidates(&self, block: &SievedBlock, reach: f64) -> Candidates {
        let in_reach = |position: usize| self.span.shortest(position) <= reach;
        let mut candidates = Vec::new();
        for group in 0..self.span.groups() {
            if (group * GROUP..).take(GROUP).any(in_reach) {
                self.look_at::<[i16; 32]>(group, block, f64::INFINITY, &mut candidates);
            }
        }
        candidates.retain(|&(_, position)| in_reach(position as usize));
        sort(&mut candidates);
        candidates
    }

    /// Adds the seeds of a group with a bound of at most `admitted` as (bound, position).
    #[inline(always)]
    fn look_at<V: Lanes>(&self, group: usize, block: &SievedBlock, admitted: f64, candidates: &mut Candidates) {
        let mut seeds = self.span.candidates::<V::Floats>(group, &block.direction, block.range_slack, admitted);
        while let Some((position, bound)) = seeds.next() {
            if position < self.scan.seeds() {
                candidates.push((bound, position as u32));
            }
        }
    }

    /// Adds the seeds about which the scan says nothing, for blocks for which that matters.
    #[inline(always)]
    fn look_at_coarse<V: Lanes>(&self, block: &SievedBlock, admitted: f64, candidates: &mut Candidates) {
        if block.range_slack > COARSE_SLACK {
            let groups = self.scan.coarse_seeds().iter().map(|position| *position as usize / GROUP);
            let mut last = usize::MAX;
            for group in groups.filter(|&group| std::mem::replace(&mut last, group) != group) {
                self.look_at::<V>(group, block, admitted, candidates);
            }
        }
    }
}

/// Seeds with their bounds: (bound, position).
type Candidates = Vec<(f64, u32)>;

/// Ascending, each once.
fn sort(candidates: &mut Candidates) {
    candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    candidates.dedup_by_key(|candidate| candidate.1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal, StudentT};

    /// Blocks in units of which 1 is typical.
    fn blocks(size: usize) -> Vec<Vec<f32>> {
        let random = || ChaCha8Rng::seed_from_u64(20);
        let normal: Vec<f32> = StandardNormal.sample_iter(random()).take(6 * size).collect();
        let heavy: Vec<f32> = StudentT::new(2.5_f32)
            .unwrap()
            .sample_iter(random())
            .take(6 * size)
            .collect();
        let mut blocks: Vec<Vec<f32>> = normal
            .chunks(size)
            .chain(heavy.chunks(size))
            .map(<[f32]>::to_vec)
            .collect();
        for power in [-3, -6, -9, -12, -14, -17] {
            blocks.push(normal[..size].iter().map(|weight| weight * 2_f32.powi(power)).collect());
        }
        blocks.push(vec![1.0; size]);
        blocks.push((0..size).map(|c| if c % 2 == 0 { 1.0 } else { -1.0 }).collect());
        blocks.push((0..size).map(|c| if c == 2 { 1.5 } else { 0.0 }).collect());
        blocks.push((0..size).map(|c| if c == 2 { 30.0 } else { 0.0 }).collect());
        blocks
    }

    /// The reference looks at every seed by itself, in `f64`, without recursion, tables, bounds or fixed point.
    fn check(name: &str, quantizer: Quantizer) {
        let code = BlockCode::preset(name).unwrap();
        let plain = SeedSearch::plain(&code);
        let rules = SearchRules {
            quantizer,
            largest_exponent: code.largest_exponent(),
        };
        let step = crate::scale::step_at(&code, -12);
        let targets: Vec<Target> = blocks(code.block_size())
            .iter()
            .map(|block| Target::new(block, code.block_size(), step))
            .collect();
        let expected: Vec<Candidate> = targets
            .par_iter()
            .map(|target| plain.search(std::slice::from_ref(target), rules)[0])
            .collect();
        for instructions in Instructions::available() {
            let found = SeedSearch::new(&code, instructions).search(&targets, rules);
            for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert_eq!(found, expected, "{name}, {quantizer}, {instructions}, block {index}");
            }
        }
    }

    #[test]
    fn the_sieved_search_is_the_plain_one_at_the_presets() {
        for name in BlockCode::PRESETS {
            for quantizer in Quantizer::ALL {
                check(name, quantizer);
            }
        }
    }

    #[test]
    fn all_seeds_of_the_presets_have_a_threshold() {
        for name in BlockCode::PRESETS {
            let search = SeedSearch::new(&BlockCode::preset(name).unwrap(), Instructions::Scalar);
            let sieve = search.sieve.unwrap();
            let thresholds = &sieve.passes[0].thresholds;
            // Only a threshold above 0 sieves anything out.
            let blind = thresholds.iter().filter(|&&threshold| threshold as i16 <= 0).count();
            assert!(blind <= 4, "{name}: {blind}");
            // Seeds with dependent sign vectors, and nothing else.
            let coarse = sieve.scan.coarse_seeds().len();
            assert_eq!(coarse, if name == "paper-4b" { 511 } else { 93 }, "{name}");
        }
    }
}
