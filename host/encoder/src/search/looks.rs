//! Seeds of which the second sieve says that they may have a good word for a block.

use super::{Candidates, SievedBlock, sort};
use crate::scan::Lanes;
use crate::span::{GROUP, GroupEnergies, SpanTable};

impl SpanTable {
    /// All seeds that may have a word of at most the length `reach`, as (bound, position), ascending.
    pub(super) fn all_candidates(&self, block: &SievedBlock, reach: f64) -> Candidates {
        let in_reach = |position: usize| self.shortest(position) <= reach;
        let mut candidates = Vec::new();
        for group in 0..self.groups() {
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
    pub(super) fn look_at<V: Lanes>(
        &self,
        group: usize,
        block: &SievedBlock,
        admitted: f64,
        candidates: &mut Candidates,
    ) {
        let energies = self.energies::<V::Floats>(group, &block.direction, admitted);
        self.keep(group, &energies, block.range_slack, admitted, candidates);
    }

    /// Adds those seeds of a group whose energies allow for it.
    #[inline(always)]
    pub(super) fn keep(
        &self,
        group: usize,
        energies: &GroupEnergies,
        range_slack: f64,
        admitted: f64,
        candidates: &mut Candidates,
    ) {
        let mut seeds = self.candidates(group, energies, range_slack, admitted);
        while let Some((position, bound)) = seeds.next() {
            if position < self.seeds() {
                candidates.push((bound, position as u32));
            }
        }
    }
}
