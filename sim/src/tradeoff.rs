//! The trade of compute for memory traffic: which of three roofs limits each format, over bandwidth and over batch size.
//!
//! * `roofs`: memory, decoder and MACs as limits in weights per second (the three axes of a "roof surface": a roofline with a roof of its
//!   own for decompression).
//! * `line`: one format with its roofs, from a simulation or, for formats without a machine here, from its sizes.
//! * `report`, `text`, `picture`: the report. `differences`: against an older one.

mod differences;
mod line;
mod picture;
mod report;
mod roofs;
mod text;

pub use differences::Differences;
pub use line::{FormatLine, Origin};
pub use report::{BandwidthPoint, BatchPoint, TradeOff};
pub use roofs::{Limit, Roofs};
