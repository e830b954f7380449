//! The scan of some seeds only, for blocks that lie near each other.

use super::kernel::energy;
use super::lanes::{Lanes, PAIRS, Piece, pair};
use super::sums::{Rows, SubsetSums, nearest};
use super::{LIMIT, MOST_LISTED_COLUMNS, ONE, ScanTable, WARM_UP, factors_per_seed};
use seedlm_instructions::prefetch;

/// So many seeds later, one is wanted that is on its way from memory: those of a list are too irregular to be foreseen.
const AHEAD: usize = 12;

/// What is known of a seed: half a line of the cache, or two halves with four columns. `N`: factors.
#[repr(C, align(32))]
pub(crate) struct ListedSeed<const N: usize> {
    /// Entries `u`, in units of 2^-15, two in a word, the first one low.
    entries: [u32; PAIRS],
    factors: [i16; N],
    /// The threshold's negative: subtracting a number from memory takes more instructions than adding it.
    minus_threshold: i16,
    /// [`ScanTable::listed_falls`].
    fall: i16,
    /// Of the sign vectors 1...
    indices: [u8; MOST_LISTED_COLUMNS - 1],
}

const _: () = assert!(size_of::<ListedSeed<{ factors_per_seed(3) }>>() == 32);
const _: () = assert!(size_of::<ListedSeed<{ factors_per_seed(4) }>>() == 64);

/// All seeds of a table that [`ScanTable::has_lists`], by its number of columns.
pub(crate) enum ListedSeeds {
    One(Vec<ListedSeed<{ factors_per_seed(1) }>>),
    Two(Vec<ListedSeed<{ factors_per_seed(2) }>>),
    Three(Vec<ListedSeed<{ factors_per_seed(3) }>>),
    Four(Vec<ListedSeed<{ factors_per_seed(4) }>>),
}

impl ListedSeeds {
    /// The seeds with their thresholds and [`ScanTable::listed_falls`].
    pub fn new(table: &ScanTable, thresholds: &[u32], falls: &[Option<i16>]) -> Self {
        match table.columns {
            1 => ListedSeeds::One(seeds(table, thresholds, falls)),
            2 => ListedSeeds::Two(seeds(table, thresholds, falls)),
            3 => ListedSeeds::Three(seeds(table, thresholds, falls)),
            _ => ListedSeeds::Four(seeds(table, thresholds, falls)),
        }
    }
}

fn seeds<const N: usize>(table: &ScanTable, thresholds: &[u32], falls: &[Option<i16>]) -> Vec<ListedSeed<N>> {
    let columns = table.columns;
    let (factors, _) = table.factors.as_chunks::<N>();
    let seeds = factors.iter().zip(thresholds).zip(falls).enumerate();
    let seeds = seeds.map(|(position, ((factors, &threshold), fall))| {
        let entry = |c: usize| u32::from(table.entries[position + 1 + c * columns].cast_unsigned());
        let mut indices = [0; MOST_LISTED_COLUMNS - 1];
        let following = &table.indices[WARM_UP + position..][1..columns];
        indices[..columns - 1].copy_from_slice(following);
        ListedSeed {
            entries: std::array::from_fn(|pair| entry(2 * pair) | entry(2 * pair + 1) << 16),
            factors: factors.map(|factor| factor as i16),
            // Always a hit, where it is not known how far the threshold may have to fall.
            minus_threshold: fall.map_or(LIMIT, |_| -(threshold as i16)),
            fall: fall.unwrap_or(0),
            indices,
        }
    });
    seeds.collect()
}

/// Looks at listed seeds for as many blocks as a vector has lanes. `H` has no recursion to come from: it is the sum of the
/// weights times the entries.
pub(crate) struct ListedScanner<'a, V: Lanes> {
    table: &'a ScanTable,
    seeds: &'a ListedSeeds,
    sums: SubsetSums<V>,
    /// The weights as [`Lanes::pair_sums`] takes them, so that `H` is their sum; filled up with zeros.
    weights: [[V; 2]; PAIRS],
}

