//! Fast decoding in software: the bits of the golden model (`seedlm-codec`) at the speed of memory.
//!
//! A [`Decoder`] is made once for a code, which makes its tables, and serves any number of matrices. It gives weights in `f32`,
//! bfloat16 and 8-bit integers, and products with real activations that decode the weights on the way and write none of them.
//! What comes out is defined by [`WeightMatrix`](seedlm_codec::WeightMatrix)`::{row_values, row_bf16, row_i8, row_product}` and is the
//! same, bit for bit, for all instruction sets and any number of threads. Work is spread over the current `rayon` pool, by rows.
//!
//! ```
//! use seedlm_codec::{ChainedCode, ChainedMatrix, Code, WeightMatrix};
//! use seedlm_decoder::Decoder;
//!
//! let code = ChainedCode::preset("chained-4b")?;
//! let stored = ChainedMatrix::new(&code, 2, 4, vec![0.5, 0.25], vec![0x12, 0x34, 0x56, 0x78])?;
//! let matrix = WeightMatrix::Chained(stored);
//!
//! let decoder = Decoder::new(&Code::Chained(code))?;
//! let mut weights = [0.0; 8]; // 2 rows of 4, row by row
//! decoder.f32_rows(&matrix, 0..2, &mut weights)?;
//! assert_eq!(weights[4..], matrix.row_values(1));
//!
//! let mut results = [0.0; 2];
//! decoder.product(&matrix, &[1.0, 0.0, 0.0, 0.0], &mut results)?;
//! assert_eq!(results, [weights[0], weights[4]]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How
//!
//! * **Block code.** All states of a block are linear over GF(2) in the seed, so they are the XOR of two table entries, one for each
//!   byte of the seed, with the states side by side as 16-bit numbers. Multiplying these by the coefficients in pairs is one
//!   instruction. This is for codes of the presets' sizes (`block::presets`); others use `block::general`.
//! * **Chained code.** The fields of a window are linear too: the XOR of four entries of 16, one for each 4 bits of the window, which a
//!   byte shuffle looks up for 16 to 64 weights at once. This is for windows of at most 16 bits, up to three fields of at most 4
//!   bits, and up to 7 bits per weight, whatever the masks (`chained::nibbles`); others use `chained::general`.
//!
//! A row's bits are first copied to a buffer in the caches, where the row starts at a byte and reading beyond its end is harmless, unless
//! they are the words of a block code and both is true where they are.
//!
//! With vectors, what becomes of the weights is done in the loop that decodes them (`eights`), but for 8-bit integers of the block code, which
//! are rounded when all of the row is known.
//!
//! Large outputs in `f32`, and those integers, are written fastest where every row begins at a multiple of 32 bytes.
#![deny(unsafe_code)]

mod block;
mod bytes;
mod chained;
mod decoder;
mod destination;
#[cfg(target_arch = "x86_64")]
mod eights;
mod error;
mod loops;
mod prefetch;
mod row_bits;
mod stores;

pub use decoder::Decoder;
pub use error::DecodeError;
pub use seedlm_instructions::{Instructions, InstructionsError};
