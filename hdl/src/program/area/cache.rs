//! Counts of cells that are kept from one run to the next.

use anyhow::{Context, Result};
use seedlm_hdl::generate::GeneratedFile;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A folder with a file for each design that has been counted, named by all that the count depends on.
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in a folder, which is made if it is not there.
    pub fn at(folder: &Path) -> Result<Self> {
        let made = std::fs::create_dir_all(folder);
        made.with_context(|| format!("--cache {}: cannot make the folder", folder.display()))?;
        Ok(Cache { folder: folder.into() })
    }

    /// What a count is known by: tool, script and Verilog, comments left out, since they name the version of the generator.
    pub fn key(tool: &str, script: &str, files: &[GeneratedFile]) -> String {
        let mut digest = Sha256::new();
        let mut add = |text: &str| {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        };
        add(tool);
        add(script);
        for file in files {
            add(&file.name);
            let code = file.text.lines().filter(|line| !line.trim_start().starts_with("//"));
            add(&code.collect::<Vec<&str>>().join("\n"));
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The cells of a design by their names, if they are known. A file that cannot be read is as none.
    pub fn get(&self, key: &str) -> Option<BTreeMap<String, u64>> {
        let text = std::fs::read_to_string(self.path(key)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Keeps the cells of a design. The file appears whole or not at all.
    pub fn put(&self, key: &str, cells: &BTreeMap<String, u64>) -> Result<()> {
        let path = self.path(key);
        let cannot = || format!("{}: cannot write", path.display());
        let file = tempfile::NamedTempFile::new_in(&self.folder).with_context(cannot)?;
        serde_json::to_writer(&file, cells).with_context(cannot)?;
        file.persist(&path).with_context(cannot)?;
        Ok(())
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }
}
