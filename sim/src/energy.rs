//! Energy of a pass: DRAM, SRAM, decoding and multiplying, from a table of picojoules.
//!
//! * `table`: the picojoules, with their sources.
//! * `operations`: what decoders and MACs compute per group, counted from the generated netlists.
//! * `account`: the sums.
//!
//! Switching alone is counted, with every operation once per group of words. Leakage, clock trees, wires between units, control and the host
//! are not.

mod account;
mod operations;
mod table;

pub use account::{Energy, Traffic};
pub use operations::{Operations, OperationsPerGroup, operation_counts, parse_operation_counts};
pub use table::{EnergyTable, EnergyTableError};
