//! Which matrix gets how many bits: the codes that give a model the least error at a mean number of stored bits per weight.
//!
//! Of every matrix some rows are encoded in every candidate, rotated where the encoder would rotate the matrix, and their error
//! stands for that of the whole matrix. A calibrated compression counts the error of the products: with the errors `E = W - W'` of
//! the weights and the moments `M` of the inputs, `tr(E M E^T)` instead of `|E|^2`; and with a [`Sensitivity`] what that error does to
//! the model's output. Then bytes go where they take away most.

mod allocate;
mod measure;
mod sensitivity;

use crate::encode::Engines;
use crate::encoding::{Encoding, layers_label, stored_bytes};
use crate::error::ModelError;
use crate::figures::bits_per_weight;
use crate::moments::ModelMoments;
use crate::plan::{Plan, PlannedMatrix};
use crate::progress::{Progress, check_stop};
use crate::source::Source;
use allocate::{Place, allocate};
use measure::{Candidates, Measured};
use seedlm_codec::{Code, check_scale_groups};
use sensitivity::weigh;
use serde::Serialize;
use std::collections::BTreeMap;

pub use measure::MEASURED_ROWS;
pub use sensitivity::Sensitivity;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct TargetBits {
    /// Stored bits per weight of the matrices to compress, over words and scales: the mean is at most that.
    pub bits_per_weight: f64,
    /// The layers that a matrix may get; at least one.
    pub candidates: Vec<Vec<Code>>,
}

/// Which matrix gets which code, and why.
#[derive(Clone, Debug, Serialize)]
pub struct BitChoice {
    /// Stored bits per weight that were asked for at most.
    pub target_bits_per_weight: f64,
    /// Stored bits per weight of the choice.
    pub bits_per_compressed_weight: f64,
    /// What was counted as error.
    pub counted: CountedError,
    /// The sum of the errors that are expected with this choice, over the matrices that had one.
    pub expected_error: f64,
    /// The matrices that had a choice, in the plan's order.
    pub matrices: Vec<ChosenMatrix>,
    #[serde(skip)]
    encodings: BTreeMap<String, Encoding>,
}

/// What a choice makes small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CountedError {
    /// Squares of the errors of the weights, `|E|^2`.
    Weights,
    /// Squares of the errors of the products with the inputs of a calibration, `tr(E M E^T)`.
    Products,
    /// Divergence of the model's predictions, in nats per token.
    Divergence,
}

/// What a calibration knows.
#[derive(Default)]
pub struct Calibrated<'a> {
    /// The inputs of the matrices, which their encoding needs as well.
    pub moments: Option<&'a ModelMoments>,
    /// The model that reads the text, to weigh matrices against each other.
    pub sensitivity: Option<&'a mut dyn Sensitivity>,
}

/// The choice for a matrix.
#[derive(Clone, Debug, Serialize)]
pub struct ChosenMatrix {
    /// Name.
    pub name: String,
    /// Label of the code, or of those of its layers.
    pub code: String,
    /// What was measured of each candidate, in the order given.
    pub candidates: Vec<CandidateError>,
}

/// What a candidate makes of a matrix.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CandidateError {
    /// Label of the code, or of those of its layers.
    pub code: String,
    /// Bytes of words and scales: exact.
    pub stored_bytes: u64,
    /// The error that is expected; see [`BitChoice::counted`].
    pub expected_error: f64,
}

impl BitChoice {
    /// The encodings of the matrices that had a choice, by name: for [`crate::Rules::with_encodings`].
    pub fn encodings(&self) -> &BTreeMap<String, Encoding> {
        &self.encodings
    }
}

impl TargetBits {
    /// Checks what needs no model.
    ///
    /// # Errors
    /// [`ModelError::TargetBits`] when the bits are no number above zero, there is no candidate, or one is there twice.
    pub fn check(&self) -> Result<(), ModelError> {
        let refuse = |reason: String| Err(ModelError::TargetBits(reason));
        if !(self.bits_per_weight.is_finite() && self.bits_per_weight > 0.0) {
            let bits = self.bits_per_weight;
            return refuse(format!(
                "{bits} stored bits per weight were asked for, and must be a number above 0"
            ));
        }
        if self.candidates.is_empty() {
            return refuse("there is no candidate to choose from; name two codes or more".into());
        }
        let twice = |number: usize| self.candidates[..number].contains(&self.candidates[number]);
        if let Some(number) = (0..self.candidates.len()).find(|&number| twice(number)) {
            let label = layers_label(&self.candidates[number]);
            return refuse(format!("{label} is named twice among the candidates"));
        }
        Ok(())
    }

    /// Weights that are encoded to choose for a plan, for a progress bar; `is_probed` with a [`Sensitivity`].
    pub fn measured_weights(&self, plan: &Plan, is_probed: bool) -> u64 {
        let candidates = self.candidates.len() as u64;
        let open = plan.compressed.iter().filter(|matrix| !matrix.has_own_code);
        let weights = open.map(|matrix| {
            let [rows, columns] = matrix.shape.map(|count| count as u64);
            let sample = rows.min(MEASURED_ROWS as u64) * columns * candidates;
            sample + if is_probed { rows * columns } else { 0 }
        });
        weights.sum()
    }

    /// The candidate that stands for all when a matrix is probed: the largest that the mean has room for, or the smallest.
    fn probe(&self, bytes: &[u64], weights: u64) -> usize {
        let fits = |&number: &usize| bits_per_weight(bytes[number], weights) <= self.bits_per_weight;
        let all = 0..bytes.len();
        let largest = all.clone().filter(fits).max_by_key(|&number| bytes[number]);
        largest.or_else(|| all.min_by_key(|&number| bytes[number])).unwrap_or(0)
    }
}

