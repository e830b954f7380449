//! The explorer: measures many codes on many machines and finds which are worth having.
//!
//! A *code point* ([`CodePoint`]) is a code, a *machine point* ([`MachinePoint`]) a memory, a width of its port and a number of
//! lanes; a [`Grid`] names many of each. For every code the error on normally distributed weights and on a model's, what
//! is stored, what encoding costs and what a decoder takes is measured ([`Study`]), and on every machine how fast tokens
//! come. [`explore`] does that on several threads and keeps every finished code in a [`WorkFile`]; [`Exploration`] is the result, with the
//! fronts of [`pareto_front`] and what became of the paper's own choice ([`PaperChoice`]).

mod area;
mod code_point;
mod grid;
mod machine_point;
mod numbers;
mod paper_choice;
mod pareto;
mod quality;
mod report;
mod results;
mod run;
mod study;
mod throughput;
mod weights;
mod work_file;

pub use area::{AreaTool, AreaToolError, Areas, FitQuality, MeasuredArea, MeasuredTable, calibration_codes, refit};
pub use code_point::CodePoint;
pub use grid::{Grid, GridError, LARGEST_GRID};
pub use machine_point::{MachinePoint, MachinePointError};
pub use numbers::Numbers;
pub use paper_choice::{Candidate, PaperChoice};
pub use pareto::{Direction, pareto_front};
pub use report::{AreaNotes, Exploration, Figure, Front};
pub use results::{
    AreaFigures, AreaOrigin, CodeResult, EncodeCost, ErrorFigures, MachineResult, ModelFigures, Outcome, TokenEstimate,
};
pub use run::{Advance, ExploreError, explore};
pub use study::{MeasureError, Study, StudySettings};
pub use throughput::{Bound, Simulated, Throughput, TokenFigures};
pub use weights::{ModelSample, SampleError, SampleIdentity};
pub use work_file::{WorkFile, WorkFileError};
