//! The naive search of a chained code: the Viterbi algorithm for one row, state by state, in 32-bit integers.

use crate::bench::compiled::{Work, dispatch};
use seedlm_codec::ChainedCode;
use seedlm_encoder::Instructions;

/// Windows looked at in a measurement.
const ENOUGH_WINDOWS: usize = 1 << 24;
/// Costs are squared differences in this fraction of an integer weight.
const UNIT: i32 = 8;
/// More than any stream costs.
const UNREACHED: u32 = 1 << 31;

/// The integer weights of all windows of a code.
pub struct NaiveChain {
    /// Stored bits per weight.
    stored: u32,
    /// Times [`UNIT`].
    weights: Vec<i32>,
}

impl NaiveChain {
    /// That of a code, if its stored bits are some preset's.
    pub fn new(code: &ChainedCode) -> Option<Self> {
        let map = code.map();
        (2..=4).contains(&code.bits_per_weight()).then(|| NaiveChain {
            stored: code.bits_per_weight(),
            weights: (0..1 << map.length())
                .map(|window| UNIT * map.weight(window) as i32)
                .collect(),
        })
    }

    /// Weights that make a measurement.
    pub fn enough(&self) -> usize {
        ENOUGH_WINDOWS / self.weights.len()
    }

    /// Searches the values as one row; the squared error.
    pub fn squared_error(&self, instructions: Instructions, values: &[f32]) -> f64 {
        // The scale at which the windows have the row's deviation. A better one would take no longer to use.
        let of_values: f64 = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>() / values.len() as f64;
        let of_weights = self
            .weights
            .iter()
            .map(|&weight| f64::from(weight).powi(2))
            .sum::<f64>();
        let scale = (of_values / (of_weights / self.weights.len() as f64)).sqrt();
        let most = self.weights.iter().copied().max().unwrap_or(0);
        let target = |&value: &f32| ((f64::from(value) / scale) as i32).clamp(-most, most);
        let targets: Vec<i32> = values.iter().map(target).collect();
        let (weights, targets) = (&self.weights[..], &targets[..]);
        let windows = match self.stored {
            2 => dispatch(instructions, Search::<4> { weights, targets }),
            3 => dispatch(instructions, Search::<8> { weights, targets }),
            _ => dispatch(instructions, Search::<16> { weights, targets }),
        };
        let pairs = values.iter().zip(windows);
        let error = |(&value, window): (&f32, usize)| f64::from(value) - f64::from(self.weights[window]) * scale;
        pairs.map(error).map(|error| error * error).sum()
    }
}

struct Search<'a, const SYMBOLS: usize> {
    weights: &'a [i32],
    targets: &'a [i32],
}

impl<const SYMBOLS: usize> Work for Search<'_, SYMBOLS> {
    /// The window of each weight.
    type Output = Vec<usize>;

    #[inline(always)]
    fn run<const FUSED: bool>(self) -> Vec<usize> {
        let (weights, _) = self.weights.as_chunks::<SYMBOLS>();
        let states = weights.len();
        // The metrics before each weight, and after the last.
        let mut metrics = vec![UNREACHED; states * (self.targets.len() + 1)];
        metrics[0] = 0;
        for (column, &target) in self.targets.iter().enumerate() {
            let (old, new) = metrics[column * states..].split_at_mut(states);
            let (old, _) = old.as_chunks::<SYMBOLS>();
            // The windows of a state differ in the bits that are dropped, and so do the states before it.
            for (state, (new, weights)) in new[..states].iter_mut().zip(weights).enumerate() {
                let old = &old[state % old.len()];
                let mut costs = [0; SYMBOLS];
                for dropped in 0..SYMBOLS {
                    let difference = weights[dropped] - target;
                    costs[dropped] = old[dropped].wrapping_add((difference * difference) as u32);
                }
                *new = costs.into_iter().fold(u32::MAX, u32::min);
            }
        }
        let last = &metrics[self.targets.len() * states..];
        let mut state = (0..states).min_by_key(|&state| last[state]).unwrap_or(0);
        let mut windows = vec![0; self.targets.len()];
        for (column, &target) in self.targets.iter().enumerate().rev() {
            let old = &metrics[column * states..][..states];
            let cost = |&window: &usize| {
                let difference = self.weights[window] - target;
                old[window % states].wrapping_add((difference * difference) as u32)
            };
            let window = (state * SYMBOLS..(state + 1) * SYMBOLS).min_by_key(cost).unwrap_or(0);
            windows[column] = window;
            state = window % states;
        }
        windows
    }
}
