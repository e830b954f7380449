//! Boards on which the decoder tests itself: it regenerates a known tensor and tells whether the weights are right.
//!
//! * [`tensor`]: the stored weights that a board has inside, and the checksum of what they must become.
//! * [`self_test`]: decoder, checksum and report, without pins.
//! * [`project`]: the files of a board, from Verilog and pins to the script that makes its bitstream.

mod crc;
mod message;
pub mod project;
pub mod self_test;
pub mod tensor;
mod uart;
