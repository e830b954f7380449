//! The scan of some seeds only, for blocks that lie near each other.

use super::kernel::energy;
use super::lanes::{Lanes, Piece};
use super::sums::{Rows, SubsetSums, nearest};
use super::{ONE, ScanTable, WARM_UP, factors_per_seed};
use crate::sorted::MOST_WEIGHTS;

/// So many seeds later, one is wanted that is on its way from memory: those of a list are too irregular to be foreseen.
const AHEAD: usize = 12;

/// What is known of each seed, all in one place: [`MOST_WEIGHTS`] entries `u`, the factors, the threshold, all of them ready to be
/// spread to all lanes; then the indices of the sign vectors 1.., one byte each.
pub(crate) struct ListedSeeds {
    words: Vec<u32>,
    /// Where they start: with a line of the cache.
    first: usize,
}

/// Words of a line of the cache.
const LINE: usize = 16;

/// Words that a seed takes: whole lines.
const fn words_per_seed(columns: usize) -> usize {
    (MOST_WEIGHTS + factors_per_seed(columns) + 2).next_multiple_of(LINE)
}

impl ListedSeeds {
    /// All seeds of a table that [`ScanTable::has_lists`], with their thresholds.
    pub fn new(table: &ScanTable, thresholds: &[u32]) -> Self {
        let columns = table.columns;
        let per_seed = words_per_seed(columns);
        let mut words = vec![0; thresholds.len() * per_seed + LINE];
        // Anywhere else they would only be slower.
        let first = words.as_ptr().align_offset(LINE * size_of::<u32>()).min(LINE);
        let factors = table.factors.chunks_exact(factors_per_seed(columns));
        let seeds = words[first..].chunks_exact_mut(per_seed).zip(factors.zip(thresholds));
        for (position, (places, (factors, &threshold))) in seeds.enumerate() {
            let entries = table.entries[position + 1..].iter().step_by(columns).take(MOST_WEIGHTS);
            let indices = &table.indices[WARM_UP + position..][..columns];
            let indices = indices
                .iter()
                .skip(1)
                .rev()
                .fold(0, |word, &index| word << 8 | u32::from(index));
            let words = entries.chain(factors).chain([&threshold, &indices]);
            places.iter_mut().zip(words).for_each(|(place, word)| *place = *word);
        }
        ListedSeeds { words, first }
    }
}

/// Looks at listed seeds for as many blocks as a vector has lanes. `H` has no recursion to come from: it is the sum of the
/// weights times the entries.
pub(crate) struct ListedScanner<'a, V: Lanes> {
    table: &'a ScanTable,
    seeds: &'a ListedSeeds,
    sums: SubsetSums<V>,
    /// The weights, so that their products with entries are terms of `H`; filled up with zeros.
    weights: [V; MOST_WEIGHTS],
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
    /// The positions of the bits of a list. Taken byte by byte: a loop over the bits of a word would end unexpectedly every time.
    #[inline(always)]
    fn set_to(&mut self, list: &[u32]) -> &[u32] {
        // The last byte's may be written beyond the end.
        self.0.resize(list.len() * 32 + 8, 0);
        let mut count = 0;
        for (word, bits) in list.iter().enumerate() {
            for (number, byte) in bits.to_le_bytes().into_iter().enumerate() {
                let first = (word * 32 + number * 8) as u32;
                // Via an array of their own: the compiler takes all eight at once then.
                let bits = BITS[usize::from(byte)];
                let mut positions = [first; 8];
                for (position, bit) in positions.iter_mut().zip(bits) {
                    *position += u32::from(bit);
                }
                self.0[count..][..8].copy_from_slice(&positions);
                count += byte.count_ones() as usize;
            }
        }
        &self.0[..count]
    }
}

/// The numbers of a byte's bits that are set, and then anything.
static BITS: [[u8; 8]; 256] = {
    let mut bits = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut count) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                bits[byte][count] = bit;
                count += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    bits
};

impl<'a, V: Lanes> ListedScanner<'a, V> {
    /// For a table's seeds.
    #[inline(always)]
    pub fn new(table: &'a ScanTable, seeds: &'a ListedSeeds) -> Self {
        ListedScanner {
            table,
            seeds,
            sums: SubsetSums::new(table),
            weights: [V::spread(0); MOST_WEIGHTS],
        }
    }

