//! The scan of some seeds only, for blocks that lie near each other.

use super::kernel::energy;
use super::lanes::{Lanes, PAIRS, Piece};
use super::sums::{Rows, SubsetSums, nearest};
use super::{MOST_LISTED_COLUMNS, ONE, ScanTable, WARM_UP, factors_per_seed};

/// So many seeds later, one is wanted that is on its way from memory: those of a list are too irregular to be foreseen.
const AHEAD: usize = 12;

/// What is known of a seed: half a line of the cache, or two halves with four columns. `N`: factors.
#[repr(C, align(32))]
pub(crate) struct ListedSeed<const N: usize> {
    /// Entries `u`, in units of 2^-15, two in a word, the first one low.
    entries: [u32; PAIRS],
    factors: [i16; N],
    threshold: i16,
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
    /// The seeds with their thresholds.
    pub fn new(table: &ScanTable, thresholds: &[u32]) -> Self {
        match table.columns {
            1 => ListedSeeds::One(seeds(table, thresholds)),
            2 => ListedSeeds::Two(seeds(table, thresholds)),
            3 => ListedSeeds::Three(seeds(table, thresholds)),
            _ => ListedSeeds::Four(seeds(table, thresholds)),
        }
    }
}

fn seeds<const N: usize>(table: &ScanTable, thresholds: &[u32]) -> Vec<ListedSeed<N>> {
    let columns = table.columns;
    let (factors, _) = table.factors.as_chunks::<N>();
    let seeds = factors.iter().zip(thresholds).enumerate();
    let seeds = seeds.map(|(position, (factors, &threshold))| {
        let entry = |c: usize| u32::from(table.entries[position + 1 + c * columns].cast_unsigned());
        let mut indices = [0; MOST_LISTED_COLUMNS - 1];
        let following = &table.indices[WARM_UP + position..][1..columns];
        indices[..columns - 1].copy_from_slice(following);
        ListedSeed {
            entries: std::array::from_fn(|pair| entry(2 * pair) | entry(2 * pair + 1) << 16),
            factors: factors.map(|factor| factor as i16),
            threshold: threshold as i16,
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

/// Where lists and hits are kept, from one scan to the next.
#[derive(Default)]
pub(crate) struct Room {
    positions: Positions,
    hits: Vec<(u32, u32)>,
}

/// The positions of a list, one after the other.
#[derive(Default)]
struct Positions(Vec<u32>);

impl Positions {
    /// The positions of the bits of a list. Always so many at a time: a loop over the bits of a word would end unexpectedly every
    /// time.
    #[inline(always)]
    fn set_to(&mut self, list: &[u32]) -> &[u32] {
        // The last one's may be written beyond the end.
        self.0.resize(list.len() * 32 + AT_ONCE, 0);
        let mut count = 0;
        for (word, pair) in list.chunks(2).enumerate() {
            let low = pair[0];
            // There are always two, with registers of 6 bits or more.
            let high = pair.get(1).copied().unwrap_or(0);
            let mut bits = u64::from(low) | u64::from(high) << 32;
            let end = count + bits.count_ones() as usize;
            while count < end {
                for position in &mut self.0[count..][..AT_ONCE] {
                    *position = word as u32 * 64 + bits.trailing_zeros();
                    bits &= bits.wrapping_sub(1);
                }
                count += AT_ONCE;
            }
            count = end;
        }
        &self.0[..count]
    }
}

/// Positions that are written at a time.
const AT_ONCE: usize = 8;

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

    /// All seeds of the list that reach their threshold in some lane, as (position, set of lanes). Lanes without
    /// a block mean nothing. The list has a bit for every position; `room` is where the seeds are kept.
    #[inline(always)]
    pub fn scan<'b>(&self, list: &[u32], room: &'b mut Room) -> &'b [(u32, u32)] {
        room.hits.resize(list.len() * 32, (0, 0));
        let (positions, hits) = (room.positions.set_to(list), &mut room.hits[..]);
        let found = match self.seeds {
            ListedSeeds::One(seeds) => self.columns::<1, _>(seeds, positions, hits),
            ListedSeeds::Two(seeds) => self.columns::<2, _>(seeds, positions, hits),
            ListedSeeds::Three(seeds) => self.columns::<3, _>(seeds, positions, hits),
            ListedSeeds::Four(seeds) => self.columns::<4, _>(seeds, positions, hits),
        };
        &room.hits[..found]
    }

    #[inline(always)]
    fn columns<const P: usize, const N: usize>(
        &self,
        seeds: &[ListedSeed<N>],
        positions: &[u32],
        hits: &mut [(u32, u32)],
    ) -> usize {
        V::alone(ListedWalk::<V, P, N> {
            seeds,
            rows: self.sums.rows(),
            weights: &self.weights,
            positions,
            hits,
        })
    }
}

/// The loop; how many hits there are. `N`: factors per seed.
struct ListedWalk<'a, V: Lanes, const P: usize, const N: usize> {
    seeds: &'a [ListedSeed<N>],
    rows: Rows<'a, V>,
    weights: &'a [[V; 2]; PAIRS],
    positions: &'a [u32],
    hits: &'a mut [(u32, u32)],
}

impl<V: Lanes, const P: usize, const N: usize> Piece<V> for ListedWalk<'_, V, P, N> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let ListedWalk {
            seeds,
            rows,
            weights,
            positions,
            hits,
        } = self;
        let weights = *weights;
        let mut found = 0;
        for (number, &position) in positions.iter().enumerate() {
            if let Some(&later) = positions.get(number + AHEAD) {
                let later = &seeds[later as usize];
                V::prefetch(&later.entries);
                if size_of::<ListedSeed<N>>() > 32 {
                    V::prefetch(&later.threshold);
                }
            }
            // All branches before all loads: the compiler spreads numbers from memory only where there is none between.
            let hit = &mut hits[found];
            let seed = &seeds[position as usize];
            let h = V::pair_sums(&weights, &seed.entries);
            let mut x = [V::spread(0); P];
            let mut products = [[V::spread(0); P]; P];
            for j in 1..P {
                let index = &[seed.indices[j - 1]];
                x[j] = rows.row(index);
                for k in 1..=j {
                    products[j][k] = if k < j { x[j].multiply(x[k]) } else { rows.square(index) };
                }
            }
            let energy = energy(&seed.factors, h, &x, &products);
            let lanes = energy.sub(V::spread_one(seed.threshold)).not_negative();
            // All seeds are written, and those that are no hits are written over: a branch would be guessed wrong often, and a call
            // to make room would have the weights leave their registers.
            *hit = (position, lanes);
            found += usize::from(lanes != 0);
        }
        found
    }
}