impl<'a, V: Lanes> ListedScanner<'a, V> {
    /// For a table's seeds.
    #[inline(always)]
    pub fn new(table: &'a ScanTable, seeds: &'a ListedSeeds) -> Self {
        ListedScanner {
            table,
            seeds,
            sums: SubsetSums::new(table),
            weights: [[V::spread(0); 2]; PAIRS],
        }
    }

    /// Sets the blocks, at most `V::COUNT` of norm 1, of at most [`MOST_WEIGHTS`] weights.
    #[inline(always)]
    pub fn set(&mut self, blocks: &[&[f32]]) {
        self.sums.fill(self.table, blocks);
        self.weights = [[V::spread(0); 2]; PAIRS];
        let words = V::words_mut(self.weights.as_flattened_mut());
        // Entries are a little smaller than 1 in units of 2^-15.
        let unit = self.table.unit * ONE / (ONE - 1.0);
        for (lane, block) in blocks.iter().enumerate() {
            for (c, &weight) in block.iter().enumerate() {
                // Vectors of even lanes and of odd ones, of pairs of weights each.
                let vector = c / 2 * 2 + lane % 2;
                words[vector * V::COUNT + lane / 2 * 2 + c % 2] = nearest(f64::from(weight) * unit) as i16;
            }
        }
    }

    /// All seeds of the given positions that reach their threshold in some lane, as (position, set of lanes). Lanes without
    /// a block mean nothing. `hits` is room for them.
    #[inline(always)]
    pub fn scan<'b>(&self, positions: &[u32], hits: &'b mut Vec<(u32, u32)>) -> &'b [(u32, u32)] {
        // What is there already is written over.
        hits.resize(positions.len().max(hits.len()), (0, 0));
        let hits = &mut hits[..];
        let found = match self.seeds {
            ListedSeeds::One(seeds) => self.blocks::<1, _>(seeds, positions, hits),
            ListedSeeds::Two(seeds) => self.blocks::<2, _>(seeds, positions, hits),
            ListedSeeds::Three(seeds) => self.blocks::<3, _>(seeds, positions, hits),
            ListedSeeds::Four(seeds) => self.blocks::<4, _>(seeds, positions, hits),
        };
        &hits[..found]
    }

    /// For blocks that are centres of balls: for each of the given positions the set of lanes in which the seed reaches its threshold,
    /// which is lower by [`super::fall_in_ball`]; filled up to a multiple of 32 sets with sets of none.
    #[inline(always)]
    pub fn scan_balls(&self, positions: &[u32], falls: impl Iterator<Item = i16>, sets: &mut Vec<u32>) {
        sets.resize(positions.len().next_multiple_of(32), 0);
        let (sets, rest) = sets.split_at_mut(positions.len());
        rest.fill(0);
        let mut fall = [V::spread(0)];
        V::words_mut(&mut fall)
            .iter_mut()
            .zip(falls)
            .for_each(|(to, fall)| *to = fall);
        match self.seeds {
            ListedSeeds::One(seeds) => self.balls::<1, _>(seeds, positions, fall[0], sets),
            ListedSeeds::Two(seeds) => self.balls::<2, _>(seeds, positions, fall[0], sets),
            ListedSeeds::Three(seeds) => self.balls::<3, _>(seeds, positions, fall[0], sets),
            ListedSeeds::Four(seeds) => self.balls::<4, _>(seeds, positions, fall[0], sets),
        }
    }

    #[inline(always)]
    fn blocks<const P: usize, const N: usize>(
        &self,
        seeds: &[ListedSeed<N>],
        positions: &[u32],
        hits: &mut [(u32, u32)],
    ) -> usize {
        V::alone(BlockWalk::<V, P, N> {
            listed: self.listed(seeds),
            positions,
            hits,
        })
    }

    #[inline(always)]
    fn balls<const P: usize, const N: usize>(
        &self,
        seeds: &[ListedSeed<N>],
        positions: &[u32],
        fall: V,
        sets: &mut [u32],
    ) {
        V::alone(BallWalk::<V, P, N> {
            listed: self.listed(seeds),
            positions,
            fall,
            sets,
        });
    }

    #[inline(always)]
    fn listed<'b, const P: usize, const N: usize>(&'b self, seeds: &'b [ListedSeed<N>]) -> Listed<'b, V, P, N> {
        Listed {
            seeds,
            rows: self.sums.rows(),
            weights: self.weights,
        }
    }
}

