//! One weight forward: the costs of the sums, the new metrics, the back-pointers of the old ones.

use super::objective::Grid;
use super::search::{Batch, cost_limit, low_mask, word_bits};
use super::trellis::Trellis;
use super::vector::{Lanes, Word};

/// Sums of fields that a byte can name.
const SUMS: usize = 256;

/// The cost of every sum for the weights of one column, in the upper bits of a lane.
pub(crate) struct Costs<V: Lanes> {
    table: Vec<V>,
    /// Lane by lane, nearest sum and target.
    nearest: Vec<i32>,
    targets: Vec<i32>,
    limit: u32,
    grid: Grid,
}

impl<V: Lanes> Costs<V> {
    #[inline(always)]
    pub fn new(batch: &Batch<'_>) -> Self {
        Costs {
            table: vec![V::splat(0); SUMS],
            nearest: vec![0; V::COUNT],
            targets: vec![0; V::COUNT],
            limit: cost_limit(batch.trellis, word_bits::<V>()),
            grid: batch.grid,
        }
    }

    /// Costs are cut off at the limit.
    #[inline(always)]
    pub fn set(&mut self, batch: &Batch<'_>, rows: &[Vec<i32>], column: usize) {
        let (total, unit, stored) = (batch.trellis.total, self.grid.unit(), batch.trellis.stored);
        let factor = batch.column_weights.map_or(1, |weights| weights[column]);
        // So that the product keeps within the limit.
        let limit = self.limit / factor.max(1);
        // A target nearer than it is makes costs smaller only. It keeps products within 32 bits.
        let farthest = 4 * unit * total + (1 << 20);
        for (lane, row) in rows.iter().enumerate() {
            self.targets[lane] = row[column].clamp(-farthest, farthest);
            self.nearest[lane] = self.grid.nearest(self.targets[lane]);
        }
        let (targets, nearest) = (&self.targets[..V::COUNT], &self.nearest[..V::COUNT]);
        let words = V::words_mut(&mut self.table);
        for sum in 0..=total {
            let words = &mut words[sum as usize * V::COUNT..][..V::COUNT];
            for lane in 0..V::COUNT {
                let cost = (sum - nearest[lane]) * (unit * (sum + nearest[lane]) - targets[lane]);
                words[lane] = <V::Word as Word>::low(((cost as u32).min(limit) * factor) << stored);
            }
        }
    }

    #[inline(always)]
    pub fn table(&self) -> &[V; SUMS] {
        self.table.as_slice().try_into().expect("as many as a byte can name")
    }
}

/// The metrics of all states, and the back-pointers of the last weights.
pub(crate) struct Forward<V: Lanes, const SYMBOLS: usize> {
    stored: u32,
    middle_bits: u32,
    /// Vectors between blocks of states with the same newest bits: powers of two apart, the blocks' writes would evict each other
    /// from the cache.
    padding: usize,
    metrics: Vec<V>,
    next: Vec<V>,
    /// For each of the last weights, the dropped bits of all states, several in a lane.
    back: Vec<V>,
    back_columns: usize,
    /// The smallest of the metrics, in the lanes' upper bits: to be subtracted from them.
    least: V,
    /// All that has been subtracted.
    costs: Vec<u64>,
    columns: usize,
    /// Steps until no state depends on the state at the row's start.
    memory: usize,
    start_cost: u32,
}

impl<V: Lanes, const SYMBOLS: usize> Forward<V, SYMBOLS> {
    /// Bits of a back-pointer; a power of two.
    const SLOT_BITS: u32 = SYMBOLS.trailing_zeros().next_power_of_two();

    /// Back-pointers in a lane.
    #[inline(always)]
    fn slots() -> usize {
        (word_bits::<V>() / Self::SLOT_BITS) as usize
    }

    /// Keeps the back-pointers of `back_columns` weights.
    #[inline(always)]
    pub fn new(trellis: &Trellis, back_columns: usize) -> Self {
        let middles = trellis.middles();
        let padding = usize::from(middles >= SYMBOLS);
        let start_cost = cost_limit(trellis, word_bits::<V>()) * (trellis.memory() as u32 - 1);
        let metrics = vec![V::splat(0); (middles + padding) * SYMBOLS];
        Forward {
            stored: trellis.stored,
            middle_bits: middles.trailing_zeros(),
            padding,
            next: metrics.clone(),
            metrics,
            back: vec![V::splat(0); back_columns * trellis.states().div_ceil(Self::slots())],
            back_columns,
            least: V::splat(0),
            costs: vec![0; V::COUNT],
            columns: 0,
            memory: trellis.memory(),
            start_cost,
        }
    }

    /// Goes to the start of other rows, which begin in the given states.
    #[inline(always)]
    pub fn start(&mut self, states: &[u32]) {
        self.metrics.fill(V::splat(self.start_cost << self.stored));
        for (lane, &state) in states.iter().enumerate() {
            let place = self.place(state as usize);
            V::words_mut(&mut self.metrics)[place * V::COUNT + lane] = <V::Word as Word>::low(0);
        }
        self.least = V::splat(0);
        self.costs.fill(0);
        self.columns = 0;
    }

