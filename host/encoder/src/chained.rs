//! The search for chained codes: from real weights to the streams of rows. What is computed, and how, stands in the crate's
//! documentation.

mod encoded;
mod encoder;
mod forward;
mod instructions;
mod objective;
mod pieces;
mod plain;
mod rows;
mod scale;
mod search;
mod smooth;
mod trellis;
mod vector;

pub use encoded::EncodedChained;
pub use encoder::ChainedEncoder;
pub use pieces::ChainedPieces;
