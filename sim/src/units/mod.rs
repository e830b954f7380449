//! The clocked units. Each file is one unit, and will be one Verilog module.

mod accumulator;
mod activation_buffer;
mod beat_fifo;
mod burst_reader;
mod decode_lanes;
mod mac_array;
mod memory;
mod pipeline;
mod result_fifo;
mod unpack;

pub use accumulator::{Accumulator, RowSums};
pub use activation_buffer::ActivationBuffer;
pub use beat_fifo::BeatFifo;
pub use burst_reader::BurstReader;
pub use decode_lanes::{DecodeLanes, WeightGroup};
pub use mac_array::{MacArray, PartialSums};
pub use memory::{Beat, Memory, Request, Stream};
pub use pipeline::Pipeline;
pub use result_fifo::{ResultBeat, ResultFifo};
pub use unpack::{GroupTag, Unpack, WordGroup};
