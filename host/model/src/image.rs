//! A container as one flat memory image with an address map, as a machine loads it: `docs/format.md`, section "The memory
//! image". Layout and bytes are the codec's ([`seedlm_codec::machine::image`]); here are the files.

mod beats;
mod check;
mod files;
mod read;
mod write;

pub use check::ImageCheckReport;
pub use read::MemoryImage;
pub use write::{ImageOptions, ImageReport, write_image};
