//! The C++ compiler.

use crate::command::run;
use crate::error::VerilatorError;
use std::env;
use std::process::Command;

/// A C++ compiler that runs.
#[derive(Debug, Clone)]
pub(crate) struct Compiler {
    /// Program and first arguments.
    pub(crate) words: Vec<String>,
    /// What it says its version is.
    pub(crate) version: String,
}

impl Compiler {
    /// The compiler that `CXX` names, else `c++`.
    pub(crate) fn find() -> Result<Self, VerilatorError> {
        let named = env::var("CXX").unwrap_or_default();
        let mut words: Vec<String> = named.split_whitespace().map(str::to_string).collect();
        if words.is_empty() {
            words.push("c++".to_string());
        }
        let mut compiler = Self {
            words,
            version: String::new(),
        };
        let asked = run(
            compiler.command().arg("--version"),
            "asking the C++ compiler for its version",
        );
        compiler.version = asked.map_err(|error| match error {
            VerilatorError::Io { source, .. } => VerilatorError::CompilerMissing {
                compiler: compiler.words.join(" "),
                source,
            },
            other => other,
        })?;
        Ok(compiler)
    }

    /// The compiler, ready for arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        command
    }
}
