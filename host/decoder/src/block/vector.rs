//! The presets with AVX2, which is also the choice where there is AVX-512 (`docs/decisions.md`).

pub(crate) mod four;
pub(crate) mod three;

mod fields;
