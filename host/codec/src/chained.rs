//! The chained code: neighbouring weights have overlapping seeds, and a weight is a sum of a few XORs.
//! `docs/format.md`, section "The chained code".

mod chosen_rows;
mod code;
mod map;
mod matrix;

pub use code::{ChainedCode, ChainedCodeFields};
pub use map::{CHAIN_LENGTHS, ChainMap, ChainMapFields};
pub use matrix::ChainedMatrix;
