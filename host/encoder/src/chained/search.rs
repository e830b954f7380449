//! The Viterbi algorithm on many rows at once, one in each lane, with a proof for every row that its stream is the best.
//!
//! # Numbers
//! A metric is the cost of the best stream that ends in a state, above the best of all states. Its low `k` bits hold the
//! bits that this stream dropped last, so that one minimum finds both, and takes the smaller of two equals. The cost of a
//! single weight is cut off at `limit`, so that metrics cannot exceed `ceil(K/k) * limit`: so many weights after the best
//! state of all, any state can be reached from it.
//!
//! # Tracing back
//! Not all back-pointers are kept, only those of the last `window` weights. Every quarter of that the best stream so far is
//! followed back until it meets the stream that was followed before it: streams that lead to different states of today have
//! nearly always one past. What a trace back from the end would have found is then known, without its pointers.
//!
//! # Proof
//! A stream is the best when (1) every trace met the one before it within the pointers that were kept, and (2) its exact
//! cost, which the caller works out, is the metric it ended with: no limit was touched. Costs that are cut off are only ever
//! too small, so no other stream is better, and one as good would have been found as an equal. Rows without a proof are
//! searched again, by surer means.

use super::forward::{Costs, Forward};
use super::objective::Grid;
use super::trellis::Trellis;
use super::vector::{Lanes, Word};

/// Rows to be searched in one thread, as many at once as there are lanes.
pub(crate) struct Batch<'a> {
    pub trellis: &'a Trellis,
    pub grid: Grid,
    /// The targets of each row.
    pub rows: &'a [Vec<i32>],
    /// The state in which each row begins.
    pub states: &'a [u32],
    pub column_weights: Option<&'a [u32]>,
    /// Weights of which the back-pointers are kept: at least 4.
    pub window: usize,
}

/// The stream of a row.
pub(crate) struct FoundRow {
    /// Its symbols of `k` bits.
    pub symbols: Vec<u8>,
    /// The cost it had in the search: its own cost or less, and no other stream costs less than this.
    pub cost: u64,
    /// Whether every trace back met the one before it.
    pub joined: bool,
}

/// Searches the rows, in lanes of `V`.
#[inline(always)]
pub(crate) fn search<V: Lanes>(batch: &Batch<'_>) -> Vec<FoundRow> {
    match batch.trellis.stored {
        1 => search_symbols::<V, 2>(batch),
        2 => search_symbols::<V, 4>(batch),
        3 => search_symbols::<V, 8>(batch),
        4 => search_symbols::<V, 16>(batch),
        _ => search_symbols::<V, 32>(batch),
    }
}

#[inline(always)]
fn search_symbols<V: Lanes, const SYMBOLS: usize>(batch: &Batch<'_>) -> Vec<FoundRow> {
    let columns = batch.rows.first().map_or(0, Vec::len);
    let window = batch.window.min(columns);
    let mut costs = Costs::<V>::new(batch);
    let mut forward = Forward::<V, SYMBOLS>::new(batch.trellis, window);
    let mut found = Vec::with_capacity(batch.rows.len());
    for (rows, states) in batch.rows.chunks(V::COUNT).zip(batch.states.chunks(V::COUNT)) {
        forward.start(states);
        let mut trace = Trace::new(V::COUNT, columns);
        for column in 0..columns {
            costs.set(batch, rows, column);
            forward.step(&batch.trellis.arranged, costs.table());
            let reached = column + 1;
            if reached == columns || reached >= window && reached - trace.reached >= (window / 4).max(1) {
                trace.follow(&forward, reached, window);
            }
        }
        let lanes = trace.symbols.into_iter().zip(trace.joined).zip(forward.least_costs());
        found.extend(
            lanes
                .take(rows.len())
                .map(|((symbols, joined), &cost)| FoundRow { symbols, cost, joined }),
        );
    }
    found
}

/// What is known of the streams, lane by lane.
struct Trace {
    symbols: Vec<Vec<u8>>,
    /// The state after each weight.
    states: Vec<Vec<u32>>,
    /// Weights before the last trace.
    reached: usize,
    joined: Vec<bool>,
}

