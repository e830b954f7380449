//! The best word of each of many blocks: the sieves, and the plain search where they do not pay.

use crate::candidate::Candidate;
use crate::metric::ErrorMetric;
use crate::orbit::Orbit;
use crate::prefetch::fetched;
use crate::quantizer::Quantizer;
use crate::rule::CoefficientRange;
use crate::scan::{COARSE_SLACK, Lanes, ListedSeeds, ScanTable, dispatch, lanes};
use crate::sorted::{Branch, LEAST_BLOCKS, LEAST_BRANCHES};
use crate::span::{GROUP, IdealWindows, SeedSpan, SingleSeeds, SpanTable};
use crate::target::{Target, Weights};
use rayon::prelude::*;
use refine::Refine;
use seedlm_codec::BlockCode;
use seedlm_instructions::Instructions;
use sieved::SievedSearch;

mod branches;
mod lists;
mod looks;
mod refine;
mod sieved;
mod weighted;

pub(crate) use weighted::WeightedSearch;

/// Register lengths for which the sieves are used. Shorter registers have few seeds and windows too coarse for a bound;
/// longer ones would need gigabytes of tables.
const SIEVED_LENGTHS: std::ops::RangeInclusive<u32> = 10..=20;
/// Growth of the relative error that the scan admits, from one pass to the next.
const PASS_GROWTH: f64 = 1.7;
/// Passes of the scan before all seeds are sorted by their bound.
const PASSES: usize = 4;

/// Errors are compared with bounds with this much room, relatively: far more than `f64` rounding takes.
const ROUNDING: f64 = 1e-6;

/// An error, with room for rounding.
#[inline(always)]
fn with_room(error: f64) -> f64 {
    error * (1.0 + ROUNDING)
}

/// The largest error that a pass admits, as a fraction of the block's squared norm: words of at most that are found in it.
///
/// The first is between the 95 % quantile of the final error of Gaussian blocks (0.023 and 0.068 at the presets) and the 99 % one (0.028
/// and 0.078): candidates become many above, further passes below. It decides how much work is done, never what comes out.
fn admitted_errors(code: &BlockCode) -> [f64; PASSES] {
    let first = (2.3 * 3.1_f64.powf(-code.bits_per_weight())).clamp(1e-4, 0.15);
    std::array::from_fn(|pass| (first * PASS_GROWTH.powi(pass as i32)).min(0.5))
}

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
    pub instructions: Instructions,
}

/// The tables of the two sieves.
struct Sieve {
    scan: ScanTable,
    span: SpanTable,
    passes: Vec<Pass>,
    /// What the first pass needs of seeds in lists, where the code's blocks are searched in leaves.
    listed: Option<(ListedSeeds, SingleSeeds)>,
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

    /// Whether many blocks are searched faster in leaves, and how many blocks are in a leaf then.
    pub fn leaf(&self, blocks: usize) -> Option<usize> {
        let sieve = self.sieve.as_ref()?;
        let leaf = lanes(self.instructions);
        let least = (LEAST_BLOCKS * leaf).max(LEAST_BRANCHES * rayon::current_num_threads() * leaf * leaf);
        (sieve.listed.is_some() && blocks >= least).then_some(leaf)
    }

    /// The matrices of the seeds of some words, row by row.
    pub fn matrices<'a>(&'a self, words: &[Candidate]) -> impl Iterator<Item = &'a [i32]> {
        let matrix = |word: &Candidate| self.orbit.matrix(self.orbit.position(word.seed));
        fetched(words.iter().map(matrix).collect())
    }

    /// The preferred word of every target, in order. With `branches`, targets come in branches of leaves of [`Self::leaf`], the last
    /// of which may be short, and those have the balls that hold their directions or the opposite ones.
    pub fn search(&self, targets: &[Target], rules: SearchRules, branches: Option<&[Branch]>) -> Vec<Candidate> {
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
                    branches,
                    best: &mut best,
                    looks: Vec::new(),
                },
            ));
        }
        let span = self.sieve.as_ref().map(|sieve| &sieve.span);
        for index in unsolved {
            best[index] = self.best_of_all(&targets[index], rules, span);
        }
        best
    }

    /// The preferred word of a target: all seeds, best bound first where there is a table of their spans.
    fn best_of_all(&self, target: &Target, rules: SearchRules, span: Option<&SpanTable>) -> Candidate {
        // A word `A x` is `|A x| - |t|` away from `t` at least: where that exceeds `|t|`, a zero word is nearer.
        let reach = match rules.quantizer {
            Quantizer::Exact => 2.0 * target.norm() * (1.0 + ROUNDING),
            Quantizer::Printed | Quantizer::Rounded => f64::INFINITY,
        };
        let candidates = match span {
            Some(span) => span.all_candidates(&self.sieved_block(target, rules), reach),
            None => (0..self.orbit.seeds as u32).map(|position| (0.0, position)).collect(),
        };
        let mut best = match rules.quantizer {
            // Every seed has a zero word; this is the preferred one of them.
            Quantizer::Exact => Candidate::zero(target.canonical_error(std::iter::repeat(0.0))),
            Quantizer::Printed | Quantizer::Rounded => Candidate::none_below(f64::INFINITY),
        };
        let refine = Refine {
            search: self,
            candidates: candidates.into_iter(),
            target,
            rules,
            best: &mut best,
        };
        dispatch(self.instructions, refine);
        best
    }

    fn sieved_block(&self, target: &Target, rules: SearchRules) -> SievedBlock {
        // |d x| <= sqrt(C) |x|_1, see `span`.
        let coefficients = self.columns as f64 * f64::from(-self.range.smallest);
        let largest = coefficients * f64::from(1_u32 << rules.largest_exponent);
        SievedBlock {
            direction: target.direction(),
            range_slack: (target.size() as f64).sqrt() * largest / target.norm(),
        }
    }
}

