//! A folder of built files, which threads and processes share.

use crate::error::VerilatorError;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Built files by name. A file that is there is whole, and never changes.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Tools run in other folders, so the path is made absolute.
    pub(crate) fn at(folder: PathBuf) -> Self {
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Self { folder }
    }

    /// Beside what cargo built, so that `cargo clean` removes both.
    pub(crate) fn of_this_process() -> Self {
        let named = env::var_os("SEEDLM_VERILATOR_CACHE").filter(|value| !value.is_empty());
        let beside_program = || {
            let program = env::current_exe().ok()?;
            let target = program.ancestors().skip(1).find(|folder| is_target(folder))?;
            Some(target.join("verilated"))
        };
        // What is found in the cache is run, so it must not lie where other users can write.
        let at_home = || Some(env::home_dir()?.join(".cache").join("seedlm-verilated"));
        let folder = named.map(PathBuf::from).or_else(beside_program).or_else(at_home);
        Self::at(folder.unwrap_or_else(|| env::temp_dir().join("seedlm-verilated")))
    }

    /// The file or folder `name`, and whether it had to be built. `build` gets an empty folder, in which it may do as it
    /// likes, and says which path in it is the result.
    pub(crate) fn get(
        &self,
        name: &str,
        build: impl FnOnce(&Path) -> Result<PathBuf, VerilatorError>,
    ) -> Result<(PathBuf, bool), VerilatorError> {
        let result = self.folder.join(name);
        if result.exists() {
            return Ok((result, false));
        }
        fs::create_dir_all(&self.folder).map_err(VerilatorError::io(&self.folder, "create the folder"))?;
        let lock_path = self.folder.join(format!("{name}.lock"));
        let lock = File::create(&lock_path).map_err(VerilatorError::io(&lock_path, "create the file"))?;
        // The lock only saves others the same work. Where a file system has none, the renaming below still keeps every
        // file whole.
        let _ = lock.lock();
        if result.exists() {
            return Ok((result, false));
        }
        let work = tempfile::Builder::new()
            .prefix("building-")
            .tempdir_in(&self.folder)
            .map_err(VerilatorError::io(&self.folder, "create a folder in it"))?;
        let built = build(work.path())?;
        match fs::rename(&built, &result) {
            // A folder cannot be renamed over another one that somebody else has put there meanwhile.
            Err(_) if result.exists() => Ok((result, false)),
            Err(source) => Err(VerilatorError::io(&result, "move the built file there")(source)),
            Ok(()) => Ok((result, true)),
        }
    }
}

/// Cargo's target folder has any name the user likes, but cargo marks it with a tag for backup programs.
fn is_target(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name == "target") || folder.join("CACHEDIR.TAG").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn threads_that_want_the_same_file_build_it_once() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("new"));
        let builds = AtomicUsize::new(0);
        let build = |work: &Path| {
            builds.fetch_add(1, Ordering::Relaxed);
            let file = work.join("draft");
            fs::write(&file, "whole").map_err(VerilatorError::io(&file, "write it"))?;
            Ok(file)
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let (file, _) = cache.get("file", build).unwrap();
                    assert_eq!(fs::read_to_string(file).unwrap(), "whole");
                });
            }
        });
        assert_eq!(builds.into_inner(), 1);
        assert!(!cache.get("file", |_| unreachable!("it is there")).unwrap().1);
    }

    #[test]
    fn a_failed_build_leaves_nothing_that_could_be_taken_for_a_result() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_path_buf());
        let fail = |work: &Path| {
            fs::write(work.join("draft"), "half").unwrap();
            Err(VerilatorError::ToolMissing {
                reason: "a test".into(),
            })
        };
        assert!(cache.get("file", fail).is_err());
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["file.lock"]);
        assert!(
            cache
                .get("file", |work| {
                    let file = work.join("draft");
                    fs::write(&file, "whole").unwrap();
                    Ok(file)
                })
                .unwrap()
                .1
        );
    }
}
