//! Backends: ways to work out the matrix products of a model.
//!
//! * `DenseLayers`: binary32, from plain or decoded weights, for whole windows of text;
//! * [`IntegerLayers`]: the exact integer arithmetic of the accelerator, on any [`IntegerMachine`]: [`GoldenMachine`],
//!   [`SoftwareMachine`], and those of the crate `seedlm-sim`, the cycle-accurate simulator and the Verilog itself.

#[cfg(feature = "dense")]
mod dense;
#[cfg(feature = "dense")]
mod dense_matrix;
mod golden;
mod host;
mod integer;
mod rounding;
mod software;

#[cfg(feature = "dense")]
pub use dense::DenseLayers;
#[cfg(feature = "dense")]
pub(crate) use dense_matrix::DenseMatrix;
pub use golden::GoldenMachine;
pub(crate) use host::{HostLayers, host_layers, host_products};
pub use integer::{IntegerLayers, IntegerMachine, MachineError, MachineMatrix};
pub use rounding::{ActivationRounding, ScaleGroup};
pub use software::SoftwareMachine;
