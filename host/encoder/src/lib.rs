//! The seed search: from real weights to the words of a SeedLM code.
//!
//! * [`BlockEncoder`] for block codes, described below;
//! * [`ChainedEncoder`] for chained codes: the best stream of every row, described in its own section.
//!
//! Either is made once for a code (it holds tables for all seeds) and encodes any number of matrices. Work is spread over the
//! current `rayon` pool (`ThreadPool::install` chooses another one).
//!
//! # Block codes: what is computed
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
//!
//! # Block codes: how it is computed
//!
//! The least-squares residual of a seed, the distance from the block to the span of the seed's matrix, is a lower bound
//! on the error of all its words, under any quantizer. Three sieves follow each other, each with margins that cover its
//! own rounding, so that none of them drops a seed that could win:
//!
//! 1. `scan`: residuals of all seeds in 16-bit integers, a batch of blocks side by side;
//! 2. `span`: residuals of the few survivors in `f32`;
//! 3. `lattice` (or `rule`): the words of a seed, in order of the bound, until the bound exceeds the best word.
//!
//! # Chained codes: what is computed
//! These definitions name no algorithm: every search that follows them gives the same bytes, for any number of threads, any
//! instruction set and any grouping of the rows.
//!
//! * **Scale.** One bfloat16 number per row, chosen by `scale` from all weights of the row (and the column weights).
//! * **Objective.** With the largest sum of fields `T` (which is also the largest integer weight), `u` is the largest power of
//!   two with `u T^2 <= 8192`, at least 1. The target of a weight `w` in a row with scale `s` is the integer
//!   `r = round(u w / s)`: one division in `f64`, a multiplication by `u`, a clamp to `±2^24`, rounding to nearest with ties to even.
//!   A stream that decodes to the integers `m` costs the sum over the row of `q (u m - r)^2`, an integer. `q` is 1, or with
//!   column weights `round(65535 * weight / largest weight)`.
//! * **Stream.** The one with the smallest cost of all `2^(kn)` streams of the row; of equals, the smallest when the stream is
//!   read as one integer, the newest bit most significant. A row starts with a window of zeros.
//! * **Rows of zeros** get the smallest legal scale, 2^-126, and the stream of zero bits. Where all integer weights are odd, a zero
//!   cannot be represented: such a row decodes to numbers of magnitude `T * 2^-126` or less.
//!
//! # Chained codes: how it is computed
//! By the Viterbi algorithm, which is exact. `search` goes through many rows at once in 16-bit or 32-bit integers and proves
//! of each row that nothing was lost by it; the few rows without a proof come to the next slower means (`rows`), and
//! in the end to `plain`, which needs none.
#![deny(unsafe_code)]

mod basis;
mod candidate;
mod chained;
mod each_lane;
mod encoded;
mod encoder;
mod error;
mod lattice;
mod metric;
mod orbit;
mod pieces;
mod prefetch;
mod quantizer;
mod rule;
mod scale;
mod scan;
mod search;
mod sorted;
mod span;
mod target;

pub use chained::{ChainedEncoder, ChainedPieces, EncodedChained};
pub use encoded::EncodedMatrix;
pub use encoder::BlockEncoder;
pub use error::EncodeError;
pub use pieces::BlockPieces;
pub use quantizer::{Quantizer, UnknownQuantizer};
pub use seedlm_instructions::{Instructions, InstructionsError};
