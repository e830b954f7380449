//! The block code of the SeedLM paper (section 3): `C` weights from one seed, one exponent and `P` coefficients.

mod code;
mod decode;
mod word;

pub use code::{BlockCode, BlockCodeFields};
pub use decode::BlockDecoder;
pub use word::BlockWord;
