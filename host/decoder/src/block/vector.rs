//! The presets with AVX2, which is also the choice where there is AVX-512: two blocks of 8 at a time were no faster on Zen 4.

pub(crate) mod four;
pub(crate) mod three;

mod fields;
