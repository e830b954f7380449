//! The program `hdl`, which writes a code's lanes as Verilog, has yosys count their cells, and counts their operations.

use super::FAMILY;
use crate::energy::{OperationsPerGroup, parse_operation_counts};
use seedlm_codec::Code;
use serde::Deserialize;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use thiserror::Error;

/// Weights decoded in a cycle, at least: one lane, or two of small blocks. Lanes share nothing, so more would take the same for each weight.
const WEIGHTS_PER_CYCLE: &str = "8";

/// Runs `hdl`.
#[derive(Clone, Debug)]
pub struct AreaTool {
    program: PathBuf,
    cache: PathBuf,
}

/// Why there is no count.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AreaToolError {
    /// It does not start, or a file for it cannot be written.
    #[error("{program}: {what}: {source}")]
    Io {
        /// The program.
        program: String,
        /// What could not be done.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// It has failed.
    #[error("{program}: {message}")]
    Failed {
        /// The program.
        program: String,
        /// What it says.
        message: String,
    },
}

/// What `hdl area --json` writes, as far as it is used.
#[derive(Deserialize)]
struct Report {
    tool: String,
    areas: Vec<Area>,
}

#[derive(Deserialize)]
struct Area {
    format: String,
    weights_per_cycle: f64,
    luts_per_weight: f64,
    flip_flops: f64,
}

impl AreaTool {
    /// The program at that path; counts are kept in `cache`.
    pub fn new(program: PathBuf, cache: PathBuf) -> Self {
        AreaTool { program, cache }
    }

    /// Look-up tables and flip-flops for each weight of those codes that have been counted before.
    ///
    /// # Errors
    /// When the tool fails.
    pub fn cached(&self, codes: &[Code]) -> Result<HashMap<Code, (f64, f64)>, AreaToolError> {
        let (maps, named): (Vec<&Code>, Vec<&Code>) = codes.iter().partition(|code| has_own_map(code));
        let mut known = HashMap::new();
        // A map takes a call of its own; all others go into one.
        let calls = std::iter::once(named).chain(maps.into_iter().map(|code| vec![code]));
        for codes in calls {
            let report = self.area(&codes, &["--cached-only"])?;
            for area in report.areas {
                if let Some(code) = codes.iter().find(|code| code.label() == area.format) {
                    known.insert((*code).clone(), area.figures());
                }
            }
        }
        Ok(known)
    }

    /// Counts a code: seconds to a minute, unless it has been counted before.
    ///
    /// # Errors
    /// When the tool fails.
    pub fn measure(&self, code: &Code) -> Result<(f64, f64), AreaToolError> {
        let report = self.area(&[code], &[])?;
        let area = report
            .areas
            .first()
            .ok_or_else(|| self.failed("it has counted nothing"))?;
        Ok(area.figures())
    }

    /// Name and version of what counts.
    ///
    /// # Errors
    /// When the tool fails.
    pub fn synthesis_version(&self) -> Result<String, AreaToolError> {
        let code = Code::preset("chained-4b").expect("it is a preset");
        Ok(self.area(&[&code], &["--cached-only"])?.tool)
    }

    /// Operations of decoder and MACs: no synthesis, no time.
    ///
    /// # Errors
    /// When the tool fails.
    pub fn operations(&self, code: &Code) -> Result<OperationsPerGroup, AreaToolError> {
        let folder = tempfile::tempdir().map_err(self.io("a temporary folder"))?;
        let toml = folder.path().join("operations.toml");
        let mut command = Command::new(&self.program);
        command.args(["operations", "--only"]).arg("--toml").arg(&toml);
        command.args(self.code_arguments(code, folder.path(), "--weights")?);
        self.run(command)?;
        let text = std::fs::read_to_string(&toml).map_err(self.io("its counts"))?;
        let counts = parse_operation_counts(&text).map_err(|error| self.failed(&error))?;
        counts
            .into_iter()
            .next()
            .ok_or_else(|| self.failed("it has counted nothing"))
    }

    fn area(&self, codes: &[&Code], options: &[&str]) -> Result<Report, AreaToolError> {
        let folder = tempfile::tempdir().map_err(self.io("a temporary folder"))?;
        let mut command = Command::new(&self.program);
        command.args(["area", "--json", "-", "--family", FAMILY]).args(options);
        command.args(["--weights-per-cycle", WEIGHTS_PER_CYCLE]);
        command.arg("--cache").arg(&self.cache);
        if codes.is_empty() {
            return Ok(Report {
                tool: String::new(),
                areas: Vec::new(),
            });
        }
        for code in codes {
            command.args(self.code_arguments(code, folder.path(), "--weights")?);
        }
        let output = self.run(command)?;
        serde_json::from_slice(&output).map_err(|error| self.failed(&format!("its JSON: {error}")))
    }

    /// How the program is told a code: presets by their names, others by their parameters. A map goes into a file in `folder`.
    fn code_arguments(&self, code: &Code, folder: &Path, preset: &str) -> Result<Vec<OsString>, AreaToolError> {
        if let Some(name) = code.preset_name() {
            return Ok(vec![preset.into(), name.into()]);
        }
        match code {
            Code::Block(code) => {
                let [size, latent] = [code.block_size(), code.latent_dimension()];
                let length = code.lfsr().length();
                Ok(vec!["--code".into(), format!("C={size},P={latent},K={length}").into()])
            }
            Code::Chained(code) => {
                let file = folder.join("map.json");
                let map = serde_json::to_string(code.map()).expect("plain data");
                std::fs::write(&file, map).map_err(self.io("a temporary file"))?;
                let bits = code.bits_per_weight().to_string();
                Ok(vec![
                    "--map".into(),
                    file.into(),
                    "--bits-per-weight".into(),
                    bits.into(),
                ])
            }
        }
    }

    fn run(&self, mut command: Command) -> Result<Vec<u8>, AreaToolError> {
        let output = command
            .stdin(Stdio::null())
            .output()
            .map_err(self.io("cannot run it"))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            return Err(self.failed(message.trim().trim_start_matches("hdl: ")));
        }
        Ok(output.stdout)
    }

    fn failed(&self, message: &str) -> AreaToolError {
        AreaToolError::Failed {
            program: self.program.display().to_string(),
            message: message.into(),
        }
    }

    fn io(&self, what: &'static str) -> impl Fn(std::io::Error) -> AreaToolError {
        let program = self.program.display().to_string();
        move |source| AreaToolError::Io {
            program: program.clone(),
            what,
            source,
        }
    }
}

impl Area {
    fn figures(&self) -> (f64, f64) {
        (self.luts_per_weight, self.flip_flops / self.weights_per_cycle)
    }
}

/// Whether the program is told the code by a file.
fn has_own_map(code: &Code) -> bool {
    matches!(code, Code::Chained(_)) && code.preset_name().is_none()
}
