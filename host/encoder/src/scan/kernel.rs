//! The loop over all seeds.

use super::lanes::{Lanes, Piece};
use super::sums::{Rows, SubsetSums};
use super::{MOST_PARTS, SHARED_SQUARES, ScanTable, WARM_UP, factors_per_seed, pair};
use crate::span::GROUP;

/// Scans batches of blocks; keeps its buffers from one batch to the next.
pub(crate) struct Scanner<'a, V: Lanes> {
    table: &'a ScanTable,
    sums: SubsetSums<V>,
    /// For every group of seeds, or every seed, the lanes in which one of them is a hit.
    hits: Vec<u32>,
}

impl<'a, V: Lanes> Scanner<'a, V> {
    pub fn new(table: &'a ScanTable) -> Self {
        Scanner {
            table,
            sums: SubsetSums::new(table),
            hits: Vec::new(),
        }
    }

    /// Scans all seeds for at most `V::COUNT` blocks of norm 1. For every group of eight seeds, says in which lanes one of
    /// them reaches its threshold: a set of lanes. Lanes without a block mean nothing.
    #[inline(always)]
    pub fn scan(&mut self, thresholds: &[u32], blocks: &[&[f32]]) -> &[u32] {
        self.hits.resize(self.table.margins.len() / GROUP, 0);
        self.scan_all::<false>(thresholds, blocks);
        &self.hits
    }

    /// The same for every seed by itself, for tables that [`ScanTable::has_lists`].
    #[inline(always)]
    pub fn scan_each(&mut self, thresholds: &[u32], blocks: &[&[f32]]) -> &[u32] {
        assert!(self.table.has_lists(), "this shape is not compiled for lists");
        self.hits.resize(self.table.margins.len(), 0);
        self.scan_all::<true>(thresholds, blocks);
        &self.hits
    }

    /// Shapes share code where that costs little: it is compiled for every instruction set.
    #[inline(always)]
    fn scan_all<const EACH: bool>(&mut self, thresholds: &[u32], blocks: &[&[f32]]) {
        self.sums.fill(self.table, blocks);
        match (self.table.columns, self.table.index_bytes) {
            (1, 1) => self.columns::<1, { factors_per_seed(1) }, 1, EACH>(thresholds),
            (2, 1) => self.columns::<2, { factors_per_seed(2) }, 1, EACH>(thresholds),
            (3, 1) => self.columns::<3, { factors_per_seed(3) }, 1, EACH>(thresholds),
            (4, 1) => self.columns::<4, { factors_per_seed(4) }, 1, EACH>(thresholds),
            (4, 2) => self.columns::<4, { factors_per_seed(4) }, 2, false>(thresholds),
            (1, _) => self.columns::<1, { factors_per_seed(1) }, MOST_PARTS, false>(thresholds),
            (2, _) => self.columns::<2, { factors_per_seed(2) }, MOST_PARTS, false>(thresholds),
            (3, _) => self.columns::<3, { factors_per_seed(3) }, MOST_PARTS, false>(thresholds),
            (4, _) => self.columns::<4, { factors_per_seed(4) }, MOST_PARTS, false>(thresholds),
            (5, _) => self.columns::<5, { factors_per_seed(5) }, MOST_PARTS, false>(thresholds),
            (6, _) => self.columns::<6, { factors_per_seed(6) }, MOST_PARTS, false>(thresholds),
            (7, _) => self.columns::<7, { factors_per_seed(7) }, MOST_PARTS, false>(thresholds),
            _ => self.columns::<8, { factors_per_seed(8) }, MOST_PARTS, false>(thresholds),
        }
    }

    #[inline(always)]
    fn columns<const P: usize, const N: usize, const BYTES: usize, const EACH: bool>(&mut self, thresholds: &[u32]) {
        V::alone(Walk::<V, P, N, BYTES, EACH> {
            table: self.table,
            rows: self.sums.rows(),
            thresholds,
            hits: &mut self.hits,
        });
    }
}

/// The loop. `N`: factors per seed; `BYTES`: of an index. Where that is one, squares come from a table.
struct Walk<'a, V: Lanes, const P: usize, const N: usize, const BYTES: usize, const EACH: bool> {
    table: &'a ScanTable,
    rows: Rows<'a, V>,
    thresholds: &'a [u32],
    hits: &'a mut [u32],
}

