//! Compresses a model.

use crate::container::{CompressedEntry, ContainerFile, Content, Crc32};
use crate::copy::complete;
use crate::encode::{EncodedWeights, MatrixEncoder};
use crate::error::ModelError;
use crate::figures::{bits_per_weight, median, relative_error, sqnr_db};
use crate::output::Output;
use crate::plan::{Plan, PlannedMatrix};
use crate::progress::{MatrixReport, MatrixStep, Progress, check_stop};
use crate::rotate::Rotate;
use crate::rules::Rules;
use crate::source::Source;
use seedlm_codec::Code;
use seedlm_encoder::{EncodeError, Quantizer};
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

/// How to compress.
#[derive(Clone, Debug)]
pub struct CompressOptions {
    /// The code.
    pub code: Code,
    /// How the encoder of the block code chooses coefficients; the chained code has none.
    pub quantizer: Quantizer,
    /// Which matrices are rotated first.
    pub rotate: Rotate,
    /// Which tensors.
    pub rules: Rules,
    /// Whether an output that exists is replaced.
    pub replace: bool,
}

/// What a compression did.
#[derive(Clone, Debug, Serialize)]
pub struct CompressReport {
    /// Label of the code.
    pub code: String,
    /// The compressed matrices, file by file.
    pub matrices: Vec<MatrixReport>,
    /// Number of tensors kept as they were.
    pub kept_tensors: usize,
    /// Weights in the compressed matrices.
    pub compressed_weights: u64,
    /// Weights in the whole model.
    pub weights: u64,
    /// Size of the source's weight files in bytes.
    pub input_bytes: u64,
    /// Size of the output's weight files in bytes.
    pub output_bytes: u64,
    /// Bytes of words and scales of the compressed matrices.
    pub stored_bytes: u64,
    /// Bits per weight of the compressed matrices, over words and scales.
    pub bits_per_compressed_weight: f64,
    /// Bits per weight of the whole model, over whole files.
    pub bits_per_weight: f64,
    /// `||W - W'|| / ||W||` over all compressed matrices together.
    pub relative_error: f64,
    /// The same as a ratio in decibels; none where there is no noise.
    pub sqnr_db: Option<f64>,
    /// Median over the matrices of `||W - W'|| / ||W||`; none where there is no matrix.
    pub median_relative_error: Option<f64>,
    /// The largest `||W - W'|| / ||W||` of a matrix; none where there is no matrix.
    pub largest_relative_error: Option<f64>,
    /// The matrix that has it.
    pub largest_relative_error_name: Option<String>,
    /// Number of matrices whose rows were rotated.
    pub rotated_matrices: usize,
    /// Time for encoding, in seconds.
    pub encode_seconds: f64,
    /// Time for everything, in seconds.
    pub seconds: f64,
    /// Weights encoded per second of encoding.
    pub weights_per_s: f64,
}

/// Compresses a model: a file to a file, a folder to a folder. The encoder runs in the current rayon thread pool; the
/// output's bytes do not depend on the number of threads.
///
/// Memory holds one matrix and the words of one file of the model at a time.
///
/// # Errors
/// [`ModelError`]; nothing is left under the output's name then, except what was there before.
pub fn compress(
    source: &Source,
    output: &Path,
    options: &CompressOptions,
    progress: &dyn Progress,
) -> Result<CompressReport, ModelError> {
    let begun = Instant::now();
    let plan = Plan::new(source, &options.rules, &options.code)?;
    let target = Output::prepare(source, output, options.replace)?;
    plan.check_weights(source)?;
    let encoder = MatrixEncoder::new(&options.code, options.quantizer, options.rotate).map_err(ModelError::Encoder)?;
    let mut matrices = Vec::with_capacity(plan.compressed.len());
    let mut output_bytes = 0;
    let mut index_entries = Vec::new();
    for (number, file) in source.files().iter().enumerate() {
        let mut container = ContainerFile::new(&file.header().metadata);
        for matrix in plan.compressed.iter().filter(|matrix| matrix.info.file == number) {
            let step = MatrixStep {
                number: matrices.len() + 1,
                count: plan.compressed.len(),
                name: matrix.name.clone(),
                rows: matrix.shape[0],
                columns: matrix.shape[1],
                source_dtype: matrix.source_dtype,
                code: plan.code.clone(),
            };
            progress.start(&step);
            let (encoded, report) = encode(source, matrix, &step, &encoder, progress)?;
            progress.finish(&step, &report);
            add_matrix(&mut container, &options.code, &report, encoded);
            matrices.push(report);
        }
        for kept in plan.kept.iter().filter(|kept| kept.info.file == number) {
            check_stop(progress)?;
            container.keep(source, &kept.info)?;
        }
        output_bytes += target.write(Path::new(&file.file_name()), progress, |path, writer| {
            container.write(path, source, writer, progress)
        })?;
        let sizes = container.sizes();
        index_entries.extend(sizes.map(|(name, bytes)| (name.to_string(), file.file_name(), bytes)));
    }
    complete(source, target, index_entries, progress)?;
    Ok(CompressReport::new(
        &plan,
        matrices,
        output_bytes,
        begun.elapsed().as_secs_f64(),
    ))
}

