//! The scan of some seeds only, for blocks that lie near each other.

use super::kernel::energy;
use super::lanes::Lanes;
use super::sums::SubsetSums;
use super::{ONE, ScanTable, WARM_UP, factors_per_seed};
use crate::candidate::MOST_COEFFICIENTS;
use crate::sorted::MOST_WEIGHTS;

/// Looks at listed seeds for as many blocks as a vector has lanes. `H` has no recursion to come from: it is the sum of the
/// weights times the entries.
pub(crate) struct ListedScanner<'a, V: Lanes> {
    table: &'a ScanTable,
    sums: SubsetSums<V>,
    /// The weights, so that their products with entries are terms of `H`; filled up with zeros.
    weights: [V; MOST_WEIGHTS],
}

impl<'a, V: Lanes> ListedScanner<'a, V> {
    /// For tables that [`ScanTable::has_lists`].
    #[inline(always)]
    pub fn new(table: &'a ScanTable) -> Self {
        assert!(table.has_lists(), "this shape is not compiled for lists");
        ListedScanner {
            table,
            sums: SubsetSums::new(table),
            weights: [V::spread(0); MOST_WEIGHTS],
        }
    }

    /// Sets the blocks, at most `V::COUNT` of norm 1, of at most [`MOST_WEIGHTS`] weights.
    #[inline(always)]
    pub fn set(&mut self, blocks: &[&[f32]]) {
        self.sums.fill(self.table, blocks);
        let words = V::words_mut(&mut self.weights);
        words.fill(0);
        // Entries are a little smaller than 1 in units of 2^-15.
        let unit = self.table.unit / 2.0 * ONE / (ONE - 1.0);
        for (lane, block) in blocks.iter().enumerate() {
            for (c, &weight) in block.iter().enumerate() {
                words[c * V::COUNT + lane] = (f64::from(weight) * unit + ONE + 0.5) as i32 as i16 ^ i16::MIN;
            }
        }
    }

    /// Calls `hit(position, lanes)` for every seed of the list that reaches its threshold in some lane; one bit of `lanes`
    /// per lane. Lanes without a block mean nothing. The list has a bit for every position.
    #[inline(always)]
    pub fn scan(&self, thresholds: &[u32], list: &[u32], hits: &mut Vec<(usize, u32)>) {
        match self.table.columns {
            1 => self.columns::<1, { factors_per_seed(1) }>(thresholds, list, hits),
            2 => self.columns::<2, { factors_per_seed(2) }>(thresholds, list, hits),
            3 => self.columns::<3, { factors_per_seed(3) }>(thresholds, list, hits),
            _ => self.columns::<4, { factors_per_seed(4) }>(thresholds, list, hits),
        }
    }

    #[inline(always)]
    fn columns<const P: usize, const N: usize>(&self, thresholds: &[u32], list: &[u32], hits: &mut Vec<(usize, u32)>) {
        let (table, sums) = (self.table, &self.sums);
        let (indices, _) = table.indices.as_chunks::<1>();
        let (factors, _) = table.factors.as_chunks::<N>();
        for (word, &bits) in list.iter().enumerate() {
            let mut bits = bits;
            while bits != 0 {
                let position = word * 32 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let entries = &table.entries[position + 1..][..(MOST_WEIGHTS - 1) * P + 1];
                // Sums that do not wait for each other.
                let mut terms = self.weights;
                for (c, term) in terms.iter_mut().enumerate() {
                    *term = term.multiply(V::spread(entries[c * P]));
                }
                let [a, b, c, d, e, f, g, h] = terms;
                let h = a.add(b).add(c.add(d)).add(e.add(f).add(g.add(h)));
                let mut x = [V::spread(0); MOST_COEFFICIENTS];
                let mut products = [[V::spread(0); MOST_COEFFICIENTS]; MOST_COEFFICIENTS];
                let indices = &indices[WARM_UP + position..][..P];
                for j in 1..P {
                    x[j] = sums.row(&indices[j]);
                    for k in 1..=j {
                        products[j][k] = if k < j {
                            x[j].multiply(x[k])
                        } else {
                            sums.square(&indices[j])
                        };
                    }
                }
                let energy = energy::<V, P, N>(&factors[position], h, &x, &products);
                let lanes = energy.sub(V::spread(thresholds[position])).not_negative();
                if lanes != 0 {
                    hits.push((position, lanes));
                }
            }
        }
    }
}
