//! Cycle-accurate simulator of the SeedLM accelerator and its memory.
//!
//! The accelerator ([`units::Matvec`]) is a row of clocked [`units`], each the twin of a Verilog module, port for port and
//! cycle for cycle:
//!
//! ```text
//! weights -> FIFO -> unpack -> decode lanes -> MAC array -> accumulator -> result FIFO -> results
//!                                                 ^
//! activations -> activation buffer ---------------+
//! ```
//!
//! The [`Machine`] joins it to a memory and a reader of bursts, starts it through its registers as software does, and holds
//! every result against the golden product. It needs nothing but the accelerator's ports ([`units::MatvecPorts`]): the Verilog
//! ([`verilated`]) can take the model's place. The units know no causes; the observer works out from the ports what each unit did in each
//! cycle and why, so that every idle cycle of every unit has exactly one named cause ([`Cause`]).
#![forbid(unsafe_code)]

mod activity;
mod cause;
pub mod dram;
pub mod energy;
pub mod explore;
mod job;
pub mod language;
mod machine;
pub mod measure;
pub mod memory_model;
mod observer;
mod offer;
pub mod report;
pub mod settings;
pub mod shape;
mod table;
pub mod tradeoff;
pub mod units;
pub mod verilated;
pub mod waves;
pub mod workload;
mod written;

pub use activity::{Activity, Unit};
pub use cause::{Cause, State};
pub use job::{Job, StreamAddresses};
pub use machine::{Finished, Machine, MachineError, NextJob, ResultReady, Run, SystemConfig};
pub use offer::Offer;
