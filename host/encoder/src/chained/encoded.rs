//! What comes out of the encoder for chained codes: a coded matrix and its error.

use seedlm_codec::ChainedMatrix;

/// A matrix and what the chained code made of it.
#[derive(Clone, Debug)]
pub struct EncodedChained {
    /// The bits and the scales.
    pub matrix: ChainedMatrix,
    /// Sum over the weights of `(w - w')^2`, `w'` the decoded weight as [`ChainedMatrix::row_values`] gives it, in the weights'
    /// own units, squared. Column weights play no part in it.
    pub squared_error: f64,
    /// Sum of `w^2`, in the weights' own units, squared.
    pub squared_norm: f64,
}

impl EncodedChained {
    /// The relative error `||W - W'|| / ||W||` in the Frobenius norm, without unit; 0 for a matrix without weights and
    /// for a matrix of zeros, which this code represents by numbers of at most some 1e-36.
    pub fn relative_error(&self) -> f64 {
        if self.squared_error == 0.0 || self.squared_norm == 0.0 {
            0.0
        } else {
            (self.squared_error / self.squared_norm).sqrt()
        }
    }

    /// The signal to quantisation noise ratio in decibels, `-20 log10` of the relative error; infinite where there is
    /// no error.
    pub fn sqnr_db(&self) -> f64 {
        -20.0 * self.relative_error().log10()
    }
}
