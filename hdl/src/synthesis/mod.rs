//! Area and clock of a configuration on FPGAs: yosys makes the netlist, nextpnr places and routes it.
//!
//! * [`tools`]: finds the programs.
//! * [`design`]: what is synthesised, from the generator.
//! * [`yosys`], [`area`]: the netlist, and its cells in the units of a family.
//! * [`harness`]: pins' registers around a design that has more ports than a chip has pins.
//! * [`loose_carries`]: what a netlist needs before nextpnr packs it.
//! * [`device`], [`nextpnr`], [`timing`]: place and route, and what it reports.
//! * [`placement`]: the clocks of all seeds.
//! * [`measure`]: all of it for one row, [`table`] for the committed rows.
//! * [`report`], [`budget`], [`chips`]: what is made of the figures.

pub mod area;
pub mod budget;
pub mod chips;
pub mod design;
pub mod device;
mod error;
pub mod harness;
pub mod loose_carries;
pub mod measure;
pub mod nextpnr;
pub mod placement;
pub mod report;
pub mod table;
pub mod timing;
pub mod tools;
pub mod yosys;

pub use error::SynthesisError;
