//! The sieves, one after the other, for many blocks at a time.

use super::{Candidates, Pass, ROUNDING, SearchRules, SeedSearch, Sieve, SievedBlock, sort};
use crate::candidate::Candidate;
use crate::scan::{Lanes, ListedScanner, Scanner, Work, dispatch};
use crate::sorted::{Leaf, transpose};
use crate::span::GROUP;
use crate::target::Target;

/// So many groups of seeds that will be looked at are on their way from memory.
const AHEAD: usize = 8;

/// Solves the blocks that have a word of small error; the others are the output.
pub(super) struct SievedSearch<'a> {
    pub search: &'a SeedSearch,
    pub sieve: &'a Sieve,
    pub targets: &'a [Target],
    pub rules: SearchRules,
    pub pending: Vec<usize>,
    /// With these, targets come in leaves of as many as there are lanes.
    pub balls: Option<&'a [Leaf]>,
    pub best: &'a mut [Candidate],
}

impl Work for SievedSearch<'_> {
    type Output = Vec<usize>;

    #[inline(always)]
    fn run<V: Lanes>(mut self) -> Vec<usize> {
        let search = self.search;
        let blocks: Vec<SievedBlock> = self
            .targets
            .iter()
            .map(|target| search.sieved_block(target, self.rules))
            .collect();
        let mut passes = self.sieve.passes.iter();
        let mut pending = std::mem::take(&mut self.pending);
        if let (Some(balls), Some(pass)) = (self.balls, self.sieve.passes.first()) {
            pending = self.leaves::<V>(balls, pass, &blocks, &pending);
            passes.next();
        }
        let mut scanner = Scanner::<V>::new(&self.sieve.scan);
        let mut hits = Vec::new();
        let mut candidates: Vec<Candidates> = vec![Vec::new(); V::COUNT];
        for pass in passes {
            let mut unsolved = Vec::new();
            for batch in pending.chunks(V::COUNT) {
                let directions: Vec<&[f32]> = batch.iter().map(|&index| &blocks[index].direction[..]).collect();
                let used = u32::MAX >> (32 - batch.len());
                // Group by group: all lanes share what is known of a group.
                let groups = scanner.scan(&pass.thresholds, &directions).iter().enumerate();
                hits.clear();
                hits.extend(groups.filter_map(|(group, lanes)| (lanes & used != 0).then_some((group, lanes & used))));
                self.finish::<V>(pass, &blocks, (batch, used), &hits, &mut candidates, &mut unsolved);
            }
            pending = unsolved;
        }
        pending
    }
}

/// The third sieve, for one block.
struct Refine<'a> {
    search: &'a SeedSearch,
    candidates: &'a [(f64, u32)],
    target: &'a Target,
    rules: SearchRules,
    best: &'a mut Candidate,
}

impl Work for Refine<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        self.search
            .keep_best_of(self.candidates, self.target, self.rules, self.best);
    }
}

