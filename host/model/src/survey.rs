//! A look at the whole source before the work: every byte is read once, in pieces.
//!
//! It finds weights that are no finite numbers before hours of work, and gives the checksums that tell whether the source is
//! still the same: when a run is resumed, and when a tensor is read again to be encoded or copied.

use crate::container::Crc32;
use crate::error::ModelError;
use crate::plan::Plan;
use crate::progress::{Progress, check_stop};
use crate::source::{Source, TensorInfo};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A weight file of the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SurveyedFile {
    /// Its name in its folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Checksum of all its bytes.
    pub crc32: Crc32,
}

/// The checksums of a source.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// The weight files, in the source's order.
    pub files: Vec<SurveyedFile>,
    tensors: BTreeMap<String, Crc32>,
}

impl Survey {
    /// Reads the source.
    ///
    /// # Errors
    /// As [`Source::matrix`], and [`ModelError::Interrupted`].
    pub(crate) fn read(source: &Source, plan: &Plan, progress: &dyn Progress) -> Result<Self, ModelError> {
        let compressed: BTreeSet<&str> = plan.compressed.iter().map(|matrix| matrix.name.as_str()).collect();
        let mut survey = Survey {
            files: Vec::with_capacity(source.files().len()),
            tensors: BTreeMap::new(),
        };
        for (number, file) in source.files().iter().enumerate() {
            progress.checking(file.path());
            let mut of_file = crc32fast::Hasher::new();
            of_file.update(&file.bytes()[..file.header().data_start]);
            // The header's check has made sure that the tensors, in this order, are the rest of the file.
            for info in source.tensors().iter().filter(|info| info.file == number) {
                let mut of_tensor = crc32fast::Hasher::new();
                let mut visit = |piece: &[u8]| {
                    of_tensor.update(piece);
                    check_stop(progress)
                };
                if compressed.contains(info.name.as_str()) {
                    source.check_matrix(info, &mut visit)?;
                } else {
                    source.pieces(info, &mut visit)?;
                }
                of_file.combine(&of_tensor);
                survey.tensors.insert(info.name.clone(), Crc32(of_tensor.finalize()));
            }
            survey.files.push(SurveyedFile {
                name: file.file_name(),
                bytes: file.bytes().len() as u64,
                crc32: Crc32(of_file.finalize()),
            });
        }
        Ok(survey)
    }

    /// The checksum of a tensor of the surveyed source.
    pub(crate) fn crc32(&self, info: &TensorInfo) -> Crc32 {
        self.tensors.get(&info.name).copied().unwrap_or(Crc32(0))
    }
}

/// Checks that a tensor has the checksum it had in the survey.
///
/// # Errors
/// [`ModelError::Changed`].
pub(crate) fn check_unchanged(
    source: &Source,
    info: &TensorInfo,
    known: Crc32,
    hasher: crc32fast::Hasher,
) -> Result<(), ModelError> {
    if Crc32(hasher.finalize()) == known {
        return Ok(());
    }
    Err(changed(source, info))
}

/// A tensor that is not what it was in the survey.
pub(crate) fn changed(source: &Source, info: &TensorInfo) -> ModelError {
    ModelError::Changed {
        path: source.file_path(info.file).to_path_buf(),
        tensor: info.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Encoding, Rotate, Rules, Silent, embedded};
    use seedlm_codec::Code;
    use seedlm_encoder::Quantizer;

    #[test]
    fn the_checksums_are_those_of_files_and_tensors() {
        let source = embedded::shakespeare().unwrap();
        let plan = {
            let code = Code::preset("paper-4b").unwrap();
            let encoding = Encoding::new(code, Quantizer::Exact, Rotate::Auto);
            Plan::new(&source, &Rules::default(), &encoding).unwrap()
        };
        let survey = Survey::read(&source, &plan, &Silent).unwrap();
        assert_eq!(survey.files.len(), 1);
        assert_eq!(survey.files[0].crc32, Crc32::of(embedded::SHAKESPEARE_SAFETENSORS));
        for info in source.tensors() {
            assert_eq!(
                survey.crc32(info),
                Crc32::of(source.bytes(info).unwrap()),
                "{}",
                info.name
            );
        }
    }
}
