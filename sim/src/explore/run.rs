//! Many codes on many threads.

use super::code_point::CodePoint;
use super::results::CodeResult;
use super::study::{MeasureError, Study};
use super::work_file::{WorkFile, WorkFileError};
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use thiserror::Error;

/// Is told, from any thread, how many more weights are done, and may ask to stop.
pub type Advance<'a> = &'a (dyn Fn(usize) -> ControlFlow<()> + Sync);

/// Why a run has ended early. What is finished is in the work file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExploreError {
    /// A code cannot be measured.
    #[error(transparent)]
    Measure(#[from] MeasureError),
    /// The work file.
    #[error(transparent)]
    WorkFile(#[from] WorkFileError),
    /// Threads cannot be made.
    #[error("threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// Measures codes that are not finished yet on `threads` threads and gives the results of all, in the codes' order. `finished` is told, from any thread, of each
/// code and how many seconds of [`Study::seconds`] it stood for; `advance` of the seconds in between, which are part of them.
///
/// Each thread measures whole codes by itself, so that the speed of the encoder is that of one core; nothing else depends on
/// the number of threads.
///
/// # Errors
/// The first error of any thread; the others end with the code they are at.
pub fn explore(
    study: &Study,
    codes: &[CodePoint],
    work: &WorkFile,
    threads: usize,
    advance: &(dyn Fn(f64) + Sync),
    finished: &(dyn Fn(&CodeResult, f64) + Sync),
) -> Result<Vec<CodeResult>, ExploreError> {
    let results: Vec<Mutex<Option<CodeResult>>> = codes
        .iter()
        .map(|point| Mutex::new(work.finished(point.code()).cloned()))
        .collect();
    let is_open = |index: &usize| results[*index].lock().is_ok_and(|result| result.is_none());
    // The longest first, so that none is left alone at the end.
    let mut open: Vec<usize> = (0..codes.len()).filter(is_open).collect();
    open.sort_by(|&a, &b| study.seconds(&codes[b]).total_cmp(&study.seconds(&codes[a])));
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let first_error: Mutex<Option<ExploreError>> = Mutex::new(None);
    let measure_one = |index: usize| -> Result<(), ExploreError> {
        let seconds = study.seconds(&codes[index]);
        let per_weight = seconds / study.weights(&codes[index]).max(1) as f64;
        let told = Mutex::new(0.0);
        let step = |weights: usize| {
            let mut told = told.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let more = (weights as f64 * per_weight).min(seconds - *told);
            *told += more;
            advance(more);
            match stopped.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let result = study.measure(&codes[index], &step)?;
        work.add(&result)?;
        advance(seconds - told.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()));
        finished(&result, seconds);
        *results[index].lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(result);
        Ok(())
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, open.len().max(1)) {
            scope.spawn(|| {
                let work = || -> Result<(), ExploreError> {
                    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
                    while !stopped.load(Ordering::Relaxed)
                        && let Some(&index) = open.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        alone.install(|| measure_one(index))?;
                    }
                    Ok(())
                };
                if let Err(error) = work() {
                    stopped.store(true, Ordering::Relaxed);
                    let mut first = first_error.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    first.get_or_insert(error);
                }
            });
        }
    });
    match first_error
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
    {
        Some(error) => Err(error),
        None => Ok(results
            .into_iter()
            .filter_map(|result| result.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()))
            .collect()),
    }
}
