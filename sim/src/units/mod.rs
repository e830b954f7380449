//! The clocked units. Each file is the twin of one Verilog module, port for port and cycle for cycle.
//!
//! A unit after construction is a module after reset. `outputs` is what its registers show in a cycle, `clock` the edge at
//! the cycle's end, with the inputs of that cycle. Inputs and outputs have the names of the ports. Data that stand beside a
//! low `valid` mean nothing, in the units as in the Verilog.

mod accumulator;
mod activation_buffer;
mod axi_lite;
mod control;
mod decode_lanes;
mod decoder;
mod field;
mod fifo;
mod history;
mod mac_array;
mod matvec;
mod matvec_ports;
mod pipeline;
mod sequence;
mod skid;
mod unpack;
mod word_decoder;

pub use accumulator::{Accumulator, AccumulatorInputs, AccumulatorOutputs};
pub use activation_buffer::{ActivationBuffer, ActivationBufferInputs, ActivationBufferOutputs};
pub use axi_lite::{AxiLiteInputs, AxiLiteOutputs, RESPONSE_OKAY, RESPONSE_SLAVE_ERROR};
pub use control::{Control, ControlInputs, ControlOutputs};
pub use decode_lanes::{DecodeLanes, DecodeLanesInputs, DecodeLanesOutputs, DecodedGroup};
pub use decoder::{Decoder, DecoderInputs, DecoderOutputs};
pub use fifo::{Fifo, FifoInputs, FifoOutputs};
pub use history::{History, HistoryInputs, RowHistories};
pub use mac_array::{MacArray, MacArrayInputs, MacArrayOutputs};
pub use matvec::Matvec;
pub use matvec_ports::{MatvecInputs, MatvecOutputs, MatvecPorts, ProbeBits};
pub use pipeline::Pipeline;
pub use sequence::{Sequence, SequenceInputs, SequenceOutputs};
pub use skid::{Skid, SkidInputs, SkidOutputs};
pub use unpack::{Unpack, UnpackInputs, UnpackOutputs};