/// What the loops look at. `N`: factors per seed.
struct Listed<'a, V: Lanes, const P: usize, const N: usize> {
    seeds: &'a [ListedSeed<N>],
    rows: Rows<'a, V>,
    weights: [[V; 2]; PAIRS],
}

impl<V: Lanes, const P: usize, const N: usize> Listed<'_, V, P, N> {
    /// Has the seed of a later number on its way.
    #[inline(always)]
    fn prefetch(&self, positions: &[u32], number: usize) {
        if let Some(&later) = positions.get(number + AHEAD) {
            let later = &self.seeds[later as usize];
            prefetch(&later.entries);
            if size_of::<ListedSeed<N>>() > 32 {
                prefetch(&later.minus_threshold);
            }
        }
    }

    /// How far the energy of a seed is above its threshold.
    #[inline(always)]
    fn above(&self, seed: &ListedSeed<N>) -> V {
        let h = V::pair_sums(&self.weights, &seed.entries);
        let mut x = [V::spread(0); P];
        let mut products = [[V::spread(0); P]; P];
        for j in 1..P {
            let index = &[seed.indices[j - 1]];
            x[j] = self.rows.row(index);
            for k in 1..=j {
                products[j][k] = if k < j {
                    x[j].multiply(x[k])
                } else {
                    self.rows.square(index)
                };
            }
        }
        energy(&seed.factors, h, &x, &products).add(V::spread_one(seed.minus_threshold))
    }
}

/// The loop for blocks; how many hits there are.
struct BlockWalk<'a, V: Lanes, const P: usize, const N: usize> {
    listed: Listed<'a, V, P, N>,
    positions: &'a [u32],
    hits: &'a mut [(u32, u32)],
}

impl<V: Lanes, const P: usize, const N: usize> Piece<V> for BlockWalk<'_, V, P, N> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let BlockWalk {
            listed,
            positions,
            hits,
        } = self;
        let mut found = 0;
        for (number, &position) in positions.iter().enumerate() {
            listed.prefetch(positions, number);
            // All branches before all loads: the compiler spreads numbers from memory only where there is none between.
            let hit = &mut hits[found];
            let lanes = listed.above(&listed.seeds[position as usize]).not_negative();
            // All seeds are written, and those that are no hits are written over: a branch would be guessed wrong often, and a call
            // to make room would have the weights leave their registers.
            *hit = (position, lanes);
            found += usize::from(lanes != 0);
        }
        found
    }
}

/// The loop for centres of balls.
struct BallWalk<'a, V: Lanes, const P: usize, const N: usize> {
    listed: Listed<'a, V, P, N>,
    positions: &'a [u32],
    fall: V,
    sets: &'a mut [u32],
}

impl<V: Lanes, const P: usize, const N: usize> Piece<V> for BallWalk<'_, V, P, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let BallWalk {
            listed,
            positions,
            fall,
            sets,
        } = self;
        for (number, (&position, set)) in positions.iter().zip(sets).enumerate() {
            listed.prefetch(positions, number);
            let seed = &listed.seeds[position as usize];
            let above = listed.above(seed);
            // One more is more than the product is rounded.
            let fall = fall.multiply(V::spread_one(seed.fall)).add(V::spread(pair(1)));
            *set = above.add(fall).not_negative();
        }
    }
}
