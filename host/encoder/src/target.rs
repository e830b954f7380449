//! What a block is to be approximated by: the weights in integer steps.

/// The targets `t[c]` of one block, in steps of the matrix's scale.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    values: Vec<f64>,
    norm: f64,
}

impl Target {
    /// The weights of a block, at most `block_size` of them, over the scale; the rest of the block is 0.
    pub fn new(weights: &[f32], block_size: usize, scale: f64) -> Self {
        let mut values: Vec<f64> = weights.iter().map(|&weight| f64::from(weight) / scale).collect();
        values.resize(block_size, 0.0);
        let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
        Target { values, norm }
    }

    /// The targets, `C` of them.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Their Euclidean norm.
    pub fn norm(&self) -> f64 {
        self.norm
    }

    /// The canonical error of weights that are integers: the sum of squares in `f64`, in ascending order. Each term is exact up to
    /// three roundings, so the sum's relative error is below `(C + 3) * 2^-53`.
    #[inline(always)]
    pub fn canonical_error(&self, integers: impl Iterator<Item = f64>) -> f64 {
        self.values.iter().zip(integers).fold(0.0, |sum, (&value, integer)| {
            let difference = value - integer;
            sum + difference * difference
        })
    }
}