fn encode(
    source: &Source,
    matrix: &PlannedMatrix,
    step: &MatrixStep,
    encoder: &MatrixEncoder,
    progress: &dyn Progress,
) -> Result<(EncodedWeights, MatrixReport), ModelError> {
    check_stop(progress)?;
    let weights = source.matrix(&matrix.info)?;
    let begun = Instant::now();
    let advance = |done: usize| {
        progress.advance(done);
        if progress.stop_requested() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let encoded = encoder
        .encode(weights, &|rows| source.rows(&matrix.info, rows), &advance)
        .map_err(|error| match error {
            EncodeError::Stopped => ModelError::Interrupted,
            other => ModelError::tensor(source.file_path(matrix.info.file), &matrix.name, other.to_string()),
        })?;
    let report = MatrixReport::new(step, &encoded, begun.elapsed().as_secs_f64());
    Ok((encoded, report))
}

fn add_matrix(container: &mut ContainerFile, code: &Code, report: &MatrixReport, encoded: EncodedWeights) {
    let words = encoded.stored.words().to_vec();
    let scale = encoded.stored.scale_bytes();
    let entry = CompressedEntry {
        shape: report.shape,
        source_dtype: report.source_dtype,
        code: report.code.clone(),
        stated_rotation: Some(encoded.stored.rotation()),
        words_crc32: Crc32::of(&words),
        scale_crc32: Crc32::of(&scale),
        squared_error: report.squared_error,
        squared_norm: report.squared_norm,
    };
    let words_bytes = words.len();
    container.compressed(
        &report.name,
        code,
        entry,
        words_bytes,
        [Content::Bytes(words), Content::Bytes(scale)],
    );
}

impl CompressReport {
    fn new(plan: &Plan, matrices: Vec<MatrixReport>, output_bytes: u64, seconds: f64) -> Self {
        let sum = |value: fn(&MatrixReport) -> f64| matrices.iter().map(value).sum::<f64>();
        let (squared_error, squared_norm) = (sum(|matrix| matrix.squared_error), sum(|matrix| matrix.squared_norm));
        let encode_seconds = sum(|matrix| matrix.seconds);
        let stored_bytes = matrices.iter().map(|matrix| matrix.stored_bytes).sum();
        let errors: Vec<f64> = matrices.iter().map(|matrix| matrix.relative_error).collect();
        let by_error =
            |left: &&MatrixReport, right: &&MatrixReport| left.relative_error.total_cmp(&right.relative_error);
        let worst = matrices.iter().max_by(by_error);
        CompressReport {
            code: plan.code.clone(),
            kept_tensors: plan.kept.len(),
            compressed_weights: plan.compressed_weights,
            weights: plan.weights,
            input_bytes: plan.input_bytes,
            output_bytes,
            stored_bytes,
            bits_per_compressed_weight: bits_per_weight(stored_bytes, plan.compressed_weights),
            bits_per_weight: bits_per_weight(output_bytes, plan.weights),
            relative_error: relative_error(squared_error, squared_norm),
            sqnr_db: sqnr_db(squared_error, squared_norm),
            median_relative_error: median(&errors),
            largest_relative_error: worst.map(|matrix| matrix.relative_error),
            largest_relative_error_name: worst.map(|matrix| matrix.name.clone()),
            rotated_matrices: matrices.iter().filter(|matrix| matrix.rotated).count(),
            encode_seconds,
            seconds,
            weights_per_s: if encode_seconds > 0.0 {
                plan.compressed_weights as f64 / encode_seconds
            } else {
                0.0
            },
            matrices,
        }
    }
}
