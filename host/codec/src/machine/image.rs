//! A compressed model as one flat memory image: where each stream of each matrix lies, and what its bytes are.
//!
//! `docs/format.md`, section "The memory image", is the text of this module. [`ImageMap::new`] lays an image out from the
//! matrices' names and shapes alone; [`walk_weight_beats`](super::walk_weight_beats) and [`row_scale_bytes`] give the bytes of
//! its regions; [`matrix_from_image`] reads them back.

mod check;
mod content;
mod layout;
mod map;
mod region;
#[cfg(test)]
mod tests;

pub use content::{matrix_from_image, row_scale_bytes};
pub use map::{DEFAULT_ALIGNMENT_BYTES, IMAGE_MAP_VERSION, ImageMap, ImageMatrix, LARGEST_ALIGNMENT_BYTES};
pub use region::{Region, RegionKind};