/// Chooses among the candidates for every matrix of a plan whose code no rule names, in the current rayon pool: the least sum of
/// errors, as far as the measured rows tell, at a mean of at most so many stored bits per weight over all matrices to compress. Rotation
/// and quantizer are those of the plan. With a sensitivity each matrix is encoded as a whole in one candidate, and what the model says
/// with it weighs all its errors. The choice is the same for any number of threads.
///
/// # Errors
/// [`ModelError::TargetBits`] when the bits do not suffice for the smallest candidates, or as [`TargetBits::check`];
/// [`ModelError::Interrupted`]; as [`Source::matrix`]; [`ModelError::Encoder`]; as [`Sensitivity::divergence`].
pub fn choose_codes(
    source: &Source,
    plan: &Plan,
    target: &TargetBits,
    calibrated: Calibrated<'_>,
    progress: &dyn Progress,
) -> Result<BitChoice, ModelError> {
    target.check()?;
    let (open, fixed): (Vec<_>, Vec<_>) = plan.compressed.iter().partition(|matrix| !matrix.has_own_code);
    let weights = plan.compressed_weights;
    // Exact as long as it is below 2^53, some thousand terabytes.
    let most_bytes = (target.bits_per_weight * weights as f64 / 8.0).floor() as u64;
    let fixed_bytes: u64 = fixed.iter().map(|matrix| matrix.output_bytes).sum();
    let mut bytes = Vec::with_capacity(open.len());
    for matrix in &open {
        check_groups(source, matrix, target)?;
        let of_layers = |layers: &Vec<Code>| stored_bytes(layers, matrix.coded_shape);
        let refuse = || {
            ModelError::tensor(
                source.file_path(matrix.info.file),
                &matrix.name,
                "is too large to count",
            )
        };
        let of_matrix: Option<Vec<u64>> = target.candidates.iter().map(of_layers).collect();
        bytes.push(of_matrix.ok_or_else(refuse)?);
    }
    let least = |of_matrix: &Vec<u64>| of_matrix.iter().min().copied().unwrap_or(0);
    let least_bytes = fixed_bytes + bytes.iter().map(least).sum::<u64>();
    if least_bytes > most_bytes {
        return Err(ModelError::TargetBits(format!(
            "a mean of {} stored bits per weight cannot be reached: with the smallest candidates, and the codes that rules name, \
             it is {:.3}; ask for more bits, or name smaller candidates",
            target.bits_per_weight,
            bits_per_weight(least_bytes, weights)
        )));
    }
    let Calibrated {
        moments,
        mut sensitivity,
    } = calibrated;
    let mut engines = Engines::default();
    let mut errors = Vec::with_capacity(open.len());
    let mut probes = Vec::with_capacity(open.len());
    for (matrix, bytes) in open.iter().zip(&bytes) {
        check_stop(progress)?;
        progress.measuring(&matrix.name);
        let candidates = Candidates::prepare(&matrix.encoding, &target.candidates, &mut engines)?;
        let measured = Measured::read(source, matrix, moments, progress)?;
        errors.push(candidates.errors(&measured)?);
        if let Some(sensitivity) = &mut sensitivity {
            let probe = target.probe(bytes, (matrix.shape[0] * matrix.shape[1]) as u64);
            let decoded = candidates.decoded(probe, &measured)?;
            probes.push((probe, sensitivity.divergence(&matrix.name, &decoded)?));
        }
    }
    let counted = match (weigh(&mut errors, &probes), moments) {
        (true, _) => CountedError::Divergence,
        (false, Some(_)) => CountedError::Products,
        (false, None) => CountedError::Weights,
    };
    let places: Vec<Vec<Place>> = bytes
        .iter()
        .zip(errors)
        .map(|(bytes, errors)| {
            let both = bytes.iter().zip(errors);
            both.map(|(&bytes, error)| Place { bytes, error }).collect()
        })
        .collect();
    let chosen = allocate(&places, most_bytes - fixed_bytes);
    let mut encodings = BTreeMap::new();
    let mut matrices = Vec::with_capacity(open.len());
    let (mut stored_bytes, mut expected_error) = (fixed_bytes, 0.0);
    for ((matrix, places), &number) in open.iter().zip(&places).zip(&chosen) {
        let layers = target.candidates[number].clone();
        stored_bytes += places[number].bytes;
        expected_error += places[number].error;
        matrices.push(ChosenMatrix {
            name: matrix.name.clone(),
            code: layers_label(&layers),
            candidates: places
                .iter()
                .zip(&target.candidates)
                .map(|(place, layers)| CandidateError {
                    code: layers_label(layers),
                    stored_bytes: place.bytes,
                    expected_error: place.error,
                })
                .collect(),
        });
        encodings.insert(matrix.name.clone(), matrix.encoding.clone().with_layers(layers)?);
    }
    Ok(BitChoice {
        target_bits_per_weight: target.bits_per_weight,
        bits_per_compressed_weight: bits_per_weight(stored_bytes, weights),
        counted,
        expected_error,
        matrices,
        encodings,
    })
}

/// Checks that a matrix can have its scale groups in each candidate.
fn check_groups(source: &Source, matrix: &PlannedMatrix, target: &TargetBits) -> Result<(), ModelError> {
    // One as wide as the row is none in the file, and block codes refuse it all the same.
    if matrix.encoding.scale_group().is_none() {
        return Ok(());
    }
    let check = target.candidates.iter().flatten().try_for_each(check_scale_groups);
    check.map_err(|error| {
        let reason = format!("{error}; leave it out of the candidates");
        ModelError::tensor(source.file_path(matrix.info.file), &matrix.name, reason)
    })
}

#[cfg(test)]
mod tests;
