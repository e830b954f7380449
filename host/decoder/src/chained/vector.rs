//! Nibbles with vector instructions.

pub(crate) mod avx2;
pub(crate) mod avx512;

mod scale;