    /// Sets the blocks, at most `V::COUNT` of norm 1, of at most [`MOST_WEIGHTS`] weights.
    #[inline(always)]
    pub fn set(&mut self, blocks: &[&[f32]]) {
        self.sums.fill(self.table, blocks);
        self.weights = [V::spread(0); MOST_WEIGHTS];
        let words = V::words_mut(&mut self.weights);
        // Entries are a little smaller than 1 in units of 2^-15.
        let unit = self.table.unit / 2.0 * ONE / (ONE - 1.0);
        for (lane, block) in blocks.iter().enumerate() {
            for (c, &weight) in block.iter().enumerate() {
                words[c * V::COUNT + lane] = nearest(f64::from(weight) * unit) as i16;
            }
        }
    }

    /// All seeds of the list that reach their threshold in some lane, as (position, lanes); one bit of `lanes` per lane. Lanes without
    /// a block mean nothing. The list has a bit for every position; `room` is where the seeds are kept.
    #[inline(always)]
    pub fn scan<'b>(&self, list: &[u32], room: &'b mut Room) -> &'b [(u32, u32)] {
        // One more than there can be: see below.
        room.hits.resize(list.len() * 32 + 1, (0, 0));
        let (positions, hits) = (room.positions.set_to(list), &mut room.hits[..]);
        let found = match self.table.columns {
            1 => self.columns::<1, { factors_per_seed(1) }, { words_per_seed(1) }>(positions, hits),
            2 => self.columns::<2, { factors_per_seed(2) }, { words_per_seed(2) }>(positions, hits),
            3 => self.columns::<3, { factors_per_seed(3) }, { words_per_seed(3) }>(positions, hits),
            _ => self.columns::<4, { factors_per_seed(4) }, { words_per_seed(4) }>(positions, hits),
        };
        &room.hits[..found]
    }

    #[inline(always)]
    fn columns<const P: usize, const N: usize, const W: usize>(
        &self,
        positions: &[u32],
        hits: &mut [(u32, u32)],
    ) -> usize {
        let (seeds, _) = self.seeds.words[self.seeds.first..].as_chunks::<W>();
        V::alone(ListedWalk::<V, P, N, W> {
            seeds,
            rows: self.sums.rows(),
            weights: &self.weights,
            positions,
            hits,
        })
    }
}

/// The loop; how many hits there are. `N`: factors per seed; `W`: words.
struct ListedWalk<'a, V: Lanes, const P: usize, const N: usize, const W: usize> {
    seeds: &'a [[u32; W]],
    rows: Rows<'a, V>,
    weights: &'a [V; MOST_WEIGHTS],
    positions: &'a [u32],
    hits: &'a mut [(u32, u32)],
}

impl<V: Lanes, const P: usize, const N: usize, const W: usize> Piece<V> for ListedWalk<'_, V, P, N, W> {
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
        let mut found = 0;
        for (number, &position) in positions.iter().enumerate() {
            if let Some(&later) = positions.get(number + AHEAD) {
                V::prefetch(&seeds[later as usize]);
            }
            // All branches before all loads: the compiler spreads numbers from memory only where there is none between.
            let hit = &mut hits[found];
            let seed = &seeds[position as usize];
            // Sums that do not wait for each other.
            let mut terms = *weights;
            for (term, &entry) in terms.iter_mut().zip(&seed[..MOST_WEIGHTS]) {
                *term = term.multiply(V::spread(entry));
            }
            let [a, b, c, d, e, f, g, h] = terms;
            let h = a.add(b).add(c.add(d)).add(e.add(f).add(g.add(h)));
            let mut x = [V::spread(0); P];
            let mut products = [[V::spread(0); P]; P];
            let indices = seed[MOST_WEIGHTS + N + 1].to_le_bytes();
            for j in 1..P {
                let index = &[indices[j - 1]];
                x[j] = rows.row(index);
                for k in 1..=j {
                    products[j][k] = if k < j { x[j].multiply(x[k]) } else { rows.square(index) };
                }
            }
            let (factors, _) = seed[MOST_WEIGHTS..].as_chunks::<N>();
            let energy = energy::<V, P, N>(&factors[0], h, &x, &products);
            let lanes = energy.sub(V::spread(seed[MOST_WEIGHTS + N])).not_negative();
            // All seeds are written, and those that are no hits are written over: a branch would be guessed wrong often, and a call
            // to make room would have the weights leave their registers.
            *hit = (position, lanes);
            found += usize::from(lanes != 0);
        }
        found
    }
}
