//! How much a change of the weights changes what a model says: perplexity, divergence, agreement.

mod compare;
mod scores;
mod windows;

pub use compare::{Comparison, Step, Variant, compare};
pub(crate) use scores::ReferenceToken;
pub use scores::{Estimate, ReferenceScores, VariantScores};
pub use windows::{Window, Windows};
