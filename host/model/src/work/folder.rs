//! The work folder itself.

use super::journal::{FinishedLayer, FinishedMatrix, Journal};
use super::part::write_part;
use super::recipe::Recipe;
use crate::container::Crc32;
use crate::encode::EncodedWeights;
use crate::error::ModelError;
use crate::output::{Output, TEMPORARY_SUFFIX, sync_folder};
use crate::plan::{Plan, PlannedMatrix};
use crate::progress::{MatrixReport, Progress, Resumed, check_stop};
use crate::stored::{layer_scale_bytes, layer_words};
use seedlm_codec::Code;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Ends the name of a work folder.
const WORK_SUFFIX: &str = ".seedlm-work";
/// Most bytes of an output's name that a work folder's name holds whole: file systems take 255 bytes, one is the dot.
const LONGEST_NAME: usize = 255 - 1 - WORK_SUFFIX.len();
/// Characters that are kept of a longer one, to be read.
const READABLE_CHARACTERS: usize = 40;
/// Ends the name of a part.
const PART_SUFFIX: &str = ".part";
/// The name of the journal.
const JOURNAL_FILE: &str = "journal";

/// An open work folder; no other run can open it.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    path: PathBuf,
    output: PathBuf,
    journal: Journal,
    /// Bytes of the journal that are worth keeping.
    whole_bytes: u64,
    /// Lines of the journal that are damaged.
    unreadable: usize,
    /// Finished matrices of another run, which are to be discarded and still there.
    discarded: usize,
    /// The recipe of the run that is gone on with.
    recipe: Option<Recipe>,
    /// What is finished, by number.
    finished: BTreeMap<usize, FinishedMatrix>,
    /// Matrices in the plan.
    count: usize,
}

