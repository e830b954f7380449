//! The SeedLM formats: LFSR, codes, bit packing and integer arithmetic. **The golden model.**
//!
//! This crate is the readable twin of `docs/format.md`. It has no SIMD, no threads and no `unsafe`; everything fast and
//! everything in hardware is tested against it.
//!
//! * [`Lfsr`]: the register, its taps, its masks.
//! * [`BlockCode`], [`BlockWord`], [`BlockDecoder`]: `C` weights from a seed, an exponent and `P` coefficients.
//! * [`CodedMatrix`]: a matrix of such words with its scale.
//! * [`ChainedCode`], [`ChainMap`], [`ChainedMatrix`]: overlapping seeds, one for each weight, without multiplications.
//! * [`Rotation`]: what makes heavy-tailed rows well-behaved.
//! * [`WeightFormat`], [`WeightMatrix`], [`product`]: any stored format as integers, and the exact product with
//!   [`Activations`].
//! * [`machine`]: what the simulator and the Verilog generator share.
#![forbid(unsafe_code)]

mod binary16;
pub mod bits;
mod block;
mod chained;
mod checksum;
mod code;
mod decoded;
mod error;
mod groups;
mod layers;
mod lfsr;
mod linear;
pub mod machine;
mod matrix;
mod product;
mod rotation;
mod weights;

pub use binary16::{BINARY16_SCALE, Binary16Matrix, binary16_parts};
pub use block::{BlockCode, BlockCodeFields, BlockDecoder, BlockWord};
pub use chained::{CHAIN_LENGTHS, ChainMap, ChainMapFields, ChainedCode, ChainedCodeFields, ChainedMatrix};
pub use checksum::Crc32;
pub use code::Code;
pub use decoded::PARTIAL_SUMS;
pub use error::CodecError;
pub use groups::{ColumnGroup, check_scale_groups, coded_shape};
pub use layers::{MOST_LAYERS, layer_turn};
pub use lfsr::{LONGEST_LFSR, Lfsr, PAPER_TAPS, SHORTEST_LFSR};
pub use linear::BitMatrix;
pub use matrix::CodedMatrix;
pub use product::{Activations, accumulator_bits, check_product, product, product_of_row};
pub use rotation::Rotation;
pub use weights::{WeightFormat, WeightMatrix};
