//! The `seedlm` program.
fn main() {}
