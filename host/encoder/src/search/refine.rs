//! The third sieve: the words of the seeds that are left for a block, those with the smallest bounds first.

use super::{Candidates, SearchRules, SeedSearch, with_room};
use crate::basis::{FourBases, SeedBasis};
use crate::candidate::{Candidate, MOST_COEFFICIENTS};
use crate::lattice::{SeedWords, keep_best_word};
use crate::quantizer::Quantizer;
use crate::rule::{keep_printed_word, keep_rounded_word};
use crate::scan::{Lanes, Work};
use crate::target::Target;
use std::hint::select_unpredictable;

/// The search of one block's candidates, (bound, position) in ascending order.
pub(super) struct Refine<'a, I> {
    pub search: &'a SeedSearch,
    pub candidates: I,
    pub target: &'a Target,
    pub rules: SearchRules,
    pub best: &'a mut Candidate,
}

impl<I: Iterator<Item = (f64, u32)>> Work for Refine<'_, I> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        self.search
            .keep_best_of::<V>(self.candidates, self.target, self.rules, self.best);
    }
}

/// Takes the candidate with the smallest bound, again and again: few are looked at, and it does not pay to sort them.
pub(super) struct LeastFirst<'a>(pub &'a mut Candidates);

impl Iterator for LeastFirst<'_> {
    type Item = (f64, u32);

    #[inline(always)]
    fn next(&mut self) -> Option<(f64, u32)> {
        let (mut least, mut bound) = (0, self.0.first()?.0);
        for (number, candidate) in self.0.iter().enumerate() {
            // Without a branch: it would be guessed wrong often.
            let is_less = candidate.0 < bound;
            least = select_unpredictable(is_less, number, least);
            bound = select_unpredictable(is_less, candidate.0, bound);
        }
        Some(self.0.swap_remove(least))
    }
}

impl SeedSearch {
    /// Looks at candidates (bound, position) in ascending order until the bound exceeds the best error.
    #[inline(always)]
    pub(super) fn keep_best_of<V: Lanes>(
        &self,
        candidates: impl Iterator<Item = (f64, u32)>,
        target: &Target,
        rules: SearchRules,
        best: &mut Candidate,
    ) {
        let mut candidates = candidates.peekable();
        let has_bound = best.error < target.norm() * target.norm() || rules.quantizer != Quantizer::Exact;
        if let Some(&(_, position)) = candidates.peek()
            && !has_bound
        {
            self.keep_any(position, target, rules, best);
        }
        match (rules.quantizer, target.size(), self.columns) {
            (Quantizer::Exact, 8, 3) => self.keep_best_of_fours::<V, 8, 3>(candidates, target, rules, best),
            (Quantizer::Exact, 12, 4) => self.keep_best_of_fours::<V, 12, 4>(candidates, target, rules, best),
            (_, _, 3) => self.keep_best_of_each::<3>(candidates, target, rules, best),
            (_, _, 4) => self.keep_best_of_each::<4>(candidates, target, rules, best),
            _ => self.keep_best_of_each::<MOST_COEFFICIENTS>(candidates, target, rules, best),
        }
    }

    /// Keeps a word of a seed to begin with, any will do: an enumeration without a tight bound is slow. Seldom needed, so a function by
    /// itself.
    #[cold]
    #[inline(never)]
    fn keep_any(&self, position: u32, target: &Target, rules: SearchRules, best: &mut Candidate) {
        let basis = self.basis::<MOST_COEFFICIENTS>(position, target);
        keep_rounded_word(&basis, self.range, rules.largest_exponent, best);
    }

    /// One candidate after the other. `N`: room for so many columns.
    #[inline(always)]
    fn keep_best_of_each<const N: usize>(
        &self,
        candidates: impl Iterator<Item = (f64, u32)>,
        target: &Target,
        rules: SearchRules,
        best: &mut Candidate,
    ) {
        let squared_norm = target.norm() * target.norm();
        let largest = rules.largest_exponent;
        let words = SeedWords::new(self.columns, self.range, largest);
        for (bound, position) in candidates {
            if bound * squared_norm > with_room(best.error) {
                return;
            }
            let mut basis = self.basis::<N>(position, target);
            match rules.quantizer {
                Quantizer::Exact => {
                    basis.invert();
                    keep_best_word(&basis, &words, best);
                }
                Quantizer::Printed => keep_printed_word(&basis, self.range, largest, best),
                Quantizer::Rounded => keep_rounded_word(&basis, self.range, largest, best),
            }
        }
    }

    /// Four candidates at a time, of codes with blocks of `C` weights and `P` columns; without rules for which rounding matters.
    #[inline(always)]
    fn keep_best_of_fours<V: Lanes, const C: usize, const P: usize>(
        &self,
        mut candidates: impl Iterator<Item = (f64, u32)>,
        target: &Target,
        rules: SearchRules,
        best: &mut Candidate,
    ) {
        let squared_norm = target.norm() * target.norm();
        let words = SeedWords::new(P, self.range, rules.largest_exponent);
        while let Some(first) = candidates.next() {
            if first.0 * squared_norm > with_room(best.error) {
                return;
            }
            // Where there are no more, the first is there again.
            let mut four = [first; 4];
            let mut count = 1;
            while count < 4
                && let Some(next) = candidates.next()
            {
                four[count] = next;
                count += 1;
            }
            let mut seeds = [0; 4];
            let mut matrices = [&[][..]; 4];
            for (number, &(_, position)) in four.iter().enumerate() {
                seeds[number] = self.orbit.seed(position as usize);
                matrices[number] = self.orbit.matrix(position as usize);
            }
            let bases = FourBases::<P>::new::<V::Doubles, C>(seeds, matrices, target);
            for (number, &(bound, _)) in four[..count].iter().enumerate() {
                if bound * squared_norm > with_room(best.error) {
                    return;
                }
                keep_best_word(&bases.basis(number), &words, best);
            }
        }
    }

    #[inline(always)]
    fn basis<'a, const N: usize>(&'a self, position: u32, target: &'a Target) -> SeedBasis<'a, N> {
        let position = position as usize;
        SeedBasis::new(
            self.orbit.seed(position),
            self.orbit.matrix(position),
            self.columns,
            target,
        )
    }
}
