//! Hardware modules as data: described once, printed as Verilog, run as rust-hdl blocks.

pub mod block;
mod evaluate;
pub mod expression;
pub mod items;
pub mod leaf;
pub mod module;
pub mod operations;
pub mod pipeline;
pub mod print;
pub mod row;
pub mod signal;
