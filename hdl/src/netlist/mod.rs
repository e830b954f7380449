//! Hardware modules as data: described once, printed as Verilog, run as rust-hdl blocks.

pub mod block;
pub mod expression;
pub mod module;
pub mod pipeline;
pub mod print;
