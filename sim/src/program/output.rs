//! Where results go: whole files or none, or standard output.

use super::interrupt;
use anyhow::{Context, Result, bail};
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// One output, opened before the work begins and named when it is done.
pub struct Output {
    path: PathBuf,
    destination: Destination,
}

enum Destination {
    /// Standard output, `-`.
    Standard,
    /// A pipe, a terminal, `/dev/null`: written as it is.
    Special(File),
    /// A file: written under a temporary name next to it.
    Temporary(NamedTempFile),
}

impl Output {
    /// Opens an output, so that a place that cannot be written is found before the work is done. `inputs` must not be
    /// overwritten.
    pub fn create(path: &Path, inputs: &[&Path]) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Output {
                path: path.into(),
                destination: Destination::Standard,
            });
        }
        let shown = path.display();
        // Through links, to what they point to.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if path.is_dir() {
            bail!("{shown}: is a folder; name a file");
        }
        if inputs
            .iter()
            .any(|input| input.canonicalize().is_ok_and(|input| path.starts_with(input)))
        {
            bail!("{shown}: is an input; choose another name");
        }
        let destination = if path.exists() && !path.is_file() {
            let file = File::options().write(true).open(&path);
            Destination::Special(file.with_context(|| format!("{shown}: cannot write"))?)
        } else {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let file = tempfile::Builder::new()
                .prefix(&format!(".{name}."))
                .suffix(".tmp")
                // What any new file gets, less the process's mask.
                .permissions(Permissions::from_mode(0o666))
                .tempfile_in(folder)
                .with_context(|| format!("{shown}: cannot write there"))?;
            interrupt::remove_when_interrupted(file.path());
            Destination::Temporary(file)
        };
        Ok(Output { path, destination })
    }

    /// Whether this is standard output.
    pub fn is_standard(&self) -> bool {
        matches!(self.destination, Destination::Standard)
    }

    /// A handle to write to piece by piece.
    pub fn handle(&self) -> Result<Box<dyn Write>> {
        let file = match &self.destination {
            Destination::Standard => return Ok(Box::new(std::io::stdout())),
            Destination::Special(file) => file,
            Destination::Temporary(file) => file.as_file(),
        };
        let handle = file
            .try_clone()
            .with_context(|| format!("{}: cannot write", self.path.display()))?;
        Ok(Box::new(handle))
    }

    /// Writes all of it.
    pub fn write(&self, text: &str) -> Result<()> {
        let mut handle = self.handle()?;
        let written = handle.write_all(text.as_bytes()).and_then(|()| handle.flush());
        written.with_context(|| format!("{}: cannot write", self.path.display()))
    }

    /// Gives a file its name.
    pub fn finish(self) -> Result<()> {
        if let Destination::Temporary(file) = self.destination {
            file.persist(&self.path)
                .with_context(|| format!("{}: cannot write", self.path.display()))?;
        }
        Ok(())
    }
}

/// Writes bytes to standard output.
pub fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(())
}
