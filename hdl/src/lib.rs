//! The SeedLM datapath as Verilog; its modules are blocks that rust-hdl simulates and checks.
//!
//! * [`netlist`]: modules as data with run-time widths; printed as Verilog, run as rust-hdl blocks.
//! * [`modules`]: the datapath.
//! * [`options`]: what may be chosen without changing what is computed.
//! * [`generate`]: the files for one configuration.
//! * [`board`]: the decoder on boards, with a test of itself.
//! * [`operations`]: what decoding and multiplying takes, per weight.
//! * [`synthesis`]: area and clock of a configuration on FPGAs, by yosys and nextpnr.
#![forbid(unsafe_code)]

pub mod board;
pub mod generate;
pub mod modules;
pub mod netlist;
pub mod operations;
pub mod options;
pub mod synthesis;
