//! `sim run --rtl`: the accelerator's Verilog, written and built for each format of a run.

use super::interrupt;
use anyhow::{Context, Result, bail};
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{BlockCode, WeightFormat};
use seedlm_sim::report::Accelerator;
use seedlm_sim::verilated::VerilatedMatvec;
use seedlm_sim::{Machine, MachineError, SystemConfig};
use seedlm_verilator::{Verilator, VerilatorError};
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// A build that takes longer is announced.
const SHORT_BUILD: Duration = Duration::from_secs(2);

/// The list of files that the generator writes beside them.
const FILE_LIST: &str = "seedlm.f";

/// Makes machines around the Verilog.
pub struct Rtl {
    origin: Origin,
    verilator: Verilator,
    quiet: bool,
}

/// Where the Verilog comes from.
enum Origin {
    /// From the program `hdl` at this path, for exactly the machine of the run.
    Generator(PathBuf),
    /// From a folder that is there already.
    Folder(PathBuf),
}

/// A file's name and text.
type SourceFile = (String, String);

impl Rtl {
    /// Finds the tools, so that a missing one is named before any work is done. The Verilog comes from `folder`; without one
    /// it is generated.
    pub fn find(folder: Option<&Path>, quiet: bool) -> Result<Self> {
        let origin = match folder {
            Some(folder) => Origin::Folder(folder.into()),
            None => Origin::Generator(generator()?),
        };
        Ok(Rtl {
            origin,
            verilator: Verilator::find().context("--rtl")?,
            quiet,
        })
    }

    /// What the report says about it.
    pub fn accelerator(&self) -> Accelerator {
        Accelerator::Verilog { verilator: self.tool() }
    }

    /// A machine around the Verilog for a format.
    pub fn machine(&self, format: &WeightFormat, system: &SystemConfig) -> Result<Machine> {
        // What cannot be built is named as it is without --rtl.
        system.datapath.check(format)?;
        let (files, origin, advice) = match &self.origin {
            Origin::Generator(program) => (
                generate(program, format, &system.datapath)?,
                program.display().to_string(),
                "the programs hdl and sim are of different versions: cargo build --release --bin hdl --bin sim",
            ),
            Origin::Folder(folder) => {
                let folder = folder_of(folder, format)?;
                let origin = folder.display().to_string();
                (
                    read_files(&folder)?,
                    origin,
                    "--rtl alone generates the Verilog that fits",
                )
            }
        };
        let is_another = |error: &dyn Error| {
            anyhow::Error::msg(format!(
                "{origin}: this Verilog is not the machine of the run ({}): {error}; {advice}",
                format.label()
            ))
        };
        let built = self.build(&format!("the Verilog of {}", format.label()), &system.datapath, files);
        let accelerator = built.map_err(|error| match error {
            VerilatorError::UnknownPort { .. } | VerilatorError::OtherPort { .. } => is_another(&error),
            other => anyhow::Error::new(other).context(origin.clone()),
        })?;
        let machine = Machine::with_accelerator(format, system, Box::new(accelerator));
        machine.map_err(|error| match error {
            MachineError::Register { .. } => is_another(&error),
            other => anyhow::Error::new(other).context(origin.clone()),
        })
    }

    /// Builds the Verilog, and says so when it takes long.
    fn build(
        &self,
        what: &str,
        datapath: &DatapathConfig,
        files: Vec<SourceFile>,
    ) -> Result<VerilatedMatvec, VerilatorError> {
        let (done, is_done) = channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let waited = is_done.recv_timeout(SHORT_BUILD);
                if !self.quiet && waited == Err(RecvTimeoutError::Timeout) {
                    eprintln!("Building {what} with {}", self.tool());
                }
            });
            let built = VerilatedMatvec::build(&self.verilator, datapath, files);
            drop(done);
            built
        })
    }

    /// Name and version of the tool.
    fn tool(&self) -> String {
        let version = self.verilator.version();
        let words: Vec<&str> = version.split_whitespace().collect();
        match words[..] {
            ["Verilator", number, ..] => format!("Verilator {number}"),
            // Some builds have no number.
            _ => format!("Verilator {version}"),
        }
    }
}

/// The program `hdl`: next to this one, else on `PATH`.
pub fn find_generator() -> Option<PathBuf> {
    let name = format!("hdl{}", env::consts::EXE_SUFFIX);
    let beside = env::current_exe().ok().map(|program| program.with_file_name(&name));
    let folders = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&folders).map(|folder| folder.join(&name));
    beside.into_iter().chain(on_path).find(|path| path.is_file())
}

fn generator() -> Result<PathBuf> {
    find_generator().context(
        "--rtl needs the program hdl, which is neither next to this program nor on PATH: run \
             `cargo build --release --bin hdl`, or name a folder of its files with --rtl-from",
    )
}

