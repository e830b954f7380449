//! Makes a smaller model of a layered one: layers are dropped, no weight is encoded again.

use crate::container::{CompressedMatrix, Container, ContainerFile, MatrixLayer};
use crate::copy::complete;
use crate::cut::with_layer;
use crate::error::ModelError;
use crate::figures::{bits_per_weight, relative_error};
use crate::output::Output;
use crate::progress::Progress;
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TruncateLimit {
    /// The first so many layers of every matrix.
    Layers(usize),
    /// At most so many bits per compressed weight, over words and scales.
    BitsPerWeight(f64),
    /// At most so many bytes, over whole files.
    Bytes(u64),
}

/// How to truncate.
#[derive(Clone, Copy, Debug)]
pub struct TruncateOptions {
    /// How much is kept. Where that is not whole layers, those go first that lose the least squared error per byte.
    pub limit: TruncateLimit,
    /// Whether an output that exists is replaced.
    pub replace: bool,
}

/// What has been kept.
#[derive(Clone, Debug, Serialize)]
pub struct TruncateReport {
    /// Compressed matrices.
    pub matrices: usize,
    /// Of each layer, the base first, how many matrices still have it.
    pub matrices_with_layer: Vec<usize>,
    /// Layers that were dropped, over all matrices.
    pub dropped_layers: usize,
    /// Size of the input's weight files in bytes.
    pub input_bytes: u64,
    /// Size of the output's weight files in bytes.
    pub output_bytes: u64,
    /// Bits per weight of the compressed matrices, over words and scales.
    pub bits_per_compressed_weight: f64,
    /// `||W - W'|| / ||W||` over all compressed matrices, before.
    pub relative_error_before: f64,
    /// The same of what is kept.
    pub relative_error: f64,
    /// Time for everything, in seconds.
    pub seconds: f64,
}

/// Writes the model with fewer layers: a file to a file, a folder to a folder. What is kept has the same bytes, and all checksums are
/// checked on the way.
///
/// # Errors
/// [`ModelError`]; nothing is left under the output's name then, except what was there before. [`ModelError::Layers`] where
/// even the bases alone are too large, with how much they take.
pub fn truncate(
    container: &Container,
    output: &Path,
    options: &TruncateOptions,
    progress: &dyn Progress,
) -> Result<TruncateReport, ModelError> {
    let begun = Instant::now();
    let source = container.source();
    let held = held_layers(container, options.limit)?;
    let mut target = Output::check(source, output, options.replace)?;
    target.begin(source)?;
    let (mut output_bytes, mut index_entries) = (0, Vec::new());
    for (number, file) in source.files().iter().enumerate() {
        let name = file.file_name();
        let mut shortened = container.shortened(number, &held);
        output_bytes += target.write(Path::new(&name), progress, |path, writer| {
            shortened.write(path, source, writer, progress)
        })?;
        let sizes = shortened
            .sizes()
            .map(|(tensor, bytes)| (tensor.into(), name.clone(), bytes));
        index_entries.extend(sizes);
    }
    complete(source, target, index_entries, progress)?;
    let matrices = container.matrices();
    let pairs = || matrices.iter().zip(&held);
    let norm = matrices.iter().map(|matrix| matrix.squared_norm).sum();
    Ok(TruncateReport {
        matrices: matrices.len(),
        matrices_with_layer: with_layer(&held),
        dropped_layers: pairs().map(|(matrix, held)| matrix.layers.len() - held).sum(),
        input_bytes: source.file_bytes(),
        output_bytes,
        bits_per_compressed_weight: bits(matrices, &held),
        relative_error_before: relative_error(matrices.iter().map(CompressedMatrix::squared_error).sum(), norm),
        relative_error: relative_error(
            pairs()
                .map(|(matrix, &held)| matrix.layers[held - 1].squared_error)
                .sum(),
            norm,
        ),
        seconds: begun.elapsed().as_secs_f64(),
    })
}

