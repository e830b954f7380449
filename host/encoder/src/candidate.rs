//! A word with its error, and the order in which words are preferred.

use seedlm_codec::{BlockCode, BlockWord};
use std::cmp::Ordering;

/// The most coefficients a block code can have.
pub(crate) const MOST_COEFFICIENTS: usize = 8;

/// One word and its canonical error. Unused coefficients are 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// Canonical error, in squared integer steps.
    pub error: f64,
    /// Seed.
    pub seed: u32,
    /// Exponent field.
    pub exponent: u32,
    /// Coefficients.
    pub coefficients: [i32; MOST_COEFFICIENTS],
}

impl Candidate {
    /// The zero word with its error: the squared norm of the target.
    pub fn zero(error: f64) -> Self {
        Candidate {
            error,
            seed: 1,
            exponent: 0,
            coefficients: [0; MOST_COEFFICIENTS],
        }
    }

    /// No word yet, but a bound: every word of at most this error is preferred.
    pub fn none_below(error: f64) -> Self {
        Candidate {
            error,
            seed: u32::MAX,
            exponent: 0,
            coefficients: [0; MOST_COEFFICIENTS],
        }
    }

    /// Whether this is a word.
    pub fn is_word(&self) -> bool {
        self.seed != u32::MAX
    }

    /// Replaces `self` by `other` where that is preferred: by error, then seed, exponent and coefficients.
    pub fn keep_better(&mut self, other: Candidate) {
        let order = other.error.total_cmp(&self.error).then_with(|| {
            (other.seed, other.exponent, other.coefficients).cmp(&(self.seed, self.exponent, self.coefficients))
        });
        if order == Ordering::Less {
            *self = other;
        }
    }

    /// The integers that the word decodes to, `C` of them; `matrix` is that of its seed, row by row.
    #[inline(always)]
    pub fn integers<'a>(&'a self, matrix: &'a [i32], columns: usize) -> impl Iterator<Item = i64> {
        matrix.chunks_exact(columns).map(|row| {
            let products = row.iter().zip(&self.coefficients);
            let mantissa: i64 = products.map(|(&entry, &q)| i64::from(entry) * i64::from(q)).sum();
            mantissa << self.exponent
        })
    }

    /// The word.
    pub fn word(&self, code: &BlockCode) -> BlockWord {
        BlockWord {
            seed: self.seed,
            exponent: self.exponent,
            coefficients: self.coefficients[..code.latent_dimension()].to_vec(),
        }
    }
}
