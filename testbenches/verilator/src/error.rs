//! What can go wrong between Verilog text and a running model. Every message says what to do or what the tool said.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why there is no model, or why it cannot do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerilatorError {
    /// No Verilator where it was looked for.
    #[error(
        "no Verilator: {reason}; `bash testbenches/tools.sh` or Debian's package verilator installs it, and SEEDLM_VERILATOR \
         names another one"
    )]
    ToolMissing {
        /// Where it was looked for, and what was found there.
        reason: String,
    },
    /// No C++ compiler.
    #[error(
        "no C++ compiler: cannot run {compiler}: {source}; `bash testbenches/tools.sh` or Debian's package g++ installs one, \
         and CXX names another one"
    )]
    CompilerMissing {
        /// The command that was tried.
        compiler: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// There is no folder to keep built models in.
    #[error("no folder for built models: there is no home folder, so SEEDLM_VERILATOR_CACHE must name one")]
    CacheMissing,
    /// A tool ran and refused.
    #[error("{action} failed ({status}):\n{output}\nThe command was: {command}")]
    Tool {
        /// What it was to do, for which design.
        action: String,
        /// How it ended.
        status: String,
        /// All that it printed.
        output: String,
        /// The command as it was run.
        command: String,
    },
    /// The operating system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file, folder or program.
        path: PathBuf,
        /// What was tried, as a verb.
        action: &'static str,
        /// Its reason.
        source: io::Error,
    },
    /// The design cannot be given to Verilator as it is.
    #[error("design {top:?}: {reason}")]
    Design {
        /// Its top module.
        top: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// The built library is not one of ours, or is damaged.
    #[error("{}: cannot load the built model: {reason}; delete the file to have it built again", path.display())]
    Library {
        /// The library.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The top module has no port of that name.
    #[error("no port {name:?}; the ports are: {known}")]
    UnknownPort {
        /// The name that was asked for.
        name: String,
        /// All ports with their directions and widths.
        known: String,
    },
    /// The top module's port has another width or direction than it must have.
    #[error("the port is {found}, and must be {expected}")]
    OtherPort {
        /// The port as it is.
        found: String,
        /// The port as it must be.
        expected: String,
    },
    /// Waves cannot be written.
    #[error("{}: cannot write waves: {reason}", path.display())]
    Waves {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
}

impl VerilatorError {
    /// For `map_err`: the operating system refused `action` on `path`.
    pub(crate) fn io(path: impl Into<PathBuf>, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, action, source }
    }
}