impl<V: Lanes, const P: usize, const N: usize, const BYTES: usize, const EACH: bool> Piece<V>
    for Walk<'_, V, P, N, BYTES, EACH>
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (table, rows) = (self.table, self.rows);
        let (indices, _) = table.indices.as_chunks::<BYTES>();
        let mut seed = Seed::<V, P>::before(rows, indices);
        let (indices, _) = indices[WARM_UP + P - 1..].as_chunks::<GROUP>();
        let (thresholds, _) = self.thresholds.as_chunks::<GROUP>();
        let (factors, _) = table.factors.as_chunks::<N>().0.as_chunks::<GROUP>();
        let hits = self.hits.chunks_exact_mut(if EACH { GROUP } else { 1 });
        for (((hits, thresholds), indices), factors) in hits.zip(thresholds).zip(indices).zip(factors) {
            let mut best = V::spread(pair(i16::MIN));
            macro_rules! look {
                ($($j:expr),*) => {$(
                    seed.advance(rows, &indices[$j]);
                    let found = energy(&factors[$j], seed.h, &seed.x, &seed.products);
                    let above = found.sub(V::spread(thresholds[$j]));
                    if EACH {
                        hits[$j] = above.not_negative();
                    } else {
                        best = best.max(above).settle();
                    }
                    seed.h = seed.h.settle();
                )*};
            }
            if V::IN_REGISTERS {
                // Written out: a loop would move vectors about from one seed to the next, more than it computes.
                look!(0, 1, 2, 3, 4, 5, 6, 7);
            } else {
                for j in 0..GROUP {
                    look!(j);
                }
            }
            if !EACH {
                hits[0] = best.not_negative();
            }
        }
    }
}

/// What the energy of a seed is made of, in all lanes.
struct Seed<V: Lanes, const P: usize> {
    h: V,
    /// `x[0]` goes into the next `h`, `x[1..P]` are the products with the sign vectors.
    x: [V; P],
    /// Of `x[1..P]`, the lower triangle.
    products: [[V; P]; P],
}

impl<V: Lanes, const P: usize> Seed<V, P> {
    /// All that the first seed needs of those before it.
    #[inline(always)]
    fn before<const BYTES: usize>(rows: Rows<'_, V>, indices: &[[u8; BYTES]]) -> Self {
        let zero = V::spread(0);
        let mut seed = Seed {
            h: zero,
            x: [zero; P],
            products: [[zero; P]; P],
        };
        for index in &indices[..WARM_UP] {
            seed.h = recur(seed.h, rows.row(index));
        }
        for j in 0..P - 1 {
            seed.x[j + 1] = rows.row(&indices[WARM_UP + j]);
        }
        for j in 1..P {
            for k in 1..=j {
                seed.products[j][k] = seed.x[j].multiply(seed.x[k]);
            }
        }
        seed
    }

    /// Moves on to the next seed, whose newest sign vector has the given index. Where that is one byte, squares come from a table.
    #[inline(always)]
    fn advance<const BYTES: usize>(&mut self, rows: Rows<'_, V>, index: &[u8; BYTES]) {
        let Seed { h, x, products } = self;
        for k in 0..P - 1 {
            x[k] = x[k + 1];
            for l in 0..=k {
                products[k][l] = products[k + 1][l + 1];
            }
        }
        x[P - 1] = rows.row(index);
        for k in 1..P {
            products[P - 1][k] = if k < P - 1 || BYTES > 1 {
                x[P - 1].multiply(x[k])
            } else {
                rows.square(index)
            };
        }
        *h = recur(*h, x[0]);
    }
}

/// `H` of the next seed.
#[inline(always)]
fn recur<V: Lanes>(h: V, x: V) -> V {
    h.shift_right::<1>().add(x.shift_right::<2>())
}

/// A factor of a seed.
pub(super) trait Factor: Copy {
    fn spread<V: Lanes>(self) -> V;
}

/// Twice over.
impl Factor for u32 {
    #[inline(always)]
    fn spread<V: Lanes>(self) -> V {
        V::spread(self)
    }
}

impl Factor for i16 {
    #[inline(always)]
    fn spread<V: Lanes>(self) -> V {
        V::spread_one(self)
    }
}

/// The energy of a seed.
#[inline(always)]
pub(super) fn energy<V: Lanes, F: Factor, const P: usize, const N: usize>(
    factors: &[F; N],
    h: V,
    x: &[V; P],
    products: &[[V; P]; P],
) -> V {
    let mut number = 0;
    let mut next = || -> V {
        number += 1;
        factors[number - 1].spread()
    };
    let mut energy = V::spread(0);
    for i in 1..P {
        for k in 1..=i {
            let product = if P == SHARED_SQUARES && i == k {
                if i == 1 {
                    continue;
                }
                products[1][1].average(products[2][2])
            } else {
                products[i][k]
            };
            energy = energy.add(next().multiply(product));
        }
    }
    let mut z = h;
    for &x in &x[1..P] {
        z = z.add(next().multiply(x));
    }
    energy.add(z.multiply(z))
}
