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

/// What a report says where it has no energy.
pub(crate) fn no_energy(table: &str, memory: &str) -> String {
    format!(
        "No energy (-) where table \"{table}\" has no [dram_pj_per_bit] for memory \"{memory}\" (give a table that has, with --energy FILE), or the code \
         has no name: its operations are in no list (hdl operations)."
    )
}
