//! The loop over all seeds.

use super::lanes::Lanes;
use super::sums::SubsetSums;
use super::{MOST_PARTS, SHARED_SQUARES, ScanTable, WARM_UP, factors_per_seed, pair};
use crate::candidate::MOST_COEFFICIENTS;
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
    /// them reaches its threshold: one bit per lane. Lanes without a block mean nothing.
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

    /// `N`: factors per seed; `BYTES`: of an index. Where that is one, squares come from a table.
    #[inline(always)]
    fn columns<const P: usize, const N: usize, const BYTES: usize, const EACH: bool>(&mut self, thresholds: &[u32]) {
        let (table, sums) = (self.table, &self.sums);
        let (indices, _) = table.indices.as_chunks::<BYTES>();
        let mut h = V::spread(0);
        for index in &indices[..WARM_UP] {
            h = recur(h, sums.row(index));
        }
        // `x[0]` goes into `h`, `x[1..P]` are the products with the sign vectors, of one seed after the other.
        let mut x = [V::spread(0); MOST_COEFFICIENTS];
        let mut products = [[V::spread(0); MOST_COEFFICIENTS]; MOST_COEFFICIENTS];
        for j in 0..P - 1 {
            x[j + 1] = sums.row(&indices[WARM_UP + j]);
        }
        for j in 1..P {
            for k in 1..=j {
                products[j][k] = x[j].multiply(x[k]);
            }
        }
        let (indices, _) = indices[WARM_UP + P - 1..].as_chunks::<GROUP>();
        let (thresholds, _) = thresholds.as_chunks::<GROUP>();
        let (factors, _) = table.factors.as_chunks::<N>().0.as_chunks::<GROUP>();
        let hits = self.hits.chunks_exact_mut(if EACH { GROUP } else { 1 });
        for (((hits, thresholds), indices), factors) in hits.zip(thresholds).zip(indices).zip(factors) {
            let mut best = V::spread(pair(i16::MIN));
            for j in 0..GROUP {
                for k in 0..P - 1 {
                    x[k] = x[k + 1];
                    for l in 0..=k {
                        products[k][l] = products[k + 1][l + 1];
                    }
                }
                x[P - 1] = sums.row(&indices[j]);
                for k in 1..P {
                    products[P - 1][k] = if k < P - 1 || BYTES > 1 {
                        x[P - 1].multiply(x[k])
                    } else {
                        sums.square(&indices[j])
                    };
                }
                h = recur(h, x[0]);
                let energy = energy::<V, P, N>(&factors[j], h, &x, &products);
                let above = energy.sub(V::spread(thresholds[j]));
                if EACH {
                    hits[j] = above.not_negative();
                } else {
                    best = best.max(above);
                }
            }
            if !EACH {
                hits[0] = best.not_negative();
            }
        }
    }
}

/// `H` of the next seed.
#[inline(always)]
fn recur<V: Lanes>(h: V, x: V) -> V {
    h.shift_right::<1>().add(x.shift_right::<2>())
}

/// The energy of a seed.
#[inline(always)]
pub(super) fn energy<V: Lanes, const P: usize, const N: usize>(
    factors: &[u32; N],
    h: V,
    x: &[V; MOST_COEFFICIENTS],
    products: &[[V; MOST_COEFFICIENTS]; MOST_COEFFICIENTS],
) -> V {
    let mut number = 0;
    let mut next = || {
        number += 1;
        V::spread(factors[number - 1])
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