impl WorkFolder {
    /// Opens the work folder of an output, or makes it. What is in it stays as it is until [`WorkFolder::begin`].
    ///
    /// # Errors
    /// [`ModelError::Output`] when it holds an unfinished run that is neither to be resumed nor, with the output, to be
    /// replaced, or when another run is using it; [`ModelError::Io`].
    pub(crate) fn open(target: &Output, count: usize, resume: bool) -> Result<Self, ModelError> {
        let name = work_name(target.path().file_name().unwrap_or_default());
        let path = target.path().with_file_name(name);
        match fs::create_dir(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if !path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                    let reason = "is in the way of the work folder; move it".into();
                    return Err(ModelError::Output { path, reason });
                }
            }
            made => {
                made.map_err(ModelError::io(target.path(), "create a work folder for"))?;
                sync_folder(target.parent());
            }
        }
        let (journal, contents) = Journal::open(path.join(JOURNAL_FILE))?;
        let mut work = WorkFolder {
            path,
            output: target.path().to_path_buf(),
            journal,
            whole_bytes: contents.whole_bytes,
            unreadable: contents.unreadable,
            discarded: 0,
            recipe: contents.recipe,
            finished: contents.finished,
            count,
        };
        let finished = work.finished.len();
        if finished > 0 && !resume && !target.replaces() {
            return Err(work.refuse(&format!(
                "an unfinished run has left {finished} finished matrices in {}; --resume goes on from there, --force discards them",
                work.path.display()
            )));
        }
        if finished == 0 || !resume {
            work.discarded = finished;
            work.recipe = None;
            work.finished.clear();
        }
        Ok(work)
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The part of a matrix.
    pub(crate) fn part(&self, number: usize) -> PathBuf {
        self.path.join(format!("{number:06}{PART_SUFFIX}"))
    }

    /// Checks that the unfinished run has been asked for with the same options; the files are not known yet.
    ///
    /// # Errors
    /// [`ModelError::Output`] names what differs.
    pub(crate) fn check_options(&self, recipe: &Recipe) -> Result<(), ModelError> {
        self.check(|unfinished| recipe.options_difference(unfinished))
    }

    /// Checks that the unfinished run has had the same source.
    ///
    /// # Errors
    /// [`ModelError::Output`] names what differs.
    pub(crate) fn check_files(&self, recipe: &Recipe) -> Result<(), ModelError> {
        self.check(|unfinished| recipe.files_difference(unfinished))
    }

    fn check(&self, difference: impl FnOnce(&Recipe) -> Option<String>) -> Result<(), ModelError> {
        match self.recipe.as_ref().and_then(difference) {
            None => Ok(()),
            Some(difference) => Err(self.refuse(&format!(
                "the unfinished run in {} cannot be resumed: {difference}; give it what it had, or start anew with --force and \
                 without --resume",
                self.path.display()
            ))),
        }
    }

    /// Begins to work by a checked recipe: only now what is of no use in the folder is removed. Returns, for each matrix of the
    /// plan, what the unfinished run has finished and what is still as it was then.
    ///
    /// # Errors
    /// [`ModelError::Io`]; [`ModelError::Interrupted`].
    pub(crate) fn begin(
        &mut self,
        recipe: Recipe,
        plan: &Plan,
        progress: &dyn Progress,
    ) -> Result<Vec<Option<FinishedMatrix>>, ModelError> {
        if self.unreadable > 0 {
            progress.unreadable(self.unreadable, &self.path.join(JOURNAL_FILE));
        }
        if self.recipe.is_none() {
            if self.discarded > 0 {
                progress.discarded(self.discarded);
            }
            self.journal.cut(0)?;
            self.discarded = 0;
            self.remove_entries(PART_SUFFIX)?;
            self.journal.append(&recipe)?;
            sync_folder(&self.path);
            self.recipe = Some(recipe);
        } else {
            self.journal.cut(self.whole_bytes)?;
        }
        // What a killed run had begun to put together.
        self.remove_entries(TEMPORARY_SUFFIX)?;
        for (number, matrix) in plan.compressed.iter().enumerate() {
            check_stop(progress)?;
            if let Some(finished) = self.finished.get(&number)
                && !self.is_intact(finished, matrix)
            {
                progress.encoded_again(&matrix.name);
                self.finished.remove(&number);
            }
        }
        self.finished.retain(|&number, _| number < plan.compressed.len());
        Ok((0..plan.compressed.len())
            .map(|number| self.finished.get(&number).cloned())
            .collect())
    }

    /// What has been found of an unfinished run.
    pub(crate) fn resumed(&self) -> Resumed {
        Resumed {
            finished: self.finished.len(),
            count: self.count,
            weights: self.finished.values().map(|finished| finished.report.weights).sum(),
        }
    }

    /// Whether the part of a finished matrix is there as it was written.
    fn is_intact(&self, finished: &FinishedMatrix, matrix: &PlannedMatrix) -> bool {
        let path = self.part(finished.number);
        let bytes = finished.part_bytes();
        let codes = finished.report.layers.iter().map(|layer| &layer.code);
        finished.report.name == matrix.name
            && finished.report.shape == matrix.shape
            && bytes == matrix.output_bytes
            && codes.eq(matrix
                .encoding
                .layers()
                .iter()
                .map(Code::label)
                .collect::<Vec<_>>()
                .iter())
            && fs::metadata(&path).is_ok_and(|found| found.len() == bytes)
            && finished
                .stretches(&path)
                .iter()
                .flatten()
                .all(|stretch| stretch.read(&mut |_| Ok(())).is_ok())
    }

    /// Brings a finished matrix to the disk: its part first, then its line in the journal.
    pub(crate) fn add(
        &mut self,
        number: usize,
        encoded: &EncodedWeights,
        report: MatrixReport,
    ) -> Result<FinishedMatrix, ModelError> {
        let scales: Vec<Vec<u8>> = encoded.stored.layers().iter().map(layer_scale_bytes).collect();
        let layers = encoded.stored.layers().iter().zip(&scales);
        let stretches = layers.clone().flat_map(|(layer, scale)| [layer_words(layer), scale]);
        write_part(&self.part(number), stretches)?;
        sync_folder(&self.path);
        let finished_layers = layers.map(|(layer, scale)| {
            let words = layer_words(layer);
            FinishedLayer {
                words_bytes: words.len() as u64,
                words_crc32: Crc32::of(words),
                scale_bytes: scale.len() as u64,
                scale_crc32: Crc32::of(scale),
            }
        });
        let finished = FinishedMatrix {
            number,
            rotation: encoded.stored.rotation(),
            layers: finished_layers.collect(),
            report,
        };
        self.journal.append(&finished)?;
        self.finished.insert(number, finished.clone());
        Ok(finished)
    }

    /// What to say of a run that ended early. Where nothing is finished, nothing stays but what another run has left and this
    /// one has not discarded yet.
    pub(crate) fn unfinished(&self, cause: ModelError) -> ModelError {
        if self.discarded > 0 {
            return cause;
        }
        if self.finished.is_empty() {
            self.remove();
            return cause;
        }
        ModelError::Unfinished {
            cause: Box::new(cause),
            finished: self.finished.len(),
            count: self.count,
            folder: self.path.clone(),
        }
    }

    /// Removes the folder, which is of no use any more. What cannot be removed does no harm.
    pub(crate) fn remove(&self) {
        // The journal first: a run that is killed between the two must not look unfinished.
        let _ = self.journal.cut(0);
        let _ = fs::remove_dir_all(&self.path);
    }

    /// Removes the files and folders whose names end so.
    fn remove_entries(&self, suffix: &str) -> Result<(), ModelError> {
        let list = fs::read_dir(&self.path).map_err(ModelError::io(&self.path, "list"))?;
        for entry in list {
            let path = entry.map_err(ModelError::io(&self.path, "list"))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(suffix) {
                let removed = if path.is_dir() {
                    fs::remove_dir_all(&path)
                } else {
                    fs::remove_file(&path)
                };
                removed.map_err(ModelError::io(&path, "remove"))?;
            }
        }
        Ok(())
    }

    fn refuse(&self, reason: &str) -> ModelError {
        ModelError::Output {
            path: self.output.clone(),
            reason: reason.into(),
        }
    }
}

/// The name of an output's work folder. A long name is cut, and told from others that begin like it by its checksum.
fn work_name(output: &OsStr) -> OsString {
    let mut name = OsString::from(".");
    if output.len() <= LONGEST_NAME {
        name.push(output);
    } else {
        let readable: String = output.to_string_lossy().chars().take(READABLE_CHARACTERS).collect();
        name.push(format!("{readable}.{}", Crc32::of(output.as_encoded_bytes())));
    }
    name.push(WORK_SUFFIX);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_work_folders_are_legal_and_differ() {
        let long = |count: usize, end: &str| work_name(OsStr::new(&("ä".repeat(count) + end)));
        assert_eq!(work_name(OsStr::new("out")), ".out.seedlm-work");
        // 242 bytes are whole, and 243 are not.
        assert_eq!(long(121, "").len(), 255);
        assert!(
            long(121, "a")
                .to_string_lossy()
                .starts_with(&format!(".{}.", "ä".repeat(40)))
        );
        assert!(long(121, "a").len() < 120);
        assert_ne!(long(127, "a"), long(127, "b"));
        assert_ne!(long(127, "a"), long(126, "a"));
    }
}