/// A block as the sieves see it.
struct SievedBlock {
    /// [`Target::direction`].
    direction: Weights<f32>,
    /// Bound on `|d x| / |t|` by the code's range; see `span`.
    range_slack: f64,
}

impl Sieve {
    fn new(code: &BlockCode, orbit: &Orbit) -> Self {
        let positions = orbit.seeds.next_multiple_of(GROUP);
        let windows = IdealWindows::new(code, orbit, positions);
        let mut scan = ScanTable::new(code, orbit, &windows, positions);
        let mut span = SpanTable::new(&windows, orbit.seeds);
        let mut single = scan.has_lists().then(|| SingleSeeds::new(&windows));
        orthogonalise(&windows, positions, None, |spans| {
            spans.iter().for_each(|seed| scan.push(seed));
            single.iter_mut().for_each(|single| single.push(&windows, spans));
            spans.chunks_exact(GROUP).for_each(|group| span.push(group));
        });
        let admitted = admitted_errors(code);
        let passes = admitted.map(|admitted| Pass {
            admitted,
            thresholds: scan.thresholds(with_room(admitted)),
        });
        let first = with_room(admitted[0]);
        let listed = single.map(|single| {
            let (thresholds, falls) = (scan.listed_thresholds(first), scan.listed_falls(first));
            (ListedSeeds::new(&scan, &thresholds, &falls), single)
        });
        Sieve {
            scan,
            span,
            passes: passes.into(),
            listed,
        }
    }

    /// Adds the seeds about which the scan says nothing, for blocks for which that matters.
    #[inline(always)]
    fn look_at_coarse<V: Lanes>(&self, block: &SievedBlock, admitted: f64, candidates: &mut Candidates) {
        if block.range_slack > COARSE_SLACK {
            let groups = self
                .scan
                .coarse_seeds()
                .iter()
                .map(|position| *position as usize / GROUP);
            let mut last = usize::MAX;
            for group in groups.filter(|&group| std::mem::replace(&mut last, group) != group) {
                self.span.look_at::<V>(group, block, admitted, candidates);
            }
        }
    }
}

