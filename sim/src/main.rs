//! The `sim` program: runs models and products on the simulated accelerator.
#![forbid(unsafe_code)]

mod program;

use std::process::ExitCode;

fn main() -> ExitCode {
    program::main()
}
