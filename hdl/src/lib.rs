//! The SeedLM datapath as Verilog, described with rust-hdl.
//!
//! * [`netlist`]: modules as data with run-time widths; printed as Verilog, run as rust-hdl blocks.
//! * [`modules`]: the datapath.
//! * [`generate`]: the files for one configuration.
#![forbid(unsafe_code)]

pub mod generate;
pub mod modules;
pub mod netlist;
