//! Compresses a model.

use crate::budget::Budget;
use crate::copy::complete;
use crate::encode::{Engines, MatrixEncoder};
use crate::encoding::Encoding;
use crate::error::ModelError;
use crate::footprint::Footprint;
use crate::moments::ModelMoments;
use crate::output::Output;
use crate::pipeline::{self, Job};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::{CompressReport, RunFigures};
use crate::rules::Rules;
use crate::source::Source;
use crate::survey::Survey;
use crate::work::{Recipe, WorkFolder};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// How to compress.
#[derive(Clone, Debug)]
pub struct CompressOptions {
    /// How matrices are encoded.
    pub encoding: Encoding,
    /// Which tensors.
    pub rules: Rules,
    /// Moments of the matrices' inputs, for a calibrated compression. They are not counted in [`RunOptions::memory_bytes`].
    pub moments: Option<Arc<ModelMoments>>,
    /// Whether an output that exists is replaced.
    pub replace: bool,
}

/// How a compression goes about its work. It changes no byte of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// Whether to go on where a run with the same options and the same source has stopped. Without one, it starts at the
    /// beginning.
    pub resume: bool,
    /// Most bytes of memory to use; none: no limit. See [`Footprint`] for what is counted.
    pub memory_bytes: Option<u64>,
}

/// Compresses a model in one go: as [`compress_with`] and its default options.
///
/// # Errors
/// As [`compress_with`].
pub fn compress(
    source: &Source,
    output: &Path,
    options: &CompressOptions,
    progress: &dyn Progress,
) -> Result<CompressReport, ModelError> {
    compress_with(source, output, options, RunOptions::default(), progress)
}

/// Compresses a model: a file to a file, a folder to a folder. The encoder runs in the current rayon thread pool; the
/// output's bytes depend on the source and the [`CompressOptions`] only.
///
/// While a matrix is encoded, the next one is read and the one before it is written, in threads of their own. Finished
/// matrices go to a work folder beside the output, `.NAME.seedlm-work` (long names are cut), at once; an early end leaves it
/// there if there is one finished matrix in it, and [`RunOptions::resume`] goes on from it.
///
/// # Errors
/// [`ModelError`]; nothing is left under the output's name then, except what was there before.
/// [`ModelError::Unfinished`] where finished matrices are kept, [`ModelError::Memory`] where the memory does not suffice, and
/// [`ModelError::Output`] where there is an unfinished run that is not to be resumed or that differs in options or source.
pub fn compress_with(
    source: &Source,
    output: &Path,
    options: &CompressOptions,
    run: RunOptions,
    progress: &dyn Progress,
) -> Result<CompressReport, ModelError> {
    let begun = Instant::now();
    let plan = Plan::new(source, &options.rules, &options.encoding)?;
    let footprint = Footprint::new(&plan);
    footprint.check(source, &plan, run.memory_bytes)?;
    let mut target = Output::check(source, output, options.replace)?;
    let recipe = Recipe::of_options(options, &plan);
    let mut work = WorkFolder::open(&target, plan.compressed.len(), run.resume)?;
    work.check_options(&recipe)?;
    // Its tables take memory and time: not before all that can be refused without them.
    let mut engines = Engines::default();
    let encodings = plan.encodings.iter();
    let encoders: Vec<MatrixEncoder> = encodings
        .map(|encoding| MatrixEncoder::sharing(encoding, &mut engines))
        .collect::<Result<_, _>>()
        .map_err(|error| work.unfinished(ModelError::Encoder(error)))?;
    let survey = Survey::read(source, &plan, progress).map_err(|cause| work.unfinished(cause))?;
    let recipe = recipe.on_files(&survey.files);
    work.check_files(&recipe)?;
    let begun_work = work.begin(recipe, &plan, progress);
    let finished = begun_work.map_err(|cause| work.unfinished(cause))?;
    let resumed = work.resumed();
    if run.resume {
        progress.resumed(resumed);
    }
    target.work_in(work.path());
    let budget = Budget::new(run.memory_bytes.map(|bytes| bytes.saturating_sub(footprint.shared())));
    let written = target.begin(source).and_then(|()| {
        let job = Job {
            source,
            plan: &plan,
            options,
            survey: &survey,
            encoders: &encoders,
            footprint: &footprint,
            budget: &budget,
            target: &target,
            progress,
        };
        pipeline::run(&job, &mut work, finished)
    });
    let assembled = written.map_err(|cause| work.unfinished(cause))?;
    complete(source, target, assembled.index_entries, progress).map_err(|cause| work.unfinished(cause))?;
    work.remove();
    let figures = RunFigures {
        resumed_matrices: resumed.finished,
        peak_memory_bytes: footprint.shared() + budget.peak(),
        seconds: begun.elapsed().as_secs_f64(),
    };
    Ok(CompressReport::new(
        &plan,
        assembled.matrices,
        assembled.output_bytes,
        figures,
    ))
}
