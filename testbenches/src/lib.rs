//! Testbenches: the simulator's units and the Verilog, clocked side by side.
//!
//! * [`lockstep`]: gives both the same inputs in every cycle and compares every output.
//! * [`benches`]: for each module, what drives it and what it must show.
//! * [`stimulus`]: when inputs are offered and outputs are taken.
//! * [`rtl`]: a module of a configuration, built with Verilator.
//! * [`machines`]: machines and codes that several tests run.
//! * [`nightly`]: whether tests are to take their time.

pub mod benches;
pub mod bits;
pub mod lockstep;
pub mod machines;
pub mod nightly;
pub mod rtl;
pub mod stimulus;
