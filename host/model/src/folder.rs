//! The layout of a Hugging Face model folder: which files hold the weights, and which only come along.

use crate::error::ModelError;
use crate::file::SafetensorsFile;
use crate::unique_map::unique;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Name of the weights of a model in one file.
pub(crate) const SINGLE_FILE: &str = "model.safetensors";
/// Name of the index of a model in several files (shards).
pub(crate) const INDEX_FILE: &str = "model.safetensors.index.json";
/// Weights in other formats: they would undo the compression, so they are not copied.
const OTHER_WEIGHTS: [&str; 12] = [
    "bin",
    "ckpt",
    "gguf",
    "ggml",
    "h5",
    "msgpack",
    "onnx",
    "onnx_data",
    "ot",
    "pt",
    "pth",
    "tflite",
];

/// The index of a sharded model: which tensor is in which file.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Index {
    /// `total_size` (bytes of all tensors) and whatever else the model's makers noted.
    #[serde(default)]
    pub metadata: BTreeMap<String, serde_json::Value>,
    /// File name of each tensor.
    #[serde(deserialize_with = "unique")]
    pub weight_map: BTreeMap<String, String>,
}

impl Index {
    /// Reads an index and checks that it names plain files beside it.
    pub(crate) fn read(path: &Path) -> Result<Self, ModelError> {
        let refuse = |reason: String| ModelError::Folder {
            path: path.to_path_buf(),
            reason,
        };
        let text = fs::read(path).map_err(ModelError::io(path, "read"))?;
        let index: Index = serde_json::from_slice(&text)
            .map_err(|error| refuse(format!("not a valid index of shards: {error}; download it again")))?;
        if index.weight_map.is_empty() {
            return Err(refuse("the index names no tensor".into()));
        }
        for (tensor, file) in &index.weight_map {
            let mut parts = Path::new(file).components();
            let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
            if !plain || !file.ends_with(".safetensors") {
                return Err(refuse(format!(
                    "tensor {tensor:?} is said to be in {file:?}, which is no safetensors file of this folder"
                )));
            }
        }
        Ok(index)
    }

    /// The shards, by name.
    pub(crate) fn shards(&self) -> BTreeSet<&str> {
        self.weight_map.values().map(String::as_str).collect()
    }

    /// Checks that index and shards name the same tensors in the same files.
    pub(crate) fn check(&self, path: &Path, files: &[SafetensorsFile]) -> Result<(), ModelError> {
        let refuse = |reason: String| ModelError::Folder {
            path: path.to_path_buf(),
            reason: format!("the index is wrong: {reason}; download index and shards again"),
        };
        let mut found: BTreeMap<&str, String> = BTreeMap::new();
        for file in files {
            for tensor in &file.header().tensors {
                if let Some(first) = found.insert(&tensor.name, file.file_name()) {
                    let second = file.file_name();
                    return Err(refuse(format!(
                        "tensor {:?} is in both {first} and {second}",
                        tensor.name
                    )));
                }
            }
        }
        for (tensor, file) in &self.weight_map {
            match found.remove(tensor.as_str()) {
                None => {
                    return Err(refuse(format!(
                        "tensor {tensor:?} is not in {file}, nor in another shard"
                    )));
                }
                Some(actual) if actual != *file => {
                    return Err(refuse(format!("tensor {tensor:?} is not in {file}, but in {actual}")));
                }
                Some(_) => {}
            }
        }
        match found.first_key_value() {
            Some((tensor, file)) => Err(refuse(format!("tensor {tensor:?} of {file} is missing in it"))),
            None => Ok(()),
        }
    }

    /// An index for the same model with other tensors, given as (tensor, file name, bytes).
    pub(crate) fn rewritten(&self, tensors: impl IntoIterator<Item = (String, String, u64)>) -> Index {
        let mut total_size_bytes = 0;
        let weight_map = tensors
            .into_iter()
            .map(|(tensor, file, bytes)| {
                total_size_bytes += bytes;
                (tensor, file)
            })
            .collect();
        let mut metadata = self.metadata.clone();
        metadata.insert("total_size".into(), total_size_bytes.into());
        Index { metadata, weight_map }
    }

    /// The index as the text of its file.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        // A map with text keys and plain values has nothing that could fail.
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

/// The files that hold a folder's weights, and the index where there is one. As other readers do, a single
/// `model.safetensors` goes before an index.
pub(crate) fn weight_files(folder: &Path) -> Result<(Vec<PathBuf>, Option<Index>), ModelError> {
    let single = folder.join(SINGLE_FILE);
    if single.is_file() {
        return Ok((vec![single], None));
    }
    let index_path = folder.join(INDEX_FILE);
    if index_path.is_file() {
        let index = Index::read(&index_path)?;
        let shards: Vec<PathBuf> = index.shards().into_iter().map(|shard| folder.join(shard)).collect();
        if let Some(missing) = shards.iter().find(|shard| !shard.is_file()) {
            return Err(ModelError::Folder {
                path: missing.clone(),
                reason: format!("this shard is named in {INDEX_FILE} and does not exist; download it"),
            });
        }
        return Ok((shards, Some(index)));
    }
    let mut others: Vec<PathBuf> = entries(folder)?
        .into_iter()
        .filter(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "safetensors"))
        .collect();
    match (others.pop(), others.len()) {
        (Some(only), 0) => Ok((vec![only], None)),
        (found, _) => Err(ModelError::Folder {
            path: folder.to_path_buf(),
            reason: format!(
                "no model here: neither {SINGLE_FILE} nor {INDEX_FILE}, and {}; name one file",
                if found.is_some() {
                    "several other safetensors files"
                } else {
                    "no other safetensors file"
                }
            ),
        }),
    }
}

/// The files of a model folder that are not its weights.
#[derive(Debug, Default)]
pub(crate) struct OtherFiles {
    /// Files to copy, relative to the folder.
    pub copied: Vec<PathBuf>,
    /// What stays behind, relative to the folder: weights in other formats, hidden folders, links to folders.
    pub left_out: Vec<PathBuf>,
}

/// Lists what to copy beside the weights, subfolders included.
pub(crate) fn other_files(folder: &Path, weights: &[&Path]) -> Result<OtherFiles, ModelError> {
    let mut others = OtherFiles::default();
    let mut waiting = vec![PathBuf::new()];
    while let Some(inner) = waiting.pop() {
        for path in entries(&folder.join(&inner))? {
            let name = path.file_name().unwrap_or_default().to_owned();
            let relative = inner.join(&name);
            if weights.contains(&path.as_path()) || relative == Path::new(INDEX_FILE) {
                continue;
            }
            let hidden = name.to_string_lossy().starts_with('.');
            let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            // A link to a file is copied as the file it points to: that is how the Hugging Face cache looks.
            if path.is_dir() {
                if hidden || path.is_symlink() {
                    others.left_out.push(relative);
                } else {
                    waiting.push(relative);
                }
            } else if path.is_file() && !OTHER_WEIGHTS.contains(&extension.as_str()) {
                others.copied.push(relative);
            } else {
                others.left_out.push(relative);
            }
        }
    }
    others.copied.sort();
    others.left_out.sort();
    Ok(others)
}

/// The paths in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let list = fs::read_dir(folder).map_err(ModelError::io(folder, "list"))?;
    let mut paths = list
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(ModelError::io(folder, "list"))?;
    paths.sort();
    Ok(paths)
}
