//! How a long job talks to its caller.

use crate::encode::EncodedWeights;
use crate::error::ModelError;
use crate::rotate::RotationTrial;
use seedlm_codec::Code;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::Path;

/// A matrix that a job is about to work on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MatrixStep {
    /// Number of the matrix in the job, from 1.
    pub number: usize,
    /// Matrices in the job.
    pub count: usize,
    /// Name.
    pub name: String,
    /// Number of rows (outputs).
    pub rows: usize,
    /// Number of columns (inputs).
    pub columns: usize,
    /// Type of the weights in the source.
    pub source_dtype: crate::FloatDtype,
    /// Label of the code, or of those of its layers.
    pub code: String,
}

/// What became of a matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatrixReport {
    /// Name.
    pub name: String,
    /// Rows (outputs) and columns (inputs).
    pub shape: [usize; 2],
    /// Type of the weights in the source.
    pub source_dtype: crate::FloatDtype,
    /// Label of the code, or of those of its layers.
    pub code: String,
    /// Number of weights.
    pub weights: u64,
    /// Bytes of words and scales.
    pub stored_bytes: u64,
    /// Bits per weight over words and scales.
    pub bits_per_weight: f64,
    /// Whether its rows were rotated before they were encoded.
    pub rotated: bool,
    /// The columns that share a scale, where that is not the whole row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_group: Option<usize>,
    /// The trial that decided about the rotation; none where none was needed.
    pub rotation_trial: Option<RotationTrial>,
    /// `||W - W'|| / ||W||`, fully decoded.
    pub relative_error: f64,
    /// Signal to quantisation noise ratio in decibels; none where there is no noise.
    pub sqnr_db: Option<f64>,
    /// Sum of `(w - w')^2`.
    pub squared_error: f64,
    /// Sum of `w^2`.
    pub squared_norm: f64,
    /// Its layers, the base first; at least one.
    pub layers: Vec<LayerReport>,
    /// Time for encoding, in seconds.
    pub seconds: f64,
}

/// What a layer of a matrix has brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Label of the code.
    pub code: String,
    /// Bytes of words and scales.
    pub stored_bytes: u64,
    /// Sum of `(w - w')^2`, `w'` being the sum of the layers up to this one.
    pub squared_error: f64,
    /// `||W - W'|| / ||W||`, likewise.
    pub relative_error: f64,
}

impl MatrixReport {
    pub(crate) fn new(step: &MatrixStep, codes: &[Code], encoded: &EncodedWeights, seconds: f64) -> Self {
        let weights = step.rows as u64 * step.columns as u64;
        let stored_bytes = encoded.stored_bytes();
        MatrixReport {
            name: step.name.clone(),
            shape: [step.rows, step.columns],
            source_dtype: step.source_dtype,
            code: step.code.clone(),
            weights,
            stored_bytes,
            bits_per_weight: crate::figures::bits_per_weight(stored_bytes, weights),
            rotated: encoded.stored.rotation().is_some(),
            scale_group: encoded.stored.scale_group(),
            rotation_trial: encoded.trial,
            relative_error: crate::figures::relative_error(encoded.squared_error, encoded.squared_norm),
            sqnr_db: crate::figures::sqnr_db(encoded.squared_error, encoded.squared_norm),
            squared_error: encoded.squared_error,
            squared_norm: encoded.squared_norm,
            layers: encoded.layer_reports(codes),
            seconds,
        }
    }
}

/// What an earlier run has finished of a compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// Matrices that are finished.
    pub finished: usize,
    /// Matrices in all.
    pub count: usize,
    /// Weights in the finished matrices.
    pub weights: u64,
}

/// Listens to a job, and may stop it. All functions may be called from any thread.
pub trait Progress: Sync {
    /// A weight file of the source is about to be read through, before the work begins.
    fn checking(&self, _path: &Path) {}
    /// A matrix is about to be read and checked.
    fn checking_matrix(&self, _name: &str) {}
    /// Some rows of a matrix are about to be encoded, to choose its code.
    fn measuring(&self, _name: &str) {}
    /// A run that was to be resumed has found so much; there may be nothing.
    fn resumed(&self, _resumed: Resumed) {}
    /// So many finished matrices of an earlier run are discarded, as asked for.
    fn discarded(&self, _matrices: usize) {}
    /// So many lines of an earlier run's journal are damaged on the disk: what they said is finished is encoded again.
    fn unreadable(&self, _lines: usize, _journal: &Path) {}
    /// A matrix that an earlier run has finished is damaged on the disk, and is encoded again.
    fn encoded_again(&self, _name: &str) {}
    /// A matrix is begun.
    fn start(&self, _step: &MatrixStep) {}
    /// So many more weights of the matrix are done.
    fn advance(&self, _weights: usize) {}
    /// A matrix is done, and safe on the disk. The next one may have been begun already.
    fn finish(&self, _step: &MatrixStep, _report: &MatrixReport) {}
    /// A file is about to be written, under its final name.
    fn writing(&self, _path: &Path) {}
    /// A file or folder of the model is not taken along.
    fn left_out(&self, _path: &Path) {}
    /// Asked often; true ends the job with [`ModelError::Interrupted`], or with [`ModelError::Unfinished`] where a compression
    /// keeps what it has finished ([`ModelError::is_interruption`] tells both), and nothing is left under the output's name.
    fn stop_requested(&self) -> bool {
        false
    }
    /// [`Progress::stop_requested`] as those take it whom a function tells whether to go on.
    fn go_on(&self) -> ControlFlow<()> {
        match self.stop_requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// Listens to nothing and never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}

/// Ends the job if its caller wishes.
pub(crate) fn check_stop(progress: &dyn Progress) -> Result<(), ModelError> {
    if progress.stop_requested() {
        Err(ModelError::Interrupted)
    } else {
        Ok(())
    }
}
