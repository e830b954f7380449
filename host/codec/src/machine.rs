//! What the simulator and the Verilog generator share about the machine: its parameters, and the order of its streams.

mod config;
pub mod registers;
mod stream;

pub use config::{DatapathConfig, RESULT_BITS};
pub use stream::{ActivationLayout, MachineStreams, TileOrder};