/// The spans of all seeds, some at a time, in the order of their positions.
fn orthogonalise(
    windows: &IdealWindows,
    positions: usize,
    metric: Option<&ErrorMetric>,
    mut each: impl FnMut(&[SeedSpan]),
) {
    /// Seeds orthogonalised at a time, in parallel.
    const CHUNK: usize = 4096;
    for start in (0..positions).step_by(CHUNK) {
        let chunk = (start..positions.min(start + CHUNK)).into_par_iter();
        let spans: Vec<SeedSpan> = chunk.map(|position| windows.span(position, metric)).collect();
        each(&spans);
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
    use crate::sorted::Direction;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal, StudentT};
    use seedlm_codec::{BlockCodeFields, Lfsr};

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

    fn targets(code: &BlockCode, blocks: &[Vec<f32>]) -> Vec<Target> {
        let step = crate::scale::step_at(code, -12);
        let blocks = blocks.iter();
        blocks
            .map(|block| Target::new(block, code.block_size(), step))
            .collect()
    }

    fn rules(code: &BlockCode, quantizer: Quantizer) -> SearchRules {
        SearchRules {
            quantizer,
            largest_exponent: code.largest_exponent(),
        }
    }

    /// The reference looks at every seed by itself, in `f64`, without recursion, tables, bounds or fixed point.
    fn check(code: &BlockCode, quantizer: Quantizer) {
        let plain = SeedSearch::plain(code);
        let (targets, rules) = (targets(code, &blocks(code.block_size())), rules(code, quantizer));
        let expected: Vec<Candidate> = targets
            .par_iter()
            .map(|target| plain.search(std::slice::from_ref(target), rules, None)[0])
            .collect();
        for instructions in Instructions::available() {
            let found = SeedSearch::new(code, instructions).search(&targets, rules, None);
            for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert_eq!(
                    found,
                    expected,
                    "{}, {quantizer}, {instructions}, block {index}",
                    code.label()
                );
            }
        }
    }

    #[test]
    fn the_sieved_search_is_the_plain_one_at_the_presets() {
        for name in BlockCode::PRESETS {
            for quantizer in Quantizer::ALL {
                check(&BlockCode::preset(name).unwrap(), quantizer);
            }
        }
    }

    /// All numbers of columns, one part of a block and many.
    #[test]
    fn the_sieved_search_is_the_plain_one_for_all_shapes() {
        for (block_size, latent_dimension, coefficient_bits) in [
            (5, 1, 4),
            (64, 1, 4),
            (7, 2, 4),
            (25, 3, 3),
            (16, 4, 3),
            (32, 5, 2),
            (40, 6, 2),
            (21, 7, 2),
            (64, 8, 2),
        ] {
            let fields = BlockCodeFields {
                block_size,
                latent_dimension,
                coefficient_bits,
                exponent_bits: 3,
                lfsr: Lfsr::paper(10).unwrap(),
            };
            for quantizer in Quantizer::ALL {
                check(&BlockCode::new(fields.clone()).unwrap(), quantizer);
            }
        }
    }

    /// Blocks of five distributions, and awkward ones.
    fn many_blocks(size: usize, each: usize) -> Vec<Vec<f32>> {
        let mut random = ChaCha8Rng::seed_from_u64(21);
        let mut values: Vec<f32> = StandardNormal.sample_iter(&mut random).take(each * size).collect();
        for freedom in [2.5, 4.0] {
            values.extend(
                StudentT::<f32>::new(freedom)
                    .unwrap()
                    .sample_iter(&mut random)
                    .take(each * size),
            );
        }
        let uniform = rand_distr::Uniform::new(-1.0_f32, 1.0).unwrap();
        values.extend(uniform.sample_iter(&mut random).take(each * size));
        // Normal, and ten powers of two apart.
        let normal: Vec<f32> = StandardNormal.sample_iter(&mut random).take(each * size).collect();
        values.extend(
            normal
                .iter()
                .enumerate()
                .map(|(index, weight)| weight * 2_f32.powi(-((index / size % 10) as i32))),
        );
        let mut all: Vec<Vec<f32>> = values.chunks(size).map(<[f32]>::to_vec).collect();
        all.extend(blocks(size));
        all.push(vec![0.0; size]);
        all
    }

    /// Every instruction set, sorted and unsorted, in large jobs and small ones.
    fn check_identity(code: &BlockCode, each: usize) {
        check_identity_of(&Instructions::available(), code, each);
    }

    fn check_identity_of(sets: &[Instructions], code: &BlockCode, each: usize) {
        let name = code.label();
        let blocks = many_blocks(code.block_size(), each);
        let (targets, rules) = (targets(code, &blocks), rules(code, Quantizer::Exact));
        let mut expected: Option<Vec<Candidate>> = None;
        for &instructions in sets {
            let search = SeedSearch::new(code, instructions);
            for job in [1024, 37] {
                // Small jobs fill few lanes: some will do.
                let count = if job == 37 { targets.len() / 8 } else { targets.len() };
                let jobs = targets[..count].par_chunks(job);
                let found: Vec<Candidate> = jobs
                    .flat_map_iter(|targets| search.search(targets, rules, None))
                    .collect();
                let expected = expected.get_or_insert_with(|| found.clone());
                let same = found
                    .iter()
                    .zip(expected.iter())
                    .position(|(found, expected)| found != expected);
                assert_eq!(same, None, "{name}, {instructions}, jobs of {job}");
            }
            let leaf = search.leaf(usize::MAX);
            let is_sorted = code.block_size() <= crate::sorted::MOST_WEIGHTS && code.latent_dimension() <= 4;
            assert_eq!(leaf.is_some(), is_sorted, "{name}, {instructions}");
            let Some(leaf) = leaf else {
                continue;
            };
            let mut directions: Vec<Direction> = blocks
                .iter()
                .enumerate()
                .map(|(index, block)| Direction::new(index as u32, block))
                .collect();
            crate::sorted::sort(&mut directions, instructions);
            let branches = crate::sorted::branches(&directions, instructions);
            let expected = expected.as_ref().expect("found above");
            // One branch at a time, some, or many with what is kept from one to the next.
            for job in [1, leaf, 3 * leaf] {
                branches.par_chunks(job).for_each(|branches| {
                    let indices: Vec<usize> = branches.iter().flat_map(|branch| branch.blocks(&directions)).collect();
                    let targets: Vec<Target> = indices.iter().map(|&index| targets[index].clone()).collect();
                    for (found, &index) in search.search(&targets, rules, Some(branches)).iter().zip(&indices) {
                        assert_eq!(
                            found, &expected[index],
                            "{name}, {instructions}, sorted, jobs of {job}, block {index}"
                        );
                    }
                });
            }
        }
    }

    #[test]
    fn words_decode_to_what_the_golden_decoder_says() {
        for name in BlockCode::PRESETS {
            let code = BlockCode::preset(name).unwrap();
            let search = SeedSearch::new(&code, Instructions::Scalar);
            let decoder = seedlm_codec::BlockDecoder::new(&code);
            let targets = targets(&code, &blocks(code.block_size()));
            for word in search.search(&targets, rules(&code, Quantizer::Exact), None) {
                let matrix = search.matrices(&[word]).next().expect("one for each");
                let integers: Vec<i64> = word.integers(matrix, code.latent_dimension()).collect();
                assert_eq!(integers, decoder.weights(&word.word(&code)), "{name}");
            }
        }
    }

    #[test]
    fn all_paths_find_the_same_words() {
        check_identity(&BlockCode::preset("paper-4b").unwrap(), 2000);
        check_identity(&BlockCode::preset("paper-3b").unwrap(), 400);
    }

    #[test]
    fn all_paths_find_the_same_words_in_all_shapes_that_are_sorted() {
        for (block_size, latent_dimension) in [(1, 1), (8, 1), (5, 2), (7, 3), (4, 4), (8, 4)] {
            let fields = BlockCodeFields {
                block_size,
                latent_dimension,
                coefficient_bits: 3,
                exponent_bits: 3,
                lfsr: Lfsr::paper(10).unwrap(),
            };
            check_identity(&BlockCode::new(fields).unwrap(), 20);
        }
    }

    /// `cargo test --release -p seedlm-encoder --lib -- --ignored`: minutes.
    #[test]
    #[ignore = "takes minutes; the same on fewer blocks runs always"]
    fn all_paths_find_the_same_words_of_100_thousand_blocks() {
        check_identity(&BlockCode::preset("paper-4b").unwrap(), 20_000);
        check_identity(&BlockCode::preset("paper-3b").unwrap(), 20_000);
    }

    /// For an emulated processor, where scalar code is most of the test above:
    /// `bash testbenches/emulated.sh test paths_with_vectors --ignored`, more than half an hour.
    #[test]
    #[ignore = "takes minutes; the same on fewer blocks runs always"]
    fn paths_with_vectors_find_the_same_words_of_100_thousand_blocks() {
        let sets: Vec<Instructions> = Instructions::available()
            .into_iter()
            .filter(|&instructions| instructions != Instructions::Scalar)
            .collect();
        assert!(!sets.is_empty(), "this machine has no vectors");
        check_identity_of(&sets, &BlockCode::preset("paper-4b").unwrap(), 20_000);
        check_identity_of(&sets, &BlockCode::preset("paper-3b").unwrap(), 20_000);
    }

    #[test]
    fn all_seeds_of_the_presets_have_a_threshold() {
        for name in BlockCode::PRESETS {
            let search = SeedSearch::new(&BlockCode::preset(name).unwrap(), Instructions::Scalar);
            let sieve = search.sieve.unwrap();
            let thresholds = &sieve.passes[0].thresholds;
            // Only a threshold above 0 sieves anything out.
            let blind = thresholds.iter().filter(|&&threshold| threshold as i16 <= 0).count();
            assert!(blind <= BLIND_SEEDS, "{name}: {blind}");
            // Seeds with dependent sign vectors, and nothing else.
            let coarse = sieve.scan.coarse_seeds().len();
            assert_eq!(coarse, if name == "paper-4b" { 511 } else { 93 }, "{name}");
        }
    }
    const BLIND_SEEDS: usize = 24;
}
