//! `seedlm completions`

use crate::Program;
use crate::outcome::Outcome;
use crate::stdout::print;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Write a completion script, for example: seedlm completions bash > ~/.local/share/bash-completion/completions/seedlm
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Program::command(), "seedlm", &mut script);
        print(&String::from_utf8(script)?)?;
        Ok(Outcome::Done)
    }
}
