//! Puts the output's files together from finished matrices and the source's kept tensors.

use crate::container::{ContainerFile, Content, NewLayer};
use crate::error::ModelError;
use crate::pipeline::Job;
use crate::progress::MatrixReport;
use crate::work::{FinishedMatrix, WorkFolder};
use std::path::Path;

/// The output's files as far as they are written.
pub(crate) struct Assembly<'a> {
    job: &'a Job<'a>,
    /// What is finished, in the plan's order.
    finished: Vec<Option<FinishedMatrix>>,
    /// Files that are written.
    files: usize,
    assembled: Assembled,
}

/// What has been put together.
#[derive(Debug, Default)]
pub(crate) struct Assembled {
    /// The matrices, in the plan's order.
    pub matrices: Vec<MatrixReport>,
    /// Size of the files in bytes.
    pub output_bytes: u64,
    /// The new tensors, for an index: name, file, bytes.
    pub index_entries: Vec<(String, String, u64)>,
}

impl<'a> Assembly<'a> {
    /// Nothing is written, and something may be finished.
    pub(crate) fn new(job: &'a Job<'a>, finished: Vec<Option<FinishedMatrix>>) -> Self {
        Assembly {
            job,
            finished,
            files: 0,
            assembled: Assembled::default(),
        }
    }

    /// One more matrix is finished.
    pub(crate) fn add(&mut self, finished: FinishedMatrix) {
        let number = finished.number;
        self.finished[number] = Some(finished);
    }

    /// Writes, in order, the files that all matrices are there for.
    pub(crate) fn write_complete_files(&mut self, work: &WorkFolder) -> Result<(), ModelError> {
        while self.files < self.job.source.files().len() {
            let mut matrices = self.job.plan.compressed.iter().zip(&self.finished);
            if matrices.any(|(matrix, finished)| matrix.info.file == self.files && finished.is_none()) {
                break;
            }
            self.write_file(work)?;
            self.files += 1;
        }
        Ok(())
    }

    /// Writes the next file.
    fn write_file(&mut self, work: &WorkFolder) -> Result<(), ModelError> {
        let job = self.job;
        let file = &job.source.files()[self.files];
        let mut container = ContainerFile::new(&file.header().metadata);
        let matrices = job.plan.compressed.iter().zip(&self.finished);
        for (matrix, finished) in matrices.filter(|(matrix, _)| matrix.info.file == self.files) {
            let Some(finished) = finished else {
                continue;
            };
            let Some(entry) = finished.entry(&matrix.info.shape) else {
                continue;
            };
            let entry = entry.with_scale_group(finished.report.scale_group);
            let stretches = finished.stretches(&work.part(finished.number));
            let layers = matrix.encoding.layers().iter().zip(&finished.layers).zip(stretches);
            let layers = layers.map(|((code, layer), [words, scale])| NewLayer {
                code,
                words_bytes: layer.words_bytes as usize,
                words: Content::Part(words),
                scale: Content::Part(scale),
            });
            container.compressed(&matrix.name, entry, layers);
            self.assembled.matrices.push(finished.report.clone());
        }
        for kept in job.plan.kept.iter().filter(|kept| kept.info.file == self.files) {
            container.keep(&kept.info, job.survey.crc32(&kept.info));
        }
        let name = file.file_name();
        self.assembled.output_bytes += job.target.write(Path::new(&name), job.progress, |path, writer| {
            container.write(path, job.source, writer, job.progress)
        })?;
        let entries = container
            .sizes()
            .map(|(tensor, bytes)| (tensor.into(), name.clone(), bytes));
        self.assembled.index_entries.extend(entries);
        Ok(())
    }

    /// What has been put together.
    pub(crate) fn end(self) -> Assembled {
        self.assembled
    }
}
