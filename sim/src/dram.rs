//! Banked DRAM behind an in-order port, counted in whole clocks of the memory.
//!
//! ```text
//! bursts -> address map -> queue per channel -> scheduler -> device (banks, rows, timing gates) -> data in the order asked for
//!                                                  ^
//!                                              refresh
//! ```
//!
//! The [`DramModel`] is what a TOML file says; the [`Device`] knows which command is legal when and nothing else; the
//! [`Channel`] chooses among the commands that its queue needs; the [`Controller`] cuts bursts into accesses, spreads them over the
//! channels and puts their data back in order. There are reads only: the accelerator writes nothing to this memory.

mod address_map;
mod channel;
mod closed_forms;
mod command;
mod controller;
mod device;
mod gates;
mod model;
mod organisation;
mod policy;
mod presets;
mod quantity;
mod queue;
mod refresh;
mod timing;

pub use address_map::{AddressMap, Location};
pub use channel::{Channel, Completion};
pub use closed_forms::ClosedForms;
pub use command::{Command, CommandCounts, CommandKind};
pub use controller::Controller;
pub use device::Device;
pub use gates::{Gate, Scope, gates};
pub use model::{DramError, DramModel};
pub use organisation::{Field, Organisation};
pub use policy::{Policy, RefreshMode, Scheduler};
pub use presets::PRESETS;
pub use queue::Access;
pub use timing::Timing;