impl Trace {
    fn new(lanes: usize, columns: usize) -> Self {
        Trace {
            symbols: vec![vec![0; columns]; lanes],
            states: vec![vec![0; columns]; lanes],
            reached: 0,
            joined: vec![true; lanes],
        }
    }

    /// Follows the best streams back from after weight `from`.
    #[inline(always)]
    fn follow<V: Lanes, const SYMBOLS: usize>(&mut self, forward: &Forward<V, SYMBOLS>, from: usize, window: usize) {
        let mut open: Vec<(usize, u32)> = forward.best_states().into_iter().enumerate().collect();
        for column in (from.saturating_sub(window)..from).rev() {
            if column < self.reached {
                open.retain(|&(lane, state)| self.states[lane][column] != state);
                if open.is_empty() {
                    break;
                }
            }
            // All lanes side by side: each waits for memory.
            for (lane, state) in &mut open {
                self.states[*lane][column] = *state;
                let (symbol, before) = forward.step_back(column, column + 1 == from, *lane, *state);
                self.symbols[*lane][column] = symbol;
                *state = before;
            }
        }
        if from > window {
            for (lane, _) in open {
                self.joined[lane] = false;
            }
        }
        self.reached = from;
    }
}

/// What a stream costs more than the sums nearest to the targets, without any limit.
pub(crate) fn stream_cost(
    trellis: &Trellis,
    grid: Grid,
    (state, targets): (u32, &[i32]),
    column_weights: Option<&[u32]>,
    symbols: &[u8],
) -> u128 {
    let sums = trellis.row_sums(state, symbols);
    let costs = sums.zip(targets).enumerate().map(|(column, (sum, &target))| {
        let weight = column_weights.map_or(1, |weights| weights[column]);
        u128::from(weight) * grid.cost(target, i32::from(sum)) as u128
    });
    costs.sum()
}

/// The largest cost of a single weight in lanes of `bits` bits.
pub(crate) fn cost_limit(trellis: &Trellis, bits: u32) -> u32 {
    (u32::MAX >> (32 - bits + trellis.stored)) / trellis.memory() as u32
}

/// The largest number that may stand in the dropped bits' place.
#[inline(always)]
pub(crate) fn low_mask<V: Lanes>(symbols: usize) -> V {
    V::splat(symbols as u32 - 1)
}

