//! The three stages of a compression, side by side: one thread reads the next matrix, the caller's encodes, and one
//! writes what is finished. Matrices are handed over one by one, so no stage runs away from the next.

use crate::assemble::{Assembled, Assembly};
use crate::budget::{Budget, Reservation};
use crate::compress::CompressOptions;
use crate::encode::{EncodedWeights, MatrixEncoder};
use crate::error::ModelError;
use crate::footprint::Footprint;
use crate::output::Output;
use crate::plan::{Plan, PlannedMatrix};
use crate::progress::{MatrixReport, MatrixStep, Progress, check_stop};
use crate::source::{Matrix, Source};
use crate::survey::{Survey, changed, check_unchanged};
use crate::work::{FinishedMatrix, WorkFolder};
use seedlm_encoder::EncodeError;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{ScopedJoinHandle, scope};
use std::time::Instant;

/// What all stages know.
pub(crate) struct Job<'a> {
    pub source: &'a Source,
    pub plan: &'a Plan,
    pub options: &'a CompressOptions,
    pub survey: &'a Survey,
    /// One for each of the plan's encodings.
    pub encoders: &'a [MatrixEncoder],
    pub footprint: &'a Footprint,
    pub budget: &'a Budget,
    pub target: &'a Output,
    pub progress: &'a dyn Progress,
}

/// A matrix that has been read.
struct ReadMatrix<'a> {
    number: usize,
    weights: Matrix,
    memory: Reservation<'a>,
}

/// A matrix that has been encoded.
struct EncodedMatrix<'a> {
    step: MatrixStep,
    encoded: EncodedWeights,
    report: MatrixReport,
    memory: Reservation<'a>,
}

/// Encodes all matrices that are not finished, and puts together the output's files, each as soon as its matrices are there.
///
/// # Errors
/// The first stage that fails ends all; what is finished then is in the work folder. The writer's error goes before the others':
/// they stop because of it.
pub(crate) fn run(
    job: &Job<'_>,
    work: &mut WorkFolder,
    finished: Vec<Option<FinishedMatrix>>,
) -> Result<Assembled, ModelError> {
    let open = finished.iter().enumerate().filter(|(_, finished)| finished.is_none());
    let open: Vec<usize> = open.map(|(number, _)| number).collect();
    let has_writer_ended = AtomicBool::new(false);
    let flag = &has_writer_ended;
    scope(|scope| {
        // Without room in the channels, a stage that is done waits until the next one takes what it has.
        let (read, to_encode) = sync_channel(0);
        let (encoded, to_write) = sync_channel(0);
        let reader = scope.spawn(move || read_all(job, &open, read, flag));
        let writer = scope.spawn(move || {
            let _end = SetAtEnd(flag);
            write_all(job, work, finished, to_write)
        });
        let encoding = encode_all(job, to_encode, encoded, flag);
        let reading = join(reader);
        let written = join(writer)?;
        // A stage that finds its neighbour gone ends without an error: the neighbour has the reason.
        encoding.and(reading)?;
        Ok(written)
    })
}

/// Sets a flag when it is dropped, by a panic too.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Ends a stage before the writer if the caller wishes, or once nobody is left to write what it makes: a matrix can take hours.
fn check_go_on(job: &Job<'_>, has_writer_ended: &AtomicBool) -> Result<(), ModelError> {
    if has_writer_ended.load(Ordering::Relaxed) {
        return Err(ModelError::Interrupted);
    }
    check_stop(job.progress)
}

/// Waits for a thread; its panic goes on in this one.
fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

fn read_all<'a>(
    job: &Job<'a>,
    open: &[usize],
    read: SyncSender<ReadMatrix<'a>>,
    has_writer_ended: &AtomicBool,
) -> Result<(), ModelError> {
    for &number in open {
        // All that the matrix will take until it is written, so that a later stage never waits for memory.
        let memory = job.budget.reserve(job.footprint.working(number));
        let info = &job.plan.compressed[number].info;
        let mut hasher = crc32fast::Hasher::new();
        let weights = job.source.matrix_in_pieces(info, &mut |piece| {
            hasher.update(piece);
            check_go_on(job, has_writer_ended)
        });
        let weights = weights.map_err(|error| match error {
            // In the survey all were finite.
            ModelError::NotFinite { .. } => changed(job.source, info),
            other => other,
        })?;
        check_unchanged(job.source, info, job.survey.crc32(info), hasher)?;
        let matrix = ReadMatrix {
            number,
            weights,
            memory,
        };
        if read.send(matrix).is_err() {
            break;
        }
    }
    Ok(())
}

fn encode_all<'a>(
    job: &Job<'a>,
    to_encode: Receiver<ReadMatrix<'a>>,
    encoded: SyncSender<EncodedMatrix<'a>>,
    has_writer_ended: &AtomicBool,
) -> Result<(), ModelError> {
    for read in to_encode {
        let number = read.number;
        let mut memory = read.memory;
        let matrix = &job.plan.compressed[number];
        let step = MatrixStep {
            number: number + 1,
            count: job.plan.compressed.len(),
            name: matrix.name.clone(),
            rows: matrix.shape[0],
            columns: matrix.shape[1],
            source_dtype: matrix.source_dtype,
            code: matrix.code.clone(),
        };
        job.progress.start(&step);
        let (of_matrix, report) = encode(job, matrix, &step, read.weights, has_writer_ended)?;
        memory.shrink_to(report.stored_bytes);
        let finished = EncodedMatrix {
            step,
            encoded: of_matrix,
            report,
            memory,
        };
        if encoded.send(finished).is_err() {
            break;
        }
    }
    Ok(())
}

fn encode(
    job: &Job<'_>,
    matrix: &PlannedMatrix,
    step: &MatrixStep,
    weights: Matrix,
    has_writer_ended: &AtomicBool,
) -> Result<(EncodedWeights, MatrixReport), ModelError> {
    let source = job.source;
    check_go_on(job, has_writer_ended)?;
    let begun = Instant::now();
    let advance = |done: usize| {
        job.progress.advance(done);
        match check_go_on(job, has_writer_ended) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    let moments = job
        .options
        .moments
        .as_ref()
        .and_then(|moments| moments.of(&matrix.name));
    let encoded = job.encoders[matrix.encoding_number]
        .encode(weights, &|rows| source.rows(&matrix.info, rows), moments, &advance)
        .map_err(|error| match error {
            EncodeError::Stopped => ModelError::Interrupted,
            other => ModelError::tensor(source.file_path(matrix.info.file), &matrix.name, other.to_string()),
        })?;
    let report = MatrixReport::new(step, matrix.encoding.layers(), &encoded, begun.elapsed().as_secs_f64());
    Ok((encoded, report))
}

fn write_all<'a>(
    job: &Job<'a>,
    work: &mut WorkFolder,
    finished: Vec<Option<FinishedMatrix>>,
    to_write: Receiver<EncodedMatrix<'a>>,
) -> Result<Assembled, ModelError> {
    let mut assembly = Assembly::new(job, finished);
    assembly.write_complete_files(work)?;
    for matrix in to_write {
        let number = matrix.step.number - 1;
        let finished = work.add(number, &matrix.encoded, matrix.report)?;
        drop(matrix.encoded);
        drop(matrix.memory);
        job.progress.finish(&matrix.step, &finished.report);
        assembly.add(finished);
        assembly.write_complete_files(work)?;
    }
    Ok(assembly.end())
}
