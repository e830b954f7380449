//! A folder of built files, which threads and processes share.

use crate::error::VerilatorError;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Built files by name. A file that is there is whole, and never changes.
///
/// Beside a file `NAME` there are `NAME.lock`, empty, which stays so that nobody can hold a lock on a file that another one
/// has removed, and while it is being built a folder `NAME.building-*`.
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
    pub(crate) fn of_this_process() -> Result<Self, VerilatorError> {
        let named = env::var_os("SEEDLM_VERILATOR_CACHE").map(PathBuf::from);
        let folder = folder_of(named, env::current_exe().ok(), env::home_dir());
        folder.map(Self::at).ok_or(VerilatorError::CacheMissing)
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
        let is_alone = lock.lock().is_ok();
        if result.exists() {
            return Ok((result, false));
        }
        let work_prefix = format!("{name}.building-");
        if is_alone {
            self.remove_interrupted(&work_prefix);
        }
        let work = tempfile::Builder::new()
            .prefix(&work_prefix)
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

    /// Removes the folders of builds that were ended before they could do so themselves. Only the holder of the lock may
    /// know that nobody is at work in them.
    fn remove_interrupted(&self, work_prefix: &str) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries {
            if entry.file_name().as_encoded_bytes().starts_with(work_prefix.as_bytes()) {
                // One that stays only takes space.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// The folder of the cache: `named`, else beside what cargo built if `program` is part of that, else in `home`.
///
/// What is found in the cache is run, so it must not lie where other users can write, as in a folder of temporary files.
fn folder_of(named: Option<PathBuf>, program: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let is_given = |path: &PathBuf| !path.as_os_str().is_empty();
    let beside = |program: PathBuf| {
        let target = program.ancestors().skip(1).find(|folder| is_target(folder));
        target.map(|target| target.join("verilated"))
    };
    let at_home = |home: PathBuf| home.join(".cache").join("seedlm-verilated");
    let named = named.filter(is_given);
    named
        .or_else(|| program.and_then(beside))
        .or_else(|| home.filter(is_given).map(at_home))
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

    #[test]
    fn a_build_removes_what_an_interrupted_one_left() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_path_buf());
        for left in ["file.building-aaaaaa", "file.building-bbbbbb", "file2.building-cccccc"] {
            fs::create_dir_all(folder.path().join(left).join("generated")).unwrap();
        }
        let build = |work: &Path| {
            let file = work.join("draft");
            fs::write(&file, "whole").unwrap();
            Ok(file)
        };
        assert!(cache.get("file", build).unwrap().1);
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(
            names,
            ["file", "file.lock", "file2.building-cccccc"],
            "others may be at work"
        );
    }

    #[test]
    fn the_cache_never_lies_where_others_can_write() {
        let path = |text: &str| Some(PathBuf::from(text));
        let (program, home) = (path("/checkout/target/debug/deps/test"), path("/home/user"));
        let cases = [
            (path("/named"), program.clone(), home.clone(), path("/named")),
            (
                path(""),
                program.clone(),
                home.clone(),
                path("/checkout/target/verilated"),
            ),
            (
                None,
                path("/usr/bin/sim"),
                home,
                path("/home/user/.cache/seedlm-verilated"),
            ),
            (None, path("/usr/bin/sim"), path(""), None),
            (None, None, None, None),
        ];
        for (named, program, home, expected) in cases {
            assert_eq!(folder_of(named, program, home), expected);
        }
        assert!(
            VerilatorError::CacheMissing
                .to_string()
                .contains("SEEDLM_VERILATOR_CACHE")
        );
    }
}
