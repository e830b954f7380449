//! What the simulator and the Verilog generator share about the machine: its parameters, the order of its streams, and how
//! the streams of a model lie in memory.

mod config;
pub mod image;
mod packing;
pub mod registers;
mod stream;
mod weight_beats;

pub use config::{DatapathConfig, RESULT_BITS};
pub use packing::{MULTIPLIER_BITS, PackedProducts};
pub use stream::{ActivationLayout, MachineStreams, TileOrder};
pub use weight_beats::walk_weight_beats;
