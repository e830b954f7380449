//! How much a change of the weights changes what a model says (perplexity, divergence, agreement) or where it embeds sentences.

mod compare;
mod drift;
mod scores;
mod windows;

pub use compare::{Comparison, Step, Variant, compare};
pub use drift::{EmbeddingDrift, nearest_embeddings};
pub(crate) use scores::ReferenceToken;
pub use scores::{Estimate, ReferenceScores, VariantScores};
pub use windows::{Window, Windows};
