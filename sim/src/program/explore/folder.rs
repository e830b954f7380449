//! The folder where the explorer keeps what it would have to do again.

use anyhow::{Context, Result};
use std::env;
use std::path::{Path, PathBuf};

/// Names another folder.
const VARIABLE: &str = "SEEDLM_EXPLORE_CACHE";

/// The folder, which is made if it is not there: what the environment names, else beside what cargo built if the program is part of that,
/// else in the user's cache.
pub fn cache() -> Result<PathBuf> {
    let is_given = |path: &PathBuf| !path.as_os_str().is_empty();
    let named = env::var_os(VARIABLE).map(PathBuf::from).filter(is_given);
    let beside = || {
        let program = env::current_exe().ok()?;
        let target = program.ancestors().skip(1).find(|folder| is_target(folder))?;
        Some(target.join("explore"))
    };
    let at_home = || {
        env::home_dir()
            .filter(is_given)
            .map(|home| home.join(".cache/seedlm-explore"))
    };
    let folder = named.or_else(beside).or_else(at_home);
    let folder = folder.with_context(|| format!("there is no home folder to keep finished work in; set {VARIABLE}"))?;
    std::fs::create_dir_all(&folder).with_context(|| {
        format!(
            "{}: cannot make the folder; {VARIABLE} names another one",
            folder.display()
        )
    })?;
    Ok(folder)
}

/// Cargo marks its target folder with a tag for backup programs.
fn is_target(folder: &Path) -> bool {
    folder.join("CACHEDIR.TAG").is_file()
}
