//! What a block is to be approximated by: the weights in integer steps.

use crate::metric::ErrorMetric;
use smallvec::SmallVec;
use std::sync::Arc;

/// Numbers of a block: those of the presets' take no memory of their own.
pub(crate) type Weights<T> = SmallVec<[T; 12]>;

/// The targets `t[c]` of one block, in steps of the matrix's scale.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    values: Weights<f64>,
    /// `F t`, with what errors are counted in.
    counted: Option<(Arc<ErrorMetric>, Vec<f64>)>,
    norm: f64,
}

impl Target {
    /// The weights of a block, at most `block_size` of them, over the scale; the rest of the block is 0.
    pub fn new(weights: &[f32], block_size: usize, scale: f64) -> Self {
        let mut values: Weights<f64> = weights.iter().map(|&weight| f64::from(weight) / scale).collect();
        values.resize(block_size, 0.0);
        let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
        Target {
            values,
            counted: None,
            norm,
        }
    }

    /// The same where errors are counted in a metric of as many weights.
    pub fn with_metric(mut self, metric: &Arc<ErrorMetric>) -> Self {
        let mut counted = self.values.to_vec();
        metric.apply(&mut counted);
        self.norm = counted.iter().map(|value| value * value).sum::<f64>().sqrt();
        self.counted = Some((Arc::clone(metric), counted));
        self
    }

    /// Number of weights in the block.
    pub fn size(&self) -> usize {
        self.values.len()
    }

    /// What errors are counted in, where they do not all count alike.
    #[inline(always)]
    pub fn metric(&self) -> Option<&ErrorMetric> {
        self.counted.as_ref().map(|(metric, _)| &**metric)
    }

    /// The targets as errors are counted: `F t`, or `t` itself; `C` of them.
    #[inline(always)]
    pub fn counted(&self) -> &[f64] {
        self.counted.as_ref().map_or(&self.values, |(_, counted)| counted)
    }

    /// The Euclidean norm of those.
    pub fn norm(&self) -> f64 {
        self.norm
    }

    /// A block of which the inner products with the columns of a matrix are those of `F t` with `F` times the columns, over the norm:
    /// `F^T F t / |F t|`. Its norm is 1 without a metric, and at most 1 with one.
    pub fn direction(&self) -> Weights<f32> {
        let mut direction: Weights<f64> = self.counted().into();
        if let Some(metric) = self.metric() {
            metric.apply_transposed(&mut direction);
        }
        direction.into_iter().map(|value| (value / self.norm) as f32).collect()
    }

    /// The canonical error of weights that are integers: the sum of squares in `f64`, in ascending order. Each term is exact up to
    /// three roundings, so the sum's relative error is below `(C + 3) * 2^-53`. With a metric it is the sum of the squares of what the
    /// metric makes of the differences.
    #[inline(always)]
    pub fn canonical_error(&self, integers: impl Iterator<Item = f64>) -> f64 {
        if let Some(metric) = self.metric() {
            return metric.squared_length(
                self.values
                    .iter()
                    .zip(integers)
                    .map(|(&value, integer)| value - integer),
            );
        }
        self.values.iter().zip(integers).fold(0.0, |sum, (&value, integer)| {
            let difference = value - integer;
            sum + difference * difference
        })
    }
}
