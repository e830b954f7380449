//! Checks an image: every byte, and that it is what a model would be written as.

use super::read::MemoryImage;
use super::write::image_matrix;
use crate::container::{CompressedMatrix, Container};
use crate::error::ModelError;
use crate::progress::{Progress, check_stop};
use seedlm_codec::WeightMatrix;
use seedlm_codec::machine::image::{ImageMatrix, Region};
use serde::Serialize;
use std::collections::BTreeMap;

/// Bytes of padding that are looked at at a time.
const PADDING_AT_A_TIME: u64 = 1 << 16;

/// What a check found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ImageCheckReport {
    /// Matrices decoded back.
    pub matrices: usize,
    /// Label of their code.
    pub code: String,
    /// Size of the image in bytes.
    pub bytes: u64,
    /// Whether the matrices were compared with those of a model.
    pub compared: bool,
    /// What is wrong, each with file and tensor; none: the image is intact.
    pub problems: Vec<String>,
}

impl MemoryImage {
    /// Checks the checksum of every region, that all padding is zero, that every matrix decodes back, and, where a model is
    /// given, that image and model have the same matrices, bit for bit.
    ///
    /// # Errors
    /// [`ModelError::Io`] and [`ModelError::Interrupted`]. Damage is no error here, but a problem in the report.
    pub fn check(&self, model: Option<&Container>, progress: &dyn Progress) -> Result<ImageCheckReport, ModelError> {
        let mut report = ImageCheckReport {
            code: self.map().code.label(),
            bytes: self.map().stored_bytes,
            compared: model.is_some(),
            ..ImageCheckReport::default()
        };
        let matrices = model.map(Container::matrices).unwrap_or_default();
        let mut missing: BTreeMap<&str, &CompressedMatrix> =
            matrices.iter().map(|info| (info.name.as_str(), info)).collect();
        let mut note = |result: Result<(), ModelError>| match result {
            Err(error) if error.is_damage() => {
                report.problems.push(error.to_string());
                Ok(())
            }
            other => other,
        };
        let mut end = 0;
        for (weights, scales) in self.map().matrices() {
            check_stop(progress)?;
            let name = weights.tensor.as_deref().unwrap_or_default();
            progress.checking_matrix(name);
            for region in [weights, scales] {
                note(self.check_padding(end, region))?;
                end = region.address + region.bytes;
            }
            let stated = missing.remove(name);
            note(self.matrix(weights, scales).and_then(|matrix| match (model, stated) {
                (None, _) => Ok(()),
                (Some(model), Some(info)) => self.compare(weights, &matrix, model, info),
                (Some(model), None) => Err(self.refuse(weights, "is not compressed in", model)),
            }))?;
            report.matrices += 1;
            progress.advance(weights.rows.saturating_mul(weights.columns));
        }
        for name in missing.into_keys() {
            let path = self.path().display();
            report
                .problems
                .push(format!("{path}: tensor {name:?} of the model is not in it"));
        }
        Ok(report)
    }

    /// Checks that there are zeros from an address up to a region.
    fn check_padding(&self, from: u64, region: &Region) -> Result<(), ModelError> {
        let mut address = from;
        while address < region.address {
            let count = PADDING_AT_A_TIME.min(region.address - address);
            if let Some(index) = self.bytes(address, count as usize)?.iter().position(|&byte| byte != 0) {
                let at = address + index as u64;
                let reason = format!("{region}: the padding before it is not zero at {at:#x}; write the image again");
                return Err(ModelError::image(self.path(), reason));
            }
            address += count;
        }
        Ok(())
    }

    /// Compares a matrix of the image with the model's.
    fn compare(
        &self,
        region: &Region,
        matrix: &WeightMatrix,
        model: &Container,
        info: &CompressedMatrix,
    ) -> Result<(), ModelError> {
        let stated = ImageMatrix {
            tensor: info.name.clone(),
            rows: region.rows,
            columns: region.columns,
            rotation: region.rotation,
        };
        if info.only_code() != Some(&self.map().code) || stated != image_matrix(info) {
            return Err(self.refuse(region, "has another code, shape or rotation than in", model));
        }
        if model.matrix(info)?.layers() != std::slice::from_ref(matrix) {
            return Err(self.refuse(region, "has other words or scales than in", model));
        }
        Ok(())
    }

    fn refuse(&self, region: &Region, what: &str, model: &Container) -> ModelError {
        let model = model.source().path().display();
        let tensor = region.tensor.as_deref().unwrap_or_default();
        ModelError::image(
            self.path(),
            format!("tensor {tensor:?} {what} the model {model}; write the image again"),
        )
    }
}
