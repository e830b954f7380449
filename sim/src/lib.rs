//! Cycle-accurate simulator of the SeedLM accelerator and its memory.
//!
//! The machine ([`Machine`]) is a row of clocked [`units`] joined by ready/valid links:
//!
//! ```text
//! memory -> beat FIFO -> unpack -> decode lanes -> MAC array -> accumulator -> result FIFO
//!    ^          |                                     ^
//! burst reader  +----------> activation buffer -------+
//! ```
//!
//! Every unit shows what its output registers hold, says whether it is ready, and is clocked with what stood at its input
//! in that cycle, as registers with one clock are: so a Verilog twin can match each port in each cycle.
//! An output that holds nothing says *why* ([`Cause`]); bubbles carry their cause through the pipelines, so every idle
//! cycle of every unit has exactly one named cause.
#![forbid(unsafe_code)]

mod activity;
mod cause;
mod job;
mod link;
mod machine;
pub mod measure;
pub mod memory_model;
pub mod report;
pub mod settings;
pub mod units;
pub mod waves;
pub mod workload;

pub use activity::{Activity, Unit};
pub use cause::{Cause, State};
pub use job::Job;
pub use link::Offer;
pub use machine::{Machine, MachineError, ResultReady, SystemConfig};
