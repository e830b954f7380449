//! What comes out of the encoder: a coded matrix and its error.

use seedlm_codec::CodedMatrix;

/// A matrix and what the code made of it.
#[derive(Clone, Debug)]
pub struct EncodedMatrix {
    /// The words and the scale.
    pub matrix: CodedMatrix,
    /// Sum over the real weights of `(w - w')^2`, `w'` the decoded weight as [`CodedMatrix::row_values`] gives it, in
    /// the weights' own units, squared.
    pub squared_error: f64,
    /// Sum of `w^2`, in the weights' own units, squared.
    pub squared_norm: f64,
}

impl EncodedMatrix {
    /// The relative error `||W - W'|| / ||W||` in the Frobenius norm, without unit. A matrix of zeros is encoded
    /// without error: 0.
    pub fn relative_error(&self) -> f64 {
        if self.squared_error == 0.0 {
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
