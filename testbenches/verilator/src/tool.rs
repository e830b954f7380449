//! Finds Verilator and learns what a build needs to know about it.

use crate::cache::Cache;
use crate::command::run;
use crate::compile;
use crate::compiler::Compiler;
use crate::design::{BuildOptions, Design};
use crate::error::VerilatorError;
use crate::model::Model;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Verilator that runs, with the C++ compiler for what it writes.
#[derive(Debug, Clone)]
pub struct Verilator {
    pub(crate) executable: PathBuf,
    /// The folder with the tool's own C++ files.
    pub(crate) root: PathBuf,
    root_from_environment: bool,
    pub(crate) version: String,
    pub(crate) compiler: Compiler,
    pub(crate) cache: Cache,
}

impl Verilator {
    /// The Verilator that `SEEDLM_VERILATOR` names, else the one on `PATH`.
    pub fn find() -> Result<Self, VerilatorError> {
        if let Some(named) = env::var_os("SEEDLM_VERILATOR").filter(|value| !value.is_empty()) {
            return Self::at(named);
        }
        let folders = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&folders)
            .map(|folder| folder.join("verilator"))
            .find(|path| path.is_file());
        match found {
            Some(path) => Self::at(path),
            None => Err(VerilatorError::ToolMissing {
                reason: "there is no verilator on PATH".to_string(),
            }),
        }
    }

    /// The Verilator at this path (of the executable).
    pub fn at(executable: impl AsRef<Path>) -> Result<Self, VerilatorError> {
        let given = executable.as_ref();
        // Links are followed because the tool finds its own files beside the real executable.
        let executable = given.canonicalize().map_err(|source| VerilatorError::ToolMissing {
            reason: format!("{}: {source}", given.display()),
        })?;
        // A tool that was moved, as in a Python package, must be told its root. Debian's does not start when it is.
        let beside = executable
            .parent()
            .and_then(Path::parent)
            .filter(|root| holds_runtime(root));
        let (root, root_from_environment) = match beside {
            Some(root) => (root.to_path_buf(), true),
            None => {
                let mut question = Command::new(&executable);
                question
                    .env_remove("VERILATOR_ROOT")
                    .args(["--getenv", "VERILATOR_ROOT"]);
                (
                    PathBuf::from(run(&mut question, "asking Verilator for its folder")?.trim()),
                    false,
                )
            }
        };
        if !holds_runtime(&root) {
            return Err(VerilatorError::ToolMissing {
                reason: format!(
                    "{} names {} as its folder, which has no include/verilated.cpp",
                    executable.display(),
                    root.display()
                ),
            });
        }
        let mut tool = Self {
            executable,
            root,
            root_from_environment,
            version: String::new(),
            compiler: Compiler::find()?,
            cache: Cache::of_this_process()?,
        };
        tool.version = run(tool.command().arg("--version"), "asking Verilator for its version")?
            .trim()
            .to_string();
        Ok(tool)
    }

    /// What the tool says its version is. Packages on PyPI give a date and no number.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The tool's executable, with links followed.
    pub fn executable(&self) -> &Path {
        &self.executable
    }

    /// A new instance of the design, all inputs 0 and evaluated once; registers that nothing initialises hold anything, and
    /// the same in every instance. Builds it only if nobody has built it before.
    pub fn build(&self, design: &Design, options: &BuildOptions) -> Result<Model, VerilatorError> {
        design.check()?;
        let (library, was_built) = compile::library(self, design, options)?;
        Model::load(&library, was_built)
    }

    /// The tool, ready for arguments of one's own: it knows its folder, or is kept from being told a wrong one.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.executable);
        match self.root_from_environment {
            true => command.env("VERILATOR_ROOT", &self.root),
            false => command.env_remove("VERILATOR_ROOT"),
        };
        command
    }
}

fn holds_runtime(root: &Path) -> bool {
    root.join("include").join("verilated.cpp").is_file()
}
