//! The file that keeps finished codes, so that an ended run goes on where it was.

use super::results::CodeResult;
use super::study::StudySettings;
use seedlm_codec::Code;
use serde_json::Value;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use thiserror::Error;

/// Finished codes on disk: a line of settings, and a line for each code.
#[derive(Debug)]
pub struct WorkFile {
    path: PathBuf,
    file: Mutex<File>,
    finished: Vec<CodeResult>,
    unreadable: usize,
}

/// Why a work file is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorkFileError {
    /// It cannot be read or written.
    #[error("{path}: {what}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What could not be done.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// Another run is writing to it.
    #[error("{path}: another run is using it; wait for it, or name another file with --work")]
    InUse {
        /// The file.
        path: String,
    },
    /// It is something else.
    #[error("{path}: it is no work file of sim explore; name another file with --work")]
    Foreign {
        /// The file.
        path: String,
    },
    /// It is of a run with other settings.
    #[error(
        "{path}: it is of a run with other settings ({}); run with those, name another file with --work, or begin anew with --fresh",
        differences.join("; ")
    )]
    OtherSettings {
        /// The file.
        path: String,
        /// What differs.
        differences: Vec<String>,
    },
}

/// The key of the settings in the first line.
const SETTINGS: &str = "sim explore";
/// Most characters of a setting that are shown.
const SHOWN: usize = 60;

impl WorkFile {
    /// Opens a work file and reads what is finished, or makes a new one. Lines that cannot be read, as the last one of a killed run, are
    /// as none. With `fresh` what was in it is gone.
    ///
    /// # Errors
    /// When it cannot be opened, is used by another run, is no work file, or is of other settings.
    pub fn open(path: &Path, settings: &StudySettings, fresh: bool) -> Result<Self, WorkFileError> {
        let io = |what: &'static str| {
            let path = path.display().to_string();
            move |source| WorkFileError::Io { path, what, source }
        };
        let mut options = File::options();
        let opened = options.read(true).write(true).create(true).truncate(false).open(path);
        let mut file = opened.map_err(io("cannot open it"))?;
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            return Err(WorkFileError::InUse {
                path: path.display().to_string(),
            });
        }
        if fresh {
            file.set_len(0).map_err(io("cannot empty it"))?;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io("cannot read it"))?;
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        let settings = serde_json::to_value(settings).expect("plain data");
        let (mut finished, mut unreadable): (Vec<CodeResult>, usize) = (Vec::new(), 0);
        match lines.next() {
            None => {
                let mut first = serde_json::Map::new();
                first.insert(SETTINGS.into(), settings);
                let line = format!("{}\n", Value::Object(first));
                file.write_all(line.as_bytes()).map_err(io("cannot write to it"))?;
            }
            Some(first) => check(path, first, &settings)?,
        }
        for line in lines.filter(|line| !line.is_empty()) {
            match serde_json::from_str::<CodeResult>(line) {
                Ok(result) if finished.iter().all(|other| other.code != result.code) => finished.push(result),
                Ok(_) => {}
                Err(_) => unreadable += 1,
            }
        }
        // After a torn line a new one begins.
        file.seek(SeekFrom::End(0)).map_err(io("cannot write to it"))?;
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            file.write_all(b"\n").map_err(io("cannot write to it"))?;
        }
        Ok(WorkFile {
            path: path.into(),
            file: Mutex::new(file),
            finished,
            unreadable,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was finished when it was opened, of that code.
    pub fn finished(&self, code: &Code) -> Option<&CodeResult> {
        self.finished.iter().find(|result| result.code == *code)
    }

    /// Lines that could not be read.
    pub fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// Adds a finished code; when this returns it is on its way to the disk whatever becomes of the program.
    ///
    /// # Errors
    /// [`WorkFileError::Io`].
    pub fn add(&self, result: &CodeResult) -> Result<(), WorkFileError> {
        let line = serde_json::to_string(result).expect("plain data") + "\n";
        let mut file = self.file.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // One call, so that no other line gets into it.
        let written = file.write_all(line.as_bytes()).and_then(|()| file.flush());
        written.map_err(|source| WorkFileError::Io {
            path: self.path.display().to_string(),
            what: "cannot write to it",
            source,
        })
    }

    /// Removes it.
    ///
    /// # Errors
    /// [`WorkFileError::Io`].
    pub fn remove(self) -> Result<(), WorkFileError> {
        std::fs::remove_file(&self.path).map_err(|source| WorkFileError::Io {
            path: self.path.display().to_string(),
            what: "cannot remove it",
            source,
        })
    }
}

fn check(path: &Path, first: &str, settings: &Value) -> Result<(), WorkFileError> {
    let path = path.display().to_string();
    let first: Value = serde_json::from_str(first).unwrap_or_default();
    let Some(found) = first.get(SETTINGS) else {
        return Err(WorkFileError::Foreign { path });
    };
    let (Some(wanted), Some(kept)) = (settings.as_object(), found.as_object()) else {
        return Err(WorkFileError::Foreign { path });
    };
    let keys = wanted
        .keys()
        .chain(kept.keys().filter(|key| !wanted.contains_key(*key)));
    let differences: Vec<String> = keys
        .filter(|key| wanted.get(*key) != kept.get(*key))
        .map(|key| format!("{key}: there {}, here {}", shown(kept.get(key)), shown(wanted.get(key))))
        .collect();
    match differences.is_empty() {
        true => Ok(()),
        false => Err(WorkFileError::OtherSettings { path, differences }),
    }
}

/// A setting, shortened.
fn shown(value: Option<&Value>) -> String {
    let text = value.map_or_else(|| "nothing".into(), Value::to_string);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
