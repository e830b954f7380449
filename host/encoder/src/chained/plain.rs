//! The Viterbi algorithm as it is written down: one row, every code. Slow and sure.

use super::objective::Grid;
use super::trellis::Trellis;

/// A row to be encoded.
pub(crate) struct PlainRow<'a> {
    pub trellis: &'a Trellis,
    pub grid: Grid,
    /// The state in which the row begins.
    pub state: u32,
    pub targets: &'a [i32],
    pub column_weights: Option<&'a [u32]>,
}

impl PlainRow<'_> {
    /// The best stream, as symbols of `k` bits.
    ///
    /// Of the way forward only the metrics at the start of every stretch are kept; a stretch is gone through again when the
    /// way back comes to it, so the memory grows with the square root of the row.
    pub fn encode(&self) -> Vec<u8> {
        let (columns, states) = (self.targets.len(), self.trellis.states());
        let stretch = columns.isqrt().max(1);
        /// More than any stream costs above the best one, and far from overflow.
        const UNREACHED: i64 = i64::MAX / 4;
        let mut metrics = vec![UNREACHED; states];
        metrics[self.state as usize] = 0;
        let mut starts = Vec::new();
        let mut unused = vec![0; states];
        for column in 0..columns {
            if column % stretch == 0 {
                starts.push(metrics.clone());
            }
            self.step(column, &mut metrics, &mut unused);
        }
        // The first of the minima is the smallest state.
        let best = (0..states).min_by_key(|&state| metrics[state]);
        let mut state = best.expect("there are states");
        let mut row = vec![0; columns];
        let mut dropped = vec![0; stretch * states];
        for (index, mut metrics) in starts.into_iter().enumerate().rev() {
            let range = index * stretch..columns.min((index + 1) * stretch);
            for (column, dropped) in range.clone().zip(dropped.chunks_exact_mut(states)) {
                self.step(column, &mut metrics, dropped);
            }
            for (column, dropped) in range.zip(dropped.chunks_exact(states)).rev() {
                let window = state << self.trellis.stored | usize::from(dropped[state]);
                row[column] = (window >> (self.trellis.length - self.trellis.stored)) as u8;
                state = window % states;
            }
        }
        row
    }

    /// One weight forward: new metrics, and the bits that the best stream into each state drops.
    fn step(&self, column: usize, metrics: &mut Vec<i64>, dropped: &mut [u8]) {
        let trellis = self.trellis;
        let (states, symbols) = (trellis.states(), 1_usize << trellis.stored);
        let weight = self.column_weights.map_or(1, |weights| i64::from(weights[column]));
        let costs: Vec<i64> = (0..=trellis.total)
            .map(|sum| weight * self.grid.cost(self.targets[column], sum))
            .collect();
        let mut next = Vec::with_capacity(states);
        for (state, dropped) in dropped.iter_mut().enumerate() {
            let mut best = i64::MAX;
            for window in state * symbols..(state + 1) * symbols {
                let metric = metrics[window % states] + costs[usize::from(trellis.sums[window])];
                // Strictly less: the smallest dropped bits stay.
                if metric < best {
                    best = metric;
                    *dropped = (window % symbols) as u8;
                }
            }
            next.push(best);
        }
        // Smaller by the least, metrics do not grow with the row.
        let least = next.iter().copied().min().expect("there are states");
        next.iter_mut().for_each(|metric| *metric -= least);
        *metrics = next;
    }
}
