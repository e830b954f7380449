//! The first pass of the sieves, for blocks sorted into branches of leaves.

use super::lists::{Lists, Numbers};
use super::sieved::{SievedSearch, lanes_of};
use super::{Candidates, Pass, SievedBlock, with_room};
use crate::prefetch::prefetch_ends;
use crate::scan::{Lanes, ListedScanner, ListedSeeds, MOST_LANES, Piece, Scanner, fall_in_ball};
use crate::sorted::{Branch, MOST_WEIGHTS};
use crate::span::{SingleCandidate, SingleSeeds};

/// The second sieve: some blocks and single seeds.
struct LookAtSingle<'a> {
    seeds: &'a SingleSeeds,
    looks: &'a [(u32, u32)],
    directions: &'a [[f32; MOST_WEIGHTS]],
    admitted: f64,
    found: &'a mut [SingleCandidate],
}

impl<V: Lanes> Piece<V> for LookAtSingle<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        self.seeds
            .keep::<V>(self.looks, self.directions, self.admitted, self.found)
    }
}

impl SievedSearch<'_> {
    /// Returns the blocks that have to go on. The centres of branches are scanned for all seeds; the centres of each branch's leaves for the
    /// seeds that can have a word for any block of the branch; each leaf's blocks for those that can have one for any block of the leaf.
    #[inline(always)]
    pub(super) fn search_branches<V: Lanes>(
        &mut self,
        (branches, seeds, single): (&[Branch], &ListedSeeds, &SingleSeeds),
        pass: &Pass,
        blocks: &[SievedBlock],
        pending: &[usize],
    ) -> Vec<usize> {
        let scan = &self.sieve.scan;
        let size = scan.block_size();
        let admitted = with_room(pass.admitted);
        let mut is_pending = vec![false; blocks.len()];
        pending.iter().for_each(|&index| is_pending[index] = true);
        let mut centres = Scanner::<V>::new(scan);
        let mut listed = ListedScanner::<V>::new(scan, seeds);
        let (mut of_branches, mut of_leaves) = (Lists::default(), Lists::default());
        let (mut in_branch, mut in_leaf) = (Numbers::default(), Numbers::default());
        let (mut thresholds, mut sets, mut hits) = (Vec::new(), Vec::new(), Vec::new());
        let (mut looks, mut found, mut unsolved) = (Vec::new(), Vec::new(), Vec::new());
        let mut candidates: Vec<Candidates> = vec![Vec::new(); V::COUNT];
        let (_, whole) = branches.split_last().expect("a job is some branches");
        assert!(whole.iter().all(|branch| branch.directions == V::COUNT * V::COUNT));
        let mut first = 0;
        for batch in branches.chunks(V::COUNT) {
            let radius = batch.iter().map(|branch| branch.ball.radius).fold(0.0, f32::max);
            scan.ball_thresholds(&mut thresholds, admitted, radius.into());
            let directions: Vec<&[f32]> = batch.iter().map(|branch| &branch.ball.centre[..size]).collect();
            of_branches.turn::<V>(centres.scan_each(&thresholds, &directions));
            for (number, branch) in batch.iter().enumerate() {
                in_branch.set_to_all_of::<V>(of_branches.of(number));
                let directions: Vec<&[f32]> = branch.leaves.iter().map(|leaf| &leaf.centre[..size]).collect();
                listed.set(&directions);
                let falls = branch
                    .leaves
                    .iter()
                    .map(|leaf| fall_in_ball(admitted, leaf.radius.into()));
                listed.scan_balls(in_branch.as_slice(), falls, &mut sets);
                of_leaves.turn::<V>(&sets);
                for number in 0..branch.leaves.len() {
                    in_leaf.set_to_some_of::<V>(&in_branch, of_leaves.of(number));
                    let leaf: Vec<usize> = (first..blocks.len().min(first + V::COUNT)).collect();
                    first += V::COUNT;
                    let directions: Vec<&[f32]> = leaf.iter().map(|&index| &blocks[index].direction[..]).collect();
                    let waiting = lanes_of::<V>(leaf.iter().map(|&index| is_pending[index]));
                    listed.set(&directions);
                    looks.clear();
                    for &(position, lanes) in listed.scan(in_leaf.as_slice(), &mut hits) {
                        let mut lanes = lanes & waiting;
                        while lanes != 0 {
                            looks.push((position, V::take_lane(&mut lanes)));
                        }
                    }
                    // Room for all; what is there already is written over.
                    found.resize(looks.len().max(found.len()), SingleCandidate::default());
                    let look = LookAtSingle {
                        seeds: single,
                        looks: &looks,
                        directions: &padded(&directions),
                        admitted,
                        found: &mut found,
                    };
                    let count = V::alone(look);
                    candidates.iter_mut().for_each(Vec::clear);
                    for candidate in &found[..count] {
                        let lane = candidate.lane as usize;
                        let bound = candidate.bound(blocks[leaf[lane]].range_slack);
                        if bound <= admitted {
                            candidates[lane].push((bound, candidate.position));
                            prefetch_ends(self.search.orbit.matrix(candidate.position as usize));
                        }
                    }
                    self.refine::<V>(pass, blocks, (&leaf, waiting), &mut candidates, &mut unsolved);
                }
            }
        }
        unsolved
    }
}

/// Directions, filled up with zeros.
#[inline(always)]
fn padded(directions: &[&[f32]]) -> [[f32; MOST_WEIGHTS]; MOST_LANES] {
    let mut padded = [[0.0; MOST_WEIGHTS]; MOST_LANES];
    for (padded, direction) in padded.iter_mut().zip(directions) {
        padded[..direction.len()].copy_from_slice(direction);
    }
    padded
}