/// How many layers of each matrix are kept.
fn held_layers(container: &Container, limit: TruncateLimit) -> Result<Vec<usize>, ModelError> {
    let matrices = container.matrices();
    let refuse = |reason: String| {
        let path = container.source().path().display();
        Err(ModelError::Layers(format!("{path}: {reason}")))
    };
    let mut held: Vec<usize> = matrices.iter().map(|matrix| matrix.layers.len()).collect();
    match limit {
        TruncateLimit::Layers(0) => {
            return refuse("a model has at least one layer; give 1 or more".into());
        }
        TruncateLimit::Layers(layers) => held.iter_mut().for_each(|held| *held = layers.min(*held)),
        TruncateLimit::BitsPerWeight(most) if !(most.is_finite() && most > 0.0) => {
            return refuse(format!("{most} is no number of bits per weight; give one above 0"));
        }
        TruncateLimit::BitsPerWeight(most) => {
            while bits(matrices, &held) > most {
                if !drop_cheapest(matrices, &mut held) {
                    return refuse(format!(
                        "the first layer alone takes {:.3} bits per weight; {most} is too few",
                        bits(matrices, &held)
                    ));
                }
            }
        }
        TruncateLimit::Bytes(most) => {
            // No header is made where the layers alone are too many.
            while stored_bytes(matrices, &held) > most || container.shortened_bytes(&held)? > most {
                if !drop_cheapest(matrices, &mut held) {
                    let size = container.shortened_bytes(&held)?;
                    return refuse(format!(
                        "the first layer and the tensors that are kept take {size} bytes; {most} is too few"
                    ));
                }
            }
        }
    }
    Ok(held)
}

/// Drops the last layer of the matrix where that loses the least squared error per byte; false where all have but one.
fn drop_cheapest(matrices: &[CompressedMatrix], held: &mut [usize]) -> bool {
    let cost = |number: usize, held: usize| {
        let layers = &matrices[number].layers;
        let lost = layers[held - 2].squared_error - layers[held - 1].squared_error;
        lost / layers[held - 1].stored_bytes() as f64
    };
    let candidates = held.iter().enumerate().filter(|(_, held)| **held > 1);
    let costs = candidates.map(|(number, &held)| (number, cost(number, held)));
    let cheapest = costs.min_by(|left, right| left.1.total_cmp(&right.1));
    if let Some((number, _)) = cheapest {
        held[number] -= 1;
    }
    cheapest.is_some()
}

/// Bytes of words and scales of the compressed matrices with so many layers.
fn stored_bytes(matrices: &[CompressedMatrix], held: &[usize]) -> u64 {
    let layers = matrices
        .iter()
        .zip(held)
        .flat_map(|(matrix, &held)| &matrix.layers[..held]);
    layers.map(MatrixLayer::stored_bytes).sum()
}

/// Bits per weight of the compressed matrices with so many layers.
fn bits(matrices: &[CompressedMatrix], held: &[usize]) -> f64 {
    let weights = matrices.iter().map(CompressedMatrix::weights).sum();
    bits_per_weight(stored_bytes(matrices, held), weights)
}

impl Container {
    /// A file of the container with so many layers of each matrix.
    fn shortened(&self, file: usize, held: &[usize]) -> ContainerFile {
        let mut shortened = ContainerFile::new(&self.source().files()[file].header().metadata);
        let kept = self.kept_with_checksums().filter(|(info, _)| info.file == file);
        kept.for_each(|(info, crc32)| shortened.keep(info, *crc32));
        let matrices = self
            .matrices()
            .iter()
            .zip(held)
            .filter(|(matrix, _)| matrix.file == file);
        for (matrix, &held) in matrices {
            if let Some(entry) = matrix.entry(held) {
                shortened.compressed(&matrix.name, entry, matrix.copied_layers(held));
            }
        }
        shortened
    }

    /// Bytes of all files with so many layers of each matrix, headers included.
    fn shortened_bytes(&self, held: &[usize]) -> Result<u64, ModelError> {
        let files = self.source().files().iter().enumerate();
        let sizes = files.map(|(number, file)| {
            let mut shortened = self.shortened(number, held);
            let data: u64 = shortened.sizes().map(|(_, bytes)| bytes).sum();
            Ok(shortened.header(file.path())?.len() as u64 + data)
        });
        sizes.sum()
    }
}
