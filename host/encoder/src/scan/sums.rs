//! Signed subset sums of the blocks of a batch: their inner products with all sign vectors.

use super::lanes::Lanes;
use super::{INDEX_BITS, ScanTable};

/// Entries of a table.
const ENTRIES: usize = 1 << INDEX_BITS;
/// Fractional bits in the sums before they are rounded.
const FRACTION: i32 = 8;
/// At least as many as a vector has lanes.
const MOST_LANES: usize = 32;

/// `X` of one vector of blocks, for the sign vectors of one part of a block: `sums[index]`.
type Part<V> = Box<[V; ENTRIES]>;

/// The tables of as many blocks as a vector has lanes.
pub(super) struct SubsetSums<V: Lanes> {
    /// One for each part of a block. Entries beyond the part's own are never asked for.
    pub parts: Vec<Part<V>>,
    /// The squares of the first part's: what blocks of one part need.
    pub squares: Part<V>,
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

    /// `X` where the sign vector's bits are the given ones, part by part. `BYTES`: of an index.
    #[inline(always)]
    pub fn row<const BYTES: usize>(&self, index: &[u8; BYTES]) -> V {
        let mut row = self.parts[0][usize::from(index[0])];
        if BYTES > 1 {
            for (sums, &index) in self.parts[1..].iter().zip(&index[1..]) {
                row = row.add(sums[usize::from(index)]);
            }
        }
        row
    }

    /// The square of `X`, where there is but one part.
    #[inline(always)]
    pub fn square<const BYTES: usize>(&self, index: &[u8; BYTES]) -> V {
        self.squares[usize::from(index[0])]
    }

    /// Fills them for at most `V::COUNT` blocks of norm 1. Lanes without a block are as if theirs were zero.
    #[inline(always)]
    pub fn fill(&mut self, table: &ScanTable, blocks: &[&[f32]]) {
        let mut first = 0;
        for (sums, &bits) in self.parts.iter_mut().zip(&table.parts) {
            // Twice the terms of each block, and the sum with all signs negative.
            let mut terms = [[0_i32; MOST_LANES]; INDEX_BITS];
            let mut negative = [0_i32; MOST_LANES];
            for (lane, block) in blocks.iter().enumerate() {
                for (terms, &weight) in terms.iter_mut().zip(&block[first..first + bits]) {
                    let scaled = f64::from(weight) * table.unit * f64::from(1 << FRACTION);
                    // To nearest, without a library's function.
                    let term = (scaled + f64::from(1 << 24) + 0.5) as i32 - (1 << 24);
                    terms[lane] = 2 * term;
                    negative[lane] -= term;
                }
            }
            first += bits;
            let words = V::words_mut(&mut sums[..]);
            let mut exact = [[0_i32; MOST_LANES]; ENTRIES];
            for index in 0..1_usize << bits {
                let mut sum = negative;
                if index > 0 {
                    sum = exact[index & (index - 1)];
                    let terms = &terms[index.trailing_zeros() as usize];
                    for lane in 0..V::COUNT {
                        sum[lane] += terms[lane];
                    }
                }
                exact[index] = sum;
                for lane in 0..V::COUNT {
                    words[index * V::COUNT + lane] = ((sum[lane] + (1 << (FRACTION - 1))) >> FRACTION) as i16;
                }
            }
        }
        for (square, sum) in self.squares.iter_mut().zip(self.parts[0].iter()) {
            *square = sum.multiply(*sum);
        }
    }
}
