//! The journal of a work folder: what is finished, line by line.

use super::part::PartBytes;
use super::recipe::Recipe;
use crate::container::{CompressedEntry, Crc32, LayerEntry};
use crate::error::ModelError;
use crate::progress::MatrixReport;
use seedlm_codec::Rotation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A finished matrix, whose words and scales are in a part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FinishedMatrix {
    /// Number of the matrix in the plan, from 0.
    pub number: usize,
    /// What was applied to each row before it was encoded.
    pub rotation: Option<Rotation>,
    /// The layers, the base first.
    pub layers: Vec<FinishedLayer>,
    /// What became of the matrix.
    pub report: MatrixReport,
}

/// A layer of a finished matrix: its words lie behind those of the layers before it, and its scales behind them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FinishedLayer {
    /// Bytes of the words.
    pub words_bytes: u64,
    /// Their checksum.
    pub words_crc32: Crc32,
    /// Bytes of the scales.
    pub scale_bytes: u64,
    /// Their checksum.
    pub scale_crc32: Crc32,
}

impl FinishedMatrix {
    /// The matrix as a container describes it; none where it has no layer, which no run writes.
    pub(crate) fn entry(&self, source_shape: &[usize]) -> Option<CompressedEntry> {
        let layers = self.layers.iter().zip(&self.report.layers);
        let layers = layers.map(|(layer, report)| LayerEntry {
            code: report.code.clone(),
            words_crc32: layer.words_crc32,
            scale_crc32: layer.scale_crc32,
            squared_error: report.squared_error,
        });
        let report = &self.report;
        let shapes = (report.shape, source_shape);
        CompressedEntry::of_layers(shapes, report.source_dtype, self.rotation, report.squared_norm, layers)
    }

    /// The words and the scales of each layer in the part at `path`.
    pub(crate) fn stretches(&self, path: &Path) -> Vec<[PartBytes; 2]> {
        let mut start = 0;
        let mut next = |bytes: u64, crc32: Crc32| {
            let stretch = PartBytes {
                path: path.to_path_buf(),
                start,
                bytes,
                crc32,
            };
            start += bytes;
            stretch
        };
        let layers = self.layers.iter();
        let stretches = layers.map(|layer| {
            [
                next(layer.words_bytes, layer.words_crc32),
                next(layer.scale_bytes, layer.scale_crc32),
            ]
        });
        stretches.collect()
    }

    /// Bytes of its part.
    pub(crate) fn part_bytes(&self) -> u64 {
        self.layers
            .iter()
            .map(|layer| layer.words_bytes + layer.scale_bytes)
            .sum()
    }
}

/// What a journal says.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The recipe, if there is one.
    pub recipe: Option<Recipe>,
    /// The finished matrices by number.
    pub finished: BTreeMap<usize, FinishedMatrix>,
    /// Lines that are whole and say nothing: damaged on the disk.
    pub unreadable: usize,
    /// Bytes of the lines that are whole; what follows is the line that a process was killed in, or a machine lost power in.
    pub whole_bytes: u64,
}

impl Contents {
    /// Reads the lines that are whole. Each stands for itself: one that is damaged takes no other with it.
    fn parse(path: &Path, text: &[u8]) -> Result<Self, ModelError> {
        let mut contents = Contents::default();
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            if !line.ends_with(b"\n") {
                break;
            }
            if contents.recipe.is_none() {
                // A whole line that is no recipe is another version's: what it is worth is not for us to say.
                let recipe = serde_json::from_slice(line).map_err(|error| ModelError::Output {
                    path: path.to_path_buf(),
                    reason: format!(
                        "the journal of an unfinished run cannot be read: {error}; resume it with the version of seedlm that wrote \
                         it, or remove its folder"
                    ),
                })?;
                contents.recipe = Some(recipe);
            } else {
                match serde_json::from_slice::<FinishedMatrix>(line) {
                    Ok(finished) => drop(contents.finished.insert(finished.number, finished)),
                    Err(_) => contents.unreadable += 1,
                }
            }
            contents.whole_bytes += line.len() as u64;
        }
        Ok(contents)
    }
}

/// An open journal, locked.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal, makes it if there is none, and reads it. What it holds stays as it is: whoever goes on with it cuts it
    /// to its whole lines first.
    ///
    /// # Errors
    /// [`ModelError::Output`] when another run is using it, and [`ModelError::Io`].
    pub(super) fn open(path: PathBuf) -> Result<(Self, Contents), ModelError> {
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(ModelError::io(&path, "open"))?;
        // A file system without locks is no reason not to work.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(ModelError::Output {
                path,
                reason: "another run is writing the same output; wait for it, or choose another name".into(),
            });
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(ModelError::io(&path, "read"))?;
        let contents = Contents::parse(&path, &text)?;
        Ok((Journal { path, file }, contents))
    }

    /// Removes everything after so many bytes, and waits until that is on the disk.
    pub(super) fn cut(&self, bytes: u64) -> Result<(), ModelError> {
        let cut = self.file.set_len(bytes).and_then(|()| self.file.sync_data());
        let at_end = cut.and_then(|()| (&self.file).seek(SeekFrom::End(0)));
        at_end.map(drop).map_err(ModelError::io(&self.path, "write"))
    }

    /// Appends a line, and waits until it is on the disk.
    pub(super) fn append(&mut self, line: &impl Serialize) -> Result<(), ModelError> {
        let mut text = serde_json::to_vec(line)
            .map_err(std::io::Error::from)
            .map_err(ModelError::io(&self.path, "write"))?;
        text.push(b'\n');
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        written.map_err(ModelError::io(&self.path, "write"))
    }
}
