//! Models of which only the shapes are known: what a token takes, extrapolated from parts that are simulated.

mod estimate;
mod layout;
mod model_shape;
mod report;

pub use estimate::{Check, CyclesOrigin, Estimate, EstimateError, MatrixEstimate, check, estimate};
pub(crate) use layout::Layout;
pub use model_shape::{LlamaShape, ModelShape, ShapeError, ShapeMatrix};
pub use report::{How, ShapeReport};
