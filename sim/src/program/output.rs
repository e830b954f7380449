//! Writing results: whole files or none.

use anyhow::{Context, Result};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that appears under its name only when it is finished.
pub struct OutputFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl OutputFile {
    /// Starts a file next to its final place, so that a place that cannot be written is found before the work is done.
    pub fn create(path: &Path) -> Result<Self> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let file = tempfile::Builder::new()
            .prefix(".sim-")
            .tempfile_in(folder)
            .with_context(|| format!("{}: cannot write there", path.display()))?;
        Ok(OutputFile {
            path: path.into(),
            file,
        })
    }

    /// The file's handle, to write to.
    pub fn handle(&self) -> Result<std::fs::File> {
        self.file
            .as_file()
            .try_clone()
            .with_context(|| format!("{}: cannot write", self.path.display()))
    }

    /// Gives the file its name.
    pub fn finish(self) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are private; a report is not.
        let _ = self
            .file
            .as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o644));
        let path = self.path;
        self.file
            .persist(&path)
            .with_context(|| format!("{}: cannot write", path.display()))?;
        Ok(())
    }
}

/// Writes a text to a file, or to standard output for `-`.
pub fn write_text(path: &Path, text: &str) -> Result<()> {
    if path == Path::new("-") {
        return print_bytes(text.as_bytes());
    }
    let mut output = OutputFile::create(path)?;
    output
        .file
        .write_all(text.as_bytes())
        .with_context(|| format!("{}: cannot write", path.display()))?;
    output.finish()
}

/// Writes bytes to standard output.
pub fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(())
}