/// The Verilog of a machine, from the generator.
fn generate(program: &Path, format: &WeightFormat, datapath: &DatapathConfig) -> Result<Vec<SourceFile>> {
    let folder = tempfile::Builder::new()
        .prefix("seedlm-rtl-")
        .tempdir()
        .context("--rtl: a temporary folder")?;
    interrupt::remove_when_interrupted(folder.path());
    let config = folder.path().join("datapath.toml");
    let text = toml::to_string(datapath).context("--rtl: the datapath as TOML")?;
    std::fs::write(&config, text).with_context(|| format!("{}: cannot write", config.display()))?;
    let verilog = folder.path().join("verilog");
    let output = Command::new(program)
        .arg("generate")
        .args(format_arguments(format, folder.path())?)
        .arg("--config")
        .arg(&config)
        .arg("--out")
        .arg(&verilog)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{}: cannot run it", program.display()))?;
    if !output.status.success() {
        bail!(
            "{} generate has failed ({}): {}",
            program.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    read_files(&verilog)
}

/// How the generator is told a format: presets by their name, other codes by all their parameters. A chain map goes into a
/// file in `folder`.
fn format_arguments(format: &WeightFormat, folder: &Path) -> Result<Vec<OsString>> {
    Ok(match format {
        WeightFormat::Block(code) if code.preset_name().is_none() => vec!["--code".into(), code_argument(code).into()],
        WeightFormat::Chained(code) if code.preset_name().is_none() => {
            let map = folder.join("map.json");
            let text = serde_json::to_string(code.map()).context("--rtl: the chain map as JSON")?;
            std::fs::write(&map, text).with_context(|| format!("{}: cannot write", map.display()))?;
            let bits = code.bits_per_weight().to_string();
            vec!["--map".into(), map.into(), "--bits-per-weight".into(), bits.into()]
        }
        named => vec!["--weights".into(), named.label().into()],
    })
}

fn code_argument(code: &BlockCode) -> String {
    let taps: Vec<String> = code.lfsr().taps().iter().map(u32::to_string).collect();
    format!(
        "C={},P={},K={},coefficient_bits={},exponent_bits={},taps={}",
        code.block_size(),
        code.latent_dimension(),
        code.lfsr().length(),
        code.coefficient_bits(),
        code.exponent_bits(),
        taps.join(":")
    )
}

/// The folder with a format's files: this one, or the one in it that has the format's name.
fn folder_of(folder: &Path, format: &WeightFormat) -> Result<PathBuf> {
    let candidates = [folder.to_path_buf(), folder.join(format.label())];
    let found = candidates
        .into_iter()
        .find(|candidate| candidate.join(FILE_LIST).is_file());
    found.with_context(|| {
        format!(
            "--rtl-from {}: there is no {FILE_LIST} in it, nor in a folder {} in it; `hdl generate` writes one",
            folder.display(),
            format.label()
        )
    })
}

/// The files that a folder's list names.
fn read_files(folder: &Path) -> Result<Vec<SourceFile>> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("{}: cannot read", path.display()))
    };
    read(FILE_LIST)?
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|name| Ok((name.to_string(), read(name)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use seedlm_codec::{BlockCodeFields, ChainMap, ChainedCode, Lfsr};

    #[test]
    fn a_chain_map_goes_through_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let map = ChainMap::new(4, vec![vec![8, 3], vec![9]]).unwrap();
        let format = WeightFormat::Chained(ChainedCode::new(2, map.clone()).unwrap());
        let arguments = format_arguments(&format, folder.path()).unwrap();
        let file = folder.path().join("map.json");
        let expected = [
            "--map".as_ref(),
            file.as_os_str(),
            "--bits-per-weight".as_ref(),
            "2".as_ref(),
        ];
        assert_eq!(arguments, expected);
        let written: ChainMap = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(written, map);
    }

    #[test]
    fn presets_go_by_name_and_other_codes_by_their_parameters() {
        for name in WeightFormat::names() {
            let format = WeightFormat::named(&name).unwrap();
            let arguments = format_arguments(&format, Path::new("unused")).unwrap();
            assert_eq!(arguments, ["--weights", &name]);
        }
        let fields = BlockCodeFields {
            block_size: 8,
            latent_dimension: 3,
            coefficient_bits: 5,
            exponent_bits: 2,
            lfsr: Lfsr::new(12, &[0, 1, 4, 6]).unwrap(),
        };
        let format = WeightFormat::Block(BlockCode::new(fields).unwrap());
        let code = "C=8,P=3,K=12,coefficient_bits=5,exponent_bits=2,taps=0:1:4:6";
        assert_eq!(
            format_arguments(&format, Path::new("unused")).unwrap(),
            ["--code", code]
        );
    }
}