    /// One weight, whose cost for every sum is given.
    #[inline(always)]
    pub fn step(&mut self, arranged: &[u8], costs: &[V; SUMS]) {
        let middles = 1_usize << self.middle_bits;
        let mask = low_mask::<V>(SYMBOLS);
        let kept = V::splat(!(SYMBOLS as u32 - 1));
        let slots = Self::slots();
        let per_column = self.back.len() / self.back_columns.max(1);
        let back = &mut self.back[self.columns % self.back_columns * per_column..][..per_column];
        let stride = middles + self.padding;
        let next = &mut self.next[..stride * SYMBOLS];
        let least = self.least;
        let mut least_next = V::splat(u32::MAX);
        let mut packed = V::splat(0);
        let (arranged, _) = arranged.as_chunks::<SYMBOLS>();
        for middle in 0..middles {
            let first = middle * SYMBOLS;
            let at = first + (first >> self.middle_bits) * self.padding;
            let old: &[V; SYMBOLS] = self.metrics[at..at + SYMBOLS].try_into().expect("predecessors");
            let mut from = [mask; SYMBOLS];
            for dropped in 0..SYMBOLS {
                from[dropped] = old[dropped].sub(least).and(kept).or(V::splat(dropped as u32));
            }
            if SYMBOLS >= slots {
                let lanes = &mut back[first / slots..][..SYMBOLS / slots];
                for (lane, old) in lanes.iter_mut().zip(old.chunks_exact(slots)) {
                    *lane = Self::pack(old);
                }
            } else {
                // Several states' predecessors share a lane.
                let slot = first % slots;
                let pointers = Self::pack(old).shift_left(slot as u32 * Self::SLOT_BITS);
                packed = if slot == 0 { pointers } else { packed.or(pointers) };
                back[first / slots] = packed;
            }
            let sums: &[[u8; SYMBOLS]; SYMBOLS] = arranged[first..first + SYMBOLS].try_into().expect("windows");
            for new in 0..SYMBOLS {
                let mut best = from[0].add(costs[usize::from(sums[new][0])]);
                for dropped in 1..SYMBOLS {
                    best = best.min(from[dropped].add(costs[usize::from(sums[new][dropped])]));
                }
                least_next = least_next.min(best);
                next[new * stride + middle] = best;
            }
        }
        std::mem::swap(&mut self.metrics, &mut self.next);
        self.least = least_next.and(kept);
        for (cost, least) in self.costs.iter_mut().zip(V::words(&[self.least])) {
            *cost += u64::from(least.number() >> self.stored);
        }
        self.columns += 1;
        if self.columns < self.memory {
            self.clamp();
        }
    }

    /// The dropped bits of a few states, side by side.
    #[inline(always)]
    fn pack(metrics: &[V]) -> V {
        let mask = low_mask::<V>(SYMBOLS);
        let mut packed = metrics[0].and(mask);
        for (slot, metric) in metrics.iter().enumerate().skip(1) {
            packed = packed.or(metric.and(mask).shift_left(slot as u32 * Self::SLOT_BITS));
        }
        packed
    }

    /// Keeps states that cannot be reached yet from growing beyond a lane. Others are never so dear.
    #[inline(always)]
    fn clamp(&mut self) {
        let mask = low_mask::<V>(SYMBOLS);
        let kept = V::splat(!(SYMBOLS as u32 - 1));
        let most = self.least.add(V::splat(self.start_cost << self.stored));
        for metric in &mut self.metrics {
            *metric = metric.and(kept).min(most).or(metric.and(mask));
        }
    }

    /// The cost of the best stream in every lane.
    #[inline(always)]
    pub fn least_costs(&self) -> &[u64] {
        &self.costs
    }

    /// The smallest of the best states in every lane.
    #[inline(always)]
    pub fn best_states(&self) -> Vec<u32> {
        let mut best = vec![0; V::COUNT];
        let best_lanes = &mut best[..V::COUNT];
        let least = [self.least];
        let least = V::words(&least);
        let words = V::words(&self.metrics);
        for state in (0..SYMBOLS << self.middle_bits).rev() {
            let words = &words[self.place(state) * V::COUNT..][..V::COUNT];
            for lane in 0..V::COUNT {
                if words[lane].number() >> self.stored == least[lane].number() >> self.stored {
                    best_lanes[lane] = state as u32;
                }
            }
        }
        best
    }

    #[inline(always)]
    fn place(&self, state: usize) -> usize {
        state + (state >> self.middle_bits) * self.padding
    }

    /// The symbol of a weight after which the row is in `state`, and the state before it.
    #[inline(always)]
    pub fn step_back(&self, column: usize, is_last: bool, lane: usize, state: u32) -> (u8, u32) {
        let state = state as usize;
        let dropped = if is_last {
            V::words(&self.metrics)[self.place(state) * V::COUNT + lane].number()
        } else {
            // Pointers are stored when the next weight comes.
            let slots = Self::slots();
            let per_column = self.back.len() / self.back_columns;
            let vector = (column + 1) % self.back_columns * per_column + state / slots;
            let word = V::words(&self.back)[vector * V::COUNT + lane].number();
            word >> ((state % slots) as u32 * Self::SLOT_BITS)
        };
        let window = state << self.stored | (dropped as usize & (SYMBOLS - 1));
        let states = SYMBOLS << self.middle_bits;
        ((state >> self.middle_bits) as u8, (window & (states - 1)) as u32)
    }
}
