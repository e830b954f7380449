//! What is said while a measurement runs, and the file that has its figures as they come.

use seedlm_hdl::synthesis::SynthesisError;
use seedlm_hdl::synthesis::measure::{Measurement, Watcher};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How far the rows are.
pub struct Progress {
    start: Instant,
    rows: usize,
    row: usize,
    name: String,
    finished: Vec<Measurement>,
    current: Option<Measurement>,
    json: Option<PathBuf>,
}

impl Progress {
    /// Nothing is measured yet.
    pub fn new(rows: usize, json: Option<&Path>) -> Self {
        Progress {
            start: Instant::now(),
            rows,
            row: 0,
            name: String::new(),
            finished: Vec::new(),
            current: None,
            json: json.map(Path::to_path_buf),
        }
    }

    /// The next row begins.
    pub fn begin(&mut self, name: &str) {
        self.finished.extend(self.current.take());
        self.row += 1;
        self.name = name.into();
    }

    /// All rows are measured.
    pub fn finish(mut self) -> Vec<Measurement> {
        self.finished.extend(self.current.take());
        self.finished
    }
}

impl Watcher for Progress {
    fn step(&mut self, text: &str) {
        let elapsed = self.start.elapsed().as_secs();
        eprintln!(
            "[{elapsed:>4} s] row {} of {}, {}: {text}",
            self.row, self.rows, self.name
        );
    }

    fn figures(&mut self, so_far: &Measurement) -> Result<(), SynthesisError> {
        self.current = Some(so_far.clone());
        let Some(path) = &self.json else {
            return Ok(());
        };
        let all: Vec<&Measurement> = self.finished.iter().chain(&self.current).collect();
        let text = serde_json::to_string_pretty(&all).expect("figures are plain data") + "\n";
        super::write(path, &text).map_err(|error| SynthesisError::Setting(format!("{error:#}")))
    }
}
