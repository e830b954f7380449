//! Starting the tools that tests need.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of a preset's Verilog.
#[allow(dead_code, reason = "each test uses its own part of this file")]
pub fn preset_folder(preset: &str) -> PathBuf {
    root().join("hdl").join("verilog").join(preset)
}

/// The project's folder.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("this crate lies in the project's folder").to_path_buf()
}

/// An empty folder of that name among what cargo builds.
pub fn work_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the folder of an earlier run can be removed");
    }
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// Runs a tool: whether it succeeded, and all that it printed.
///
/// # Panics
/// When there is no such tool: a test that cannot run has not passed.
pub fn run(command: &mut Command) -> (bool, String) {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.stdin(Stdio::null()).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            (output.status.success(), String::from_utf8_lossy(&text).into_owned())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let package = match name.as_str() {
                // A path leads to something that Debian has no package of.
                path if path.contains('/') => String::new(),
                "vvp" => ", or install Debian's package iverilog".into(),
                same => format!(", or install Debian's package {same}"),
            };
            panic!("{name} is not installed: run bash testbenches/tools.sh{package}")
        }
        Err(error) => panic!("{name} does not start: {error}"),
    }
}

/// Runs a tool that must succeed, and gives all that it printed.
///
/// # Panics
/// When it fails, with what it printed.
#[allow(dead_code, reason = "each test uses its own part of this file")]
pub fn succeed(command: &mut Command) -> String {
    let (success, text) = run(command);
    assert!(success, "{command:?} failed:\n{text}");
    text
}
