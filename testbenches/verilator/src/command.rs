//! Running a tool so that its failure can be understood.

use crate::error::VerilatorError;
use std::process::{Command, Stdio};

/// Runs `command` and gives what it printed on standard output. `action` says what it is to do.
pub(crate) fn run(command: &mut Command, action: &str) -> Result<String, VerilatorError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(VerilatorError::io(command.get_program(), "run it"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(printed.into_owned());
    }
    let complaints = String::from_utf8_lossy(&output.stderr);
    Err(VerilatorError::Tool {
        action: action.to_string(),
        status: output.status.to_string(),
        output: format!("{complaints}{printed}").trim_end().to_string(),
        command: text_of(command),
    })
}

/// The command with its folder, as it could be typed.
fn text_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    match command.get_current_dir() {
        Some(folder) => format!("{} (in {}, removed since)", words.join(" "), folder.display()),
        None => words.join(" "),
    }
}