/// Bits of a word.
#[inline(always)]
pub(crate) fn word_bits<V: Lanes>() -> u32 {
    <V::Word as Word>::BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chained::instructions::{Width, search_with};
    use crate::chained::plain::PlainRow;
    use proptest::prelude::*;
    use seedlm_codec::{ChainMap, ChainedCode};
    use seedlm_instructions::Instructions;

    /// Sums of two fields; every bit a parity of the window, and the newest bits among them.
    fn codes() -> Vec<ChainedCode> {
        let map = |length: u32, field_bits: &[u32]| {
            let mut state = u64::from(length) + 77;
            let mut mask = || {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                ((state >> 33) as u32 & ((1 << length) - 1)) | 1 << (length - 1 - (state >> 60) as u32 % 2)
            };
            let fields = field_bits.iter().map(|&bits| (0..bits).map(|_| mask()).collect());
            ChainMap::new(length, fields.collect()).unwrap()
        };
        let code = |stored, map| ChainedCode::new(stored, map).unwrap();
        vec![
            code(1, map(6, &[3])),
            code(1, map(9, &[4, 2])),
            code(2, map(8, &[4, 4])),
            code(3, map(10, &[4, 4, 4])),
            code(4, map(13, &[5, 4])),
            code(5, map(14, &[7, 7])),
        ]
    }

    fn rows() -> impl Strategy<Value = Vec<Vec<f32>>> {
        // Some far beyond the range, some all alike: nearly every row once needs another means than the first.
        let weight = prop_oneof![
            8 => -1.0_f32..1.0,
            1 => prop::sample::select(vec![0.0_f32, 0.5, -0.5]),
            1 => -30.0_f32..30.0,
        ];
        let row = prop_oneof![
            4 => prop::collection::vec(-1.0_f32..1.0, 60),
            2 => prop::collection::vec(weight, 60),
            1 => (-1.0_f32..1.0).prop_map(|weight| vec![weight; 60]),
        ];
        prop::collection::vec(row, 1..20)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// What is proven is what the plain search finds, with every instruction set, integer and amount of memory.
        #[test]
        fn a_proof_is_a_proof(
            rows in rows(),
            starts in prop::collection::vec(any::<u32>(), 20),
            weights in prop::option::of(prop::collection::vec(0_u32..=65535, 60)),
        ) {
            for code in codes() {
                let trellis = Trellis::new(&code).unwrap();
                prop_assert!(trellis.is_regular());
                let grid = Grid::new(&trellis);
                let scale = 4.0 / trellis.total as f32;
                let rows: Vec<Vec<i32>> = rows
                    .iter()
                    .map(|row| row.iter().map(|&weight| grid.target(weight, scale)).collect())
                    .collect();
                let column_weights = weights.as_deref();
                // One in four begins as rows do, with a window of zeros.
                let states: Vec<u32> = starts[..rows.len()]
                    .iter()
                    .map(|start| if start % 4 == 0 { 0 } else { start % trellis.states() as u32 })
                    .collect();
                let expected: Vec<Vec<u8>> = rows
                    .iter()
                    .zip(&states)
                    .map(|(targets, &state)| PlainRow { trellis: &trellis, grid, state, targets, column_weights }.encode())
                    .collect();
                for width in [Width::Narrow, Width::Wide] {
                    // 16-bit costs have no room for weights.
                    if width == Width::Narrow && weights.is_some() {
                        continue;
                    }
                    for window in [4, 17, 60] {
                        let batch = Batch { trellis: &trellis, grid, rows: &rows, states: &states, column_weights, window };
                        let mut first: Option<Vec<FoundRow>> = None;
                        for instructions in Instructions::available() {
                            let found = search_with(instructions, width, &batch);
                            for ((row, targets), (expected, &state)) in found.iter().zip(&rows).zip(expected.iter().zip(&states)) {
                                let targets = (state, &targets[..]);
                                let cost = stream_cost(&trellis, grid, targets, column_weights, &row.symbols);
                                if row.joined && cost == u128::from(row.cost) {
                                    prop_assert_eq!(&row.symbols, expected, "{} {}", code.label(), instructions);
                                }
                                prop_assert!(window < 60 || row.joined);
                                prop_assert!(u128::from(row.cost) <= stream_cost(&trellis, grid, targets, column_weights, expected));
                            }
                            // Vectors differ in nothing else either.
                            let same = first.as_ref().is_none_or(|first| {
                                let mut pairs = first.iter().zip(&found);
                                pairs.all(|(a, b)| (&a.symbols, a.cost, a.joined) == (&b.symbols, b.cost, b.joined))
                            });
                            prop_assert!(same, "{} {}", code.label(), instructions);
                            first = Some(found);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn ordinary_rows_are_proven_at_once() {
        let code = ChainedCode::preset("chained-4b-k12").unwrap();
        let trellis = Trellis::new(&code).unwrap();
        let grid = Grid::new(&trellis);
        // A few thousand targets all over the range.
        let rows: Vec<Vec<i32>> = (0..9_i32)
            .map(|row| (0..400).map(|column| (column * 7919 + row * 104_729) % 360).collect())
            .collect();
        let batch = Batch {
            trellis: &trellis,
            grid,
            rows: &rows,
            states: &[0; 9],
            column_weights: None,
            window: 400,
        };
        for instructions in Instructions::available() {
            for (row, targets) in search_with(instructions, Width::Narrow, &batch).iter().zip(&rows) {
                assert!(row.joined);
                assert_eq!(
                    stream_cost(&trellis, grid, (0, targets), None, &row.symbols),
                    u128::from(row.cost)
                );
            }
        }
    }
}
