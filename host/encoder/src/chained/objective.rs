//! The objective in integers: what a stream costs.

use super::trellis::Trellis;

/// `u * T^2` is at most this, for the largest sum of fields `T`.
const FINENESS: i32 = 8192;
/// Targets are clamped to this magnitude, which is beyond anything that a legal scale makes of a sensible row.
const FARTHEST: f64 = (1 << 24) as f64;
/// The largest column weight after rounding.
pub(crate) const HEAVIEST: u32 = 65535;

/// How targets are rounded, for one code.
///
/// Inside, a target is counted from the lower end of the code's range: `target = r + u T`, so that the sum of fields `s`
/// has the cost `(s - n) (u (s + n) - target)` more than the nearest sum `n`. That is `(u m - r)^2 / 4u` less a constant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    total: i32,
    unit: i32,
}

impl Grid {
    pub fn new(trellis: &Trellis) -> Self {
        let finest = (FINENESS / (trellis.total * trellis.total)).max(1);
        Grid {
            total: trellis.total,
            unit: 1 << finest.ilog2(),
        }
    }

    /// The integer target of a weight.
    pub fn target(&self, weight: f32, scale: f32) -> i32 {
        let steps = f64::from(weight) / f64::from(scale) * f64::from(self.unit);
        /// Adding it leaves no fractional bits in the sum, and rounds to nearest, ties to even.
        const ROUNDER: f64 = 1.5 * (1_u64 << 52) as f64;
        ((steps.clamp(-FARTHEST, FARTHEST) + ROUNDER) - ROUNDER) as i32 + self.total * self.unit
    }

    /// The sum of fields that is nearest to a target.
    #[inline(always)]
    pub fn nearest(&self, target: i32) -> i32 {
        // `unit` is a power of two.
        ((target + self.unit) >> (self.unit.trailing_zeros() + 1)).clamp(0, self.total)
    }

    /// What a sum costs more than the nearest one. Never negative.
    #[inline(always)]
    pub fn cost(&self, target: i32, sum: i32) -> i64 {
        let nearest = self.nearest(target);
        i64::from(sum - nearest) * i64::from(self.unit * (sum + nearest) - target)
    }

    /// `unit`, of which the vectors make the same costs.
    #[inline(always)]
    pub fn unit(&self) -> i32 {
        self.unit
    }
}

/// The integer weights of the columns; `None` where all are equal.
pub(crate) fn integer_column_weights(weights: &[f32]) -> Option<Vec<u32>> {
    let largest = weights.iter().copied().fold(0.0, f32::max);
    if weights.iter().all(|&weight| weight == largest) {
        return None;
    }
    let rounded = |&weight: &f32| (f64::from(weight) / f64::from(largest) * f64::from(HEAVIEST)).round() as u32;
    Some(weights.iter().map(rounded).collect())
}
