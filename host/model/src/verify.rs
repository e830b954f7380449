//! Checks every bit of a container.

use crate::container::{Container, describes_itself};
use crate::cut::explain_cut;
use crate::error::ModelError;
use crate::progress::{Progress, check_stop};
use crate::source::Source;
use serde::Serialize;
use std::path::Path;

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport {
    /// False if nothing in the files says that they are a container. A plain model is none.
    pub is_container: bool,
    /// Files checked.
    pub files: usize,
    /// Bytes of these files.
    pub bytes: u64,
    /// Compressed matrices checked.
    pub matrices: usize,
    /// Labels of the codes of the matrices.
    pub codes: Vec<String>,
    /// Number of matrices whose rows were rotated before they were encoded.
    pub rotated_matrices: usize,
    /// Kept tensors checked.
    pub kept_tensors: usize,
    /// What is wrong, each with file and tensor; none: the container is intact.
    pub problems: Vec<String>,
}

/// Checks headers, descriptions, all checksums and all words of a container. It finds every single flipped bit of a
/// container file. Of a folder it checks the weight files and their index; the other files have no checksums.
///
/// # Errors
/// Only where nothing can be said: [`ModelError::Io`], [`ModelError::Folder`] and [`ModelError::Interrupted`]. Damage is
/// no error here, but a problem in the report.
pub fn verify(path: &Path, progress: &dyn Progress) -> Result<VerifyReport, ModelError> {
    let mut report = VerifyReport {
        is_container: true,
        files: 0,
        bytes: 0,
        matrices: 0,
        codes: Vec::new(),
        rotated_matrices: 0,
        kept_tensors: 0,
        problems: Vec::new(),
    };
    let opened = Source::open(path)
        .map_err(|error| explain_cut(path, error))
        .and_then(|source| {
            report.is_container = source.files().iter().any(describes_itself);
            Container::from_source(source)
        });
    let container = match opened {
        Ok(container) => container,
        Err(error) if error.is_damage() => {
            report.problems.push(error.to_string());
            return Ok(report);
        }
        Err(error) => return Err(error),
    };
    report.codes = container.code_labels();
    report.rotated_matrices = container.rotated_matrices();
    report.files = container.source().files().len();
    report.bytes = container.source().file_bytes();
    let mut note = |result: Result<(), ModelError>| match result {
        Err(error) if error.is_damage() => {
            report.problems.push(error.to_string());
            Ok(())
        }
        other => other,
    };
    for matrix in container.matrices() {
        check_stop(progress)?;
        note(container.matrix(matrix).map(drop))?;
        report.matrices += 1;
    }
    for info in container.kept() {
        check_stop(progress)?;
        note(container.kept_bytes(info).map(drop))?;
        report.kept_tensors += 1;
    }
    Ok(report)
}
