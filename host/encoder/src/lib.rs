//! The seed search: from real weights to the words of a SeedLM code.
//!
//! [`BlockEncoder`] is made once for a code (it holds tables for all seeds) and encodes any number of matrices.
//!
//! # What is computed
//!
//! * **Scale.** A decoded weight is `integer * scale`, `integer = m[c] * 2^e`, one `f32` scale per matrix:
//!   `scale = f32(2^bias / (2^(K-1) - 1))` with one integer `bias` per matrix. So the exponent field `e` stands for the
//!   exponent `e + bias` of the SeedLM paper (section 3.2), which has no bias and ruins small weights. The bias puts the
//!   largest exponent that the matrix's largest blocks ask for on the top of the exponent field.
//! * **Error.** The target of weight `c` is `t[c] = f64(w[c]) / f64(scale)`; beyond the end of a row (partial last block)
//!   it is 0. The *canonical error* of a word is `sum over c of (t[c] - integer[c])^2`, in `f64`, in ascending `c`.
//! * **Word.** [`Quantizer::Exact`] takes the word with the smallest canonical error of all words of the code; ties go to
//!   the smallest seed, then the smallest exponent, then the lexicographically smallest coefficients.
//!   [`Quantizer::Printed`] and [`Quantizer::Rounded`] let a rule choose exponent and coefficients for each seed and
//!   take the best seed in the same order. A block of zeros is always `BlockWord::zero`.
//!
//! These definitions name no algorithm: every search that follows them gives the same bytes, for any number of threads.
//! Work is spread over the current `rayon` pool (`ThreadPool::install` chooses another one).
//!
//! # How it is computed
//!
//! The least-squares residual of a seed, the distance from the block to the span of the seed's matrix, is a lower bound
//! on the error of all its words, under any quantizer. Three sieves follow each other, each with margins that cover its
//! own rounding, so that none of them drops a seed that could win:
//!
//! 1. `scan`: residuals of all seeds in 16-bit integers, a batch of blocks side by side;
//! 2. `span`: residuals of the few survivors in `f32`;
//! 3. `lattice` (or `rule`): the words of a seed, in order of the bound, until the bound exceeds the best word.
#![forbid(unsafe_code)]

mod basis;
mod candidate;
mod encoded;
mod encoder;
mod error;
mod lattice;
mod orbit;
mod quantizer;
mod rule;
mod scale;
mod scan;
mod search;
mod span;
mod target;

pub use encoded::EncodedMatrix;
pub use encoder::BlockEncoder;
pub use error::EncodeError;
pub use quantizer::{Quantizer, UnknownQuantizer};
