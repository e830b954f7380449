//! Matrix products at two resolutions.

use crate::error::LlmError;
use crate::linear::{Linear, LinearLayers};

/// The matrix products of a model, which can be worked out in a cheaper way: as a draft.
pub trait DraftingLayers: LinearLayers {
    /// Makes the products that follow those of the draft, or those of the full model again.
    fn use_draft(&mut self, draft: bool);
}

impl<L: DraftingLayers + ?Sized> DraftingLayers for Box<L> {
    fn use_draft(&mut self, draft: bool) {
        (**self).use_draft(draft);
    }
}

/// Two backends of the same model, one of them for the draft. They begin at the full resolution.
#[derive(Clone, Debug)]
pub struct DraftAndFull<D, F> {
    draft: D,
    full: F,
    uses_draft: bool,
}

impl<D: LinearLayers, F: LinearLayers> DraftAndFull<D, F> {
    /// Puts them together; both have to have the matrices of the same model.
    pub fn new(draft: D, full: F) -> Self {
        DraftAndFull {
            draft,
            full,
            uses_draft: false,
        }
    }

    /// The backend of the draft.
    pub fn draft(&mut self) -> &mut D {
        &mut self.draft
    }

    /// The backend of the full model.
    pub fn full(&mut self) -> &mut F {
        &mut self.full
    }
}

impl<D: LinearLayers, F: LinearLayers> LinearLayers for DraftAndFull<D, F> {
    fn products(&mut self, matrices: &[Linear], inputs: &[f32], tokens: usize) -> Result<Vec<Vec<f32>>, LlmError> {
        match self.uses_draft {
            true => self.draft.products(matrices, inputs, tokens),
            false => self.full.products(matrices, inputs, tokens),
        }
    }
}

impl<D: LinearLayers, F: LinearLayers> DraftingLayers for DraftAndFull<D, F> {
    fn use_draft(&mut self, draft: bool) {
        self.uses_draft = draft;
    }
}
