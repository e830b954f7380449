//! A file that a verb writes beside its result: found writable before the work, and there only when it is whole.

use anyhow::{Context, bail};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempPath};

/// A file to be.
pub struct OutputFile {
    path: PathBuf,
    temporary: NamedTempFile,
}

impl OutputFile {
    /// Begins a file under a temporary name. It must be none of the inputs, and lie in none of them.
    pub fn create(path: &Path, inputs: &[PathBuf]) -> anyhow::Result<Self> {
        let shown = path.display();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let Some(name) = path.file_name() else {
            bail!("{shown}: is no name of a file");
        };
        if path.is_dir() {
            bail!("{shown}: is a folder; name a file");
        }
        let folder = folder.canonicalize();
        let folder = folder.with_context(|| format!("{shown}: cannot write"))?;
        let whole = folder.join(name);
        let is_input = |input: &PathBuf| input.canonicalize().is_ok_and(|input| whole.starts_with(input));
        if inputs.iter().any(is_input) {
            bail!("{shown}: is an input, or in one; choose another name");
        }
        let temporary = NamedTempFile::new_in(&folder).with_context(|| format!("{shown}: cannot write"))?;
        Ok(OutputFile { path: whole, temporary })
    }

    /// The path that it will have, with its folder's true name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file and gives it its name; one that is there is replaced.
    pub fn write(mut self, text: &str) -> anyhow::Result<()> {
        let shown = self.path.display().to_string();
        self.temporary
            .write_all(text.as_bytes())
            .with_context(|| format!("{shown}: cannot write"))?;
        readable_by_all(self.temporary.path())?;
        let temporary: TempPath = self.temporary.into_temp_path();
        temporary
            .persist(&self.path)
            .with_context(|| format!("{shown}: cannot write"))
    }
}

/// Temporary files are their owner's only; a result is like any other file.
#[cfg(unix)]
fn readable_by_all(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
        .with_context(|| format!("{}: cannot write", path.display()))
}

#[cfg(not(unix))]
fn readable_by_all(_path: &Path) -> anyhow::Result<()> {
    Ok(())
}
