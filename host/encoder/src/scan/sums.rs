//! Signed subset sums of the blocks of a batch: their inner products with all sign vectors.

use super::lanes::Lanes;
use super::{INDEX_BITS, ScanTable};

/// Entries of a table.
const ENTRIES: usize = 1 << INDEX_BITS;
/// Bits of half an index, and its values.
const HALF_BITS: usize = INDEX_BITS / 2;
const HALF: usize = 1 << HALF_BITS;
/// Fractional bits in the sums before they are rounded.
const FRACTION: i32 = 8;
/// At least as many as a vector has lanes.
pub(crate) const MOST_LANES: usize = 32;

/// `X` of one vector of blocks, for the sign vectors of one part of a block: `sums[index]`.
type Part<V> = Box<[V; ENTRIES]>;

/// The tables of as many blocks as a vector has lanes.
pub(super) struct SubsetSums<V: Lanes> {
    /// One for each part of a block. Entries beyond the part's own are never asked for.
    parts: Vec<Part<V>>,
    /// The squares of the first part's: what blocks of one part need.
    squares: Part<V>,
}

fn boxed<V: Lanes>() -> Part<V> {
    vec![V::spread(0); ENTRIES]
        .try_into()
        .ok()
        .expect("as many as asked for")
}

impl<V: Lanes> SubsetSums<V> {
    /// Tables for blocks of the table's code.
    pub fn new(table: &ScanTable) -> Self {
        SubsetSums {
            parts: table.parts.iter().map(|_| boxed()).collect(),
            squares: boxed(),
        }
    }

    /// The tables as they are read.
    #[inline(always)]
    pub fn rows(&self) -> Rows<'_, V> {
        Rows {
            first: &self.parts[0],
            others: &self.parts[1..],
            squares: &self.squares,
        }
    }

    /// Fills them for at most `V::COUNT` blocks of norm 1. Lanes without a block are as if theirs were zero.
    #[inline(always)]
    pub fn fill(&mut self, table: &ScanTable, blocks: &[&[f32]]) {
        let mut first = 0;
        for (sums, &bits) in self.parts.iter_mut().zip(&table.parts) {
            let mut terms = [[0_i32; MOST_LANES]; INDEX_BITS];
            for (lane, block) in blocks.iter().enumerate().take(MOST_LANES) {
                for (terms, &weight) in terms.iter_mut().zip(&block[first..first + bits]) {
                    terms[lane] = nearest(f64::from(weight) * table.unit * f64::from(1 << FRACTION));
                }
            }
            first += bits;
            // An entry is a sum for the lower half of the index's bits and one for the upper half.
            let (mut low, mut high) = ([[0; MOST_LANES]; HALF], [[0; MOST_LANES]; HALF]);
            half_sums::<V>(&terms[..HALF_BITS], 1 << (FRACTION - 1), &mut low);
            half_sums::<V>(&terms[HALF_BITS..], 0, &mut high);
            // Whole halves, where a part has few bits.
            let used = HALF.max(1 << bits);
            for (rows, high) in sums[..used].chunks_exact_mut(HALF).zip(&high) {
                for (row, low) in rows.iter_mut().zip(&low) {
                    *row = V::sum::<FRACTION>(low, high);
                }
            }
        }
        for (square, sum) in self.squares.iter_mut().zip(self.parts[0].iter()) {
            *square = sum.multiply(*sum);
        }
    }
}

/// The filled tables.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, V: Lanes> {
    first: &'a [V; ENTRIES],
    others: &'a [Part<V>],
    squares: &'a [V; ENTRIES],
}

impl<V: Lanes> Rows<'_, V> {
    /// `X` where the sign vector's bits are the given ones, part by part. `BYTES`: of an index.
    #[inline(always)]
    pub fn row<const BYTES: usize>(self, index: &[u8; BYTES]) -> V {
        let mut row = self.first[usize::from(index[0])];
        if BYTES > 1 {
            for (sums, &index) in self.others.iter().zip(&index[1..]) {
                row = row.add(sums[usize::from(index)]);
            }
        }
        row
    }

    /// The square of `X`, where there is but one part.
    #[inline(always)]
    pub fn square<const BYTES: usize>(self, index: &[u8; BYTES]) -> V {
        self.squares[usize::from(index[0])]
    }
}

/// A number of less than 2^31, to nearest: as the last bits of a sum, without a library's function or a check of the range.
#[inline(always)]
pub(super) fn nearest(number: f64) -> i32 {
    const LAST_BIT_IS_ONE: f64 = 6_755_399_441_055_744.0;
    (number + LAST_BIT_IS_ONE).to_bits() as i32
}

/// `start` plus all signed sums of some terms.
#[inline(always)]
fn half_sums<V: Lanes>(terms: &[[i32; MOST_LANES]], start: i32, sums: &mut [[i32; MOST_LANES]; HALF]) {
    sums[0] = [start; MOST_LANES];
    for terms in terms {
        for lane in 0..V::COUNT {
            sums[0][lane] -= terms[lane];
        }
    }
    for index in 1..HALF {
        let (known, rest) = sums.split_at_mut(index);
        let (before, terms) = (&known[index & (index - 1)], &terms[index.trailing_zeros() as usize]);
        for lane in 0..V::COUNT {
            rest[0][lane] = before[lane] + 2 * terms[lane];
        }
    }
}