impl SievedSearch<'_> {
    /// The first pass, for blocks in leaves; returns those that have to go on. The centres of all balls are scanned; then each
    /// leaf's blocks for the seeds that can have a word for any block of the ball.
    #[inline(always)]
    fn leaves<V: Lanes>(
        &mut self,
        balls: &[Leaf],
        pass: &Pass,
        blocks: &[SievedBlock],
        pending: &[usize],
    ) -> Vec<usize> {
        let scan = &self.sieve.scan;
        let mut is_pending = vec![false; blocks.len()];
        pending.iter().for_each(|&index| is_pending[index] = true);
        let mut centres = Scanner::<V>::new(scan);
        let mut listed = ListedScanner::<V>::new(scan);
        let (mut thresholds, mut lists) = (Vec::new(), Vec::new());
        let (mut seeds, mut hits, mut unsolved) = (Vec::new(), Vec::new(), Vec::new());
        let mut candidates: Vec<Candidates> = vec![Vec::new(); V::COUNT];
        for (number, batch) in balls.chunks(V::COUNT).enumerate() {
            let radius = batch.iter().map(|ball| ball.radius).fold(0.0, f32::max);
            scan.ball_thresholds(&mut thresholds, pass.admitted * (1.0 + ROUNDING), f64::from(radius));
            let size = scan.block_size();
            let directions: Vec<&[f32]> = batch.iter().map(|ball| &ball.centre[..size]).collect();
            let stride = list_ball_seeds(centres.scan_each(&thresholds, &directions), &mut lists);
            for (ball, list) in lists.chunks_exact(stride).take(batch.len()).enumerate() {
                let first = (number * V::COUNT + ball) * V::COUNT;
                let leaf: Vec<usize> = (first..blocks.len().min(first + V::COUNT)).collect();
                let directions: Vec<&[f32]> = leaf.iter().map(|&index| &blocks[index].direction[..]).collect();
                let waiting = leaf
                    .iter()
                    .rev()
                    .fold(0, |bits, &index| bits << 1 | u32::from(is_pending[index]));
                listed.set(&directions);
                seeds.clear();
                listed.scan(&pass.listed_thresholds, list, &mut seeds);
                hits.clear();
                for &(position, lanes) in seeds.iter().filter(|(_, lanes)| lanes & waiting != 0) {
                    match hits.last_mut() {
                        Some((group, all)) if *group == position / GROUP => *all |= lanes & waiting,
                        _ => hits.push((position / GROUP, lanes & waiting)),
                    }
                }
                self.finish::<V>(pass, blocks, (&leaf, waiting), &hits, &mut candidates, &mut unsolved);
            }
        }
        unsolved
    }

    /// The second sieve and the third, for the blocks of a batch that wait (one bit each) and the groups of seeds that are hits for
    /// some of them. Adds the blocks without a word to `unsolved`.
    #[inline(always)]
    fn finish<V: Lanes>(
        &mut self,
        pass: &Pass,
        blocks: &[SievedBlock],
        (batch, waiting): (&[usize], u32),
        hits: &[(usize, u32)],
        candidates: &mut [Candidates],
        unsolved: &mut Vec<usize>,
    ) {
        let admitted = pass.admitted * (1.0 + ROUNDING);
        candidates.iter_mut().for_each(Vec::clear);
        for (number, &(group, mut lanes)) in hits.iter().enumerate() {
            if let Some(&(later, _)) = hits.get(number + AHEAD) {
                self.sieve.span.prefetch::<V>(later);
            }
            while lanes != 0 {
                let lane = lanes.trailing_zeros() as usize;
                lanes &= lanes - 1;
                self.sieve
                    .look_at::<V>(group, &blocks[batch[lane]], admitted, &mut candidates[lane]);
            }
        }
        for (lane, (&index, candidates)) in batch.iter().zip(candidates).enumerate() {
            if waiting >> lane & 1 == 0 {
                continue;
            }
            let target = &self.targets[index];
            self.sieve.look_at_coarse::<V>(&blocks[index], admitted, candidates);
            sort(candidates);
            // All words of at most this error belong to candidates: the first found is as good as any bound.
            let best = &mut self.best[index];
            *best = Candidate::none_below(pass.admitted * target.norm() * target.norm());
            // Compiled once: it is long.
            let refine = Refine {
                search: self.search,
                candidates,
                target,
                rules: self.rules,
                best,
            };
            dispatch(self.search.instructions, refine);
            if !best.is_word() {
                unsolved.push(index);
            }
        }
    }
}

/// Turns a word of lanes for each seed into a list of seeds for each lane: one bit per position. Returns how many words apart the
/// lists are.
#[inline(always)]
fn list_ball_seeds(lanes: &[u32], lists: &mut Vec<u32>) -> usize {
    let words = lanes.len().div_ceil(32);
    // Lists a power of two apart would evict each other from the cache.
    let stride = words + 16;
    lists.clear();
    lists.resize(32 * stride, 0);
    for (word, lanes) in lanes.chunks(32).enumerate() {
        let mut square = [0; 32];
        square[..lanes.len()].copy_from_slice(lanes);
        transpose(&mut square);
        for (lane, &bits) in square.iter().enumerate() {
            lists[lane * stride + word] = bits;
        }
    }
    stride
}
