//! The presets with vector instructions: only the loops over blocks, all tables and edges are `super::presets`'.

pub(crate) mod avx2;
pub(crate) mod avx512;
