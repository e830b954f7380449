//! How a run ends: exit codes, and what is said of errors.

use seedlm_model::ModelError;
use std::io::{ErrorKind, Write, stderr};
use std::process::ExitCode;

/// The exit codes, for `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    verify or image --check found damage, or the file is no SeedLM container
  2    wrong usage, or an input or output error
  130  interrupted (Ctrl-C); nothing under the output's name, and what compress has finished goes on with --resume,
       and eval writes what it has finished";

/// How a run that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// `verify` or `image --check` found damage.
    Damage,
    /// Ctrl-C, and what was finished has been written.
    Interrupted,
}

/// The exit code of a run; says what went wrong on stderr.
pub fn exit_code(run: anyhow::Result<Outcome>) -> ExitCode {
    let error = match run {
        Ok(Outcome::Done) => return ExitCode::SUCCESS,
        Ok(Outcome::Damage) => return ExitCode::from(1),
        Ok(Outcome::Interrupted) => return ExitCode::from(130),
        Err(error) => error,
    };
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        let error = cause.downcast_ref::<std::io::Error>();
        error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        // Whoever read our output has seen enough.
        return ExitCode::SUCCESS;
    }
    // A closed stderr is no reason to fail in another way.
    let _ = writeln!(stderr(), "seedlm: {}", message(&error));
    match error.downcast_ref::<ModelError>() {
        Some(error) if error.is_interruption() => ExitCode::from(130),
        _ => ExitCode::from(2),
    }
}

/// The error with its causes; a cause that its error's message quotes already is not repeated.
fn message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}
