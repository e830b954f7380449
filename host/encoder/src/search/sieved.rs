//! The sieves, one after the other, for many blocks at a time.

use super::refine::{LeastFirst, Refine};
use super::{Candidates, Pass, SearchRules, SeedSearch, Sieve, SievedBlock, with_room};
use crate::candidate::Candidate;
use crate::scan::{Lanes, Piece, Scanner, Work, dispatch};
use crate::sorted::Branch;
use crate::span::{GroupEnergies, SpanTable};
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
    /// With these, targets come in branches of leaves of as many as there are lanes.
    pub branches: Option<&'a [Branch]>,
    pub best: &'a mut [Candidate],
    /// Room for the second sieve: groups of seeds, with the lane of the block for which they are looked at.
    pub looks: Vec<(u32, u32, GroupEnergies)>,
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
        if let (Some(branches), Some((seeds, single)), Some(pass)) =
            (self.branches, &self.sieve.listed, self.sieve.passes.first())
        {
            pending = self.search_branches::<V>((branches, seeds, single), pass, &blocks, &pending);
            passes.next();
        }
        let mut scanner = Scanner::<V>::new(&self.sieve.scan);
        let mut hits = Vec::new();
        let mut candidates: Vec<Candidates> = vec![Vec::new(); V::COUNT];
        for pass in passes {
            let mut unsolved = Vec::new();
            for batch in pending.chunks(V::COUNT) {
                let directions: Vec<&[f32]> = batch.iter().map(|&index| &blocks[index].direction[..]).collect();
                let used = lanes_of::<V>(batch.iter().map(|_| true));
                // Group by group: all lanes share what is known of a group.
                let groups = scanner.scan(&pass.thresholds, &directions);
                // All are written, and those that are no hits are written over: a branch would be guessed wrong often.
                hits.resize(groups.len(), (0, 0));
                let mut found = 0;
                for (group, lanes) in groups.iter().enumerate() {
                    hits[found] = (group, lanes & used);
                    found += usize::from(lanes & used != 0);
                }
                self.finish::<V>(
                    pass,
                    &blocks,
                    (batch, used),
                    &hits[..found],
                    &mut candidates,
                    &mut unsolved,
                );
            }
            pending = unsolved;
        }
        pending
    }
}

/// The second sieve: the energies of some blocks in some groups of seeds.
struct Look<'a> {
    span: &'a SpanTable,
    blocks: &'a [SievedBlock],
    batch: &'a [usize],
    admitted: f64,
    looks: &'a mut [(u32, u32, GroupEnergies)],
}

impl<V: Lanes> Piece<V> for Look<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for number in 0..self.looks.len() {
            if let Some(&(later, ..)) = self.looks.get(number + AHEAD) {
                self.span.prefetch(later as usize);
            }
            let (group, lane, energies) = &mut self.looks[number];
            let direction = &self.blocks[self.batch[*lane as usize]].direction;
            *energies = self
                .span
                .energies::<V::Floats>(*group as usize, direction, self.admitted);
        }
    }
}

impl SievedSearch<'_> {
    /// The second sieve and the third, for the blocks of a batch that wait (a set of lanes) and the groups of seeds that are hits for
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
        let admitted = with_room(pass.admitted);
        candidates.iter_mut().for_each(Vec::clear);
        // First all that takes time without a branch, so that many groups are on their way at once.
        let looks = &mut self.looks;
        looks.clear();
        for &(group, mut lanes) in hits {
            while lanes != 0 {
                looks.push((group as u32, V::take_lane(&mut lanes), GroupEnergies::default()));
            }
        }
        V::alone(Look {
            span: &self.sieve.span,
            blocks,
            batch,
            admitted,
            looks,
        });
        for (group, lane, energies) in looks {
            let lane = *lane as usize;
            let range_slack = blocks[batch[lane]].range_slack;
            self.sieve
                .span
                .keep(*group as usize, energies, range_slack, admitted, &mut candidates[lane]);
        }
        self.refine::<V>(pass, blocks, (batch, waiting), candidates, unsolved);
    }

    /// The third sieve, for the blocks of a batch that wait, each with its candidates. Adds the blocks without a word to `unsolved`.
    #[inline(always)]
    pub(super) fn refine<V: Lanes>(
        &mut self,
        pass: &Pass,
        blocks: &[SievedBlock],
        (batch, waiting): (&[usize], u32),
        candidates: &mut [Candidates],
        unsolved: &mut Vec<usize>,
    ) {
        let admitted = with_room(pass.admitted);
        for (lane, (&index, candidates)) in batch.iter().zip(candidates).enumerate() {
            if waiting & V::bit(lane) == 0 {
                continue;
            }
            let target = &self.targets[index];
            self.sieve.look_at_coarse::<V>(&blocks[index], admitted, candidates);
            // All words of at most this error belong to candidates: the first found is as good as any bound.
            let best = &mut self.best[index];
            *best = Candidate::none_below(pass.admitted * target.norm() * target.norm());
            // Compiled once: it is long.
            let refine = Refine {
                search: self.search,
                candidates: LeastFirst(candidates),
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

/// The set of the lanes for which it is true.
#[inline(always)]
pub(super) fn lanes_of<V: Lanes>(lanes: impl Iterator<Item = bool>) -> u32 {
    lanes
        .enumerate()
        .fold(0, |set, (lane, is_in)| set | if is_in { V::bit(lane) } else { 0 })
}
