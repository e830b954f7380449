//! Puts a container file together. Its header holds checksums, so all matrices are encoded before the first byte is
//! written: their words wait in parts on the disk, and are copied like the kept tensors of the source, piece by piece.

use super::checksum::{NO_DIGITS, seal_header};
use super::{
    CompressedEntry, Crc32, DOCUMENT_KEY, Document, HEADER_CRC_KEY, KeptEntry, scale_name, scale_tensor, words_name,
};
use crate::error::ModelError;
use crate::plain::{NewTensor, header_for, order, write_file};
use crate::progress::Progress;
use crate::source::{Source, TensorInfo};
use crate::survey::check_unchanged;
use crate::work::PartBytes;
use safetensors::Dtype;
use seedlm_codec::{Code, coded_shape};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

/// Where the bytes of a tensor of a container come from.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A stretch of a finished matrix's part.
    Part(PartBytes),
    /// A tensor of the source, with the checksum that it must have.
    Kept(TensorInfo, Crc32),
    /// Of that size, but not known yet: only a header can be made of it.
    Unknown,
}

/// A container file in the making.
#[derive(Debug)]
pub(crate) struct ContainerFile {
    metadata: BTreeMap<String, String>,
    document: Document,
    /// The kept tensors and the bases, then each further layer: a reader that stops early has whole layers.
    sections: Vec<Vec<NewTensor<Content>>>,
}

/// A layer of a compressed matrix that is added to a file.
#[derive(Debug)]
pub(crate) struct NewLayer<'a> {
    pub code: &'a Code,
    /// Size of the words.
    pub words_bytes: usize,
    pub words: Content,
    pub scale: Content,
}

impl ContainerFile {
    /// An empty container that takes over the source file's metadata.
    pub(crate) fn new(metadata: &BTreeMap<String, String>) -> Self {
        let mut metadata = metadata.clone();
        // Other tools refuse a file that does not say which library wrote its tensors.
        metadata.entry("format".into()).or_insert_with(|| "pt".into());
        ContainerFile {
            metadata,
            document: Document::empty(),
            sections: vec![Vec::new()],
        }
    }

    /// Adds a tensor as it is.
    pub(crate) fn keep(&mut self, info: &TensorInfo, crc32: Crc32) {
        self.document.kept.insert(info.name.clone(), KeptEntry { crc32 });
        self.sections[0].push(NewTensor {
            name: info.name.clone(),
            dtype: info.dtype,
            shape: info.shape.clone(),
            content: Content::Kept(info.clone(), crc32),
        });
    }

    /// Adds a compressed matrix, its base first.
    pub(crate) fn compressed<'l>(
        &mut self,
        name: &str,
        entry: CompressedEntry,
        layers: impl IntoIterator<Item = NewLayer<'l>>,
    ) {
        // What has been encoded has groups that divide the columns.
        let [coded_rows, _] = coded_shape(entry.shape, entry.scale_group()).unwrap_or(entry.shape);
        for (number, layer) in layers.into_iter().enumerate() {
            let (scale_dtype, scale_shape) = scale_tensor(layer.code, coded_rows);
            self.document.codes.insert(layer.code.label(), layer.code.clone());
            if self.sections.len() == number {
                self.sections.push(Vec::new());
            }
            self.sections[number].push(NewTensor {
                name: words_name(name, number + 1),
                dtype: Dtype::U8,
                shape: vec![layer.words_bytes],
                content: layer.words,
            });
            self.sections[number].push(NewTensor {
                name: scale_name(name, number + 1),
                dtype: scale_dtype,
                shape: scale_shape,
                content: layer.scale,
            });
        }
        self.document.compressed.insert(name.into(), entry);
    }

    /// The names of its tensors with their sizes in bytes.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = (&str, u64)> {
        let tensors = self.sections.iter().flatten();
        tensors.map(|tensor| (tensor.name.as_str(), tensor.bytes()))
    }

    /// Checks that no two tensors got the same name, and that a kept one is not called as a compressed one.
    pub(crate) fn check_names(&self, path: &Path) -> Result<(), ModelError> {
        let mut names = BTreeSet::new();
        let own = self.sections.iter().flatten().map(|tensor| tensor.name.as_str());
        for name in own.chain(self.document.compressed.keys().map(String::as_str)) {
            if !names.insert(name) {
                let reason = "its name is needed for a part of a compressed matrix; rename it, or --exclude the matrix";
                return Err(ModelError::tensor(path, name, reason));
            }
        }
        Ok(())
    }

    /// Orders the tensors of each section and makes the sealed header.
    pub(crate) fn header(&mut self, path: &Path) -> Result<Vec<u8>, ModelError> {
        self.sections.iter_mut().for_each(|section| order(section));
        self.document.choose_version();
        let document = serde_json::to_string(&self.document).map_err(|error| ModelError::Output {
            path: path.to_path_buf(),
            reason: format!("its description cannot be written: {error}"),
        })?;
        let mut metadata = self.metadata.clone();
        metadata.insert(DOCUMENT_KEY.into(), document);
        metadata.insert(HEADER_CRC_KEY.into(), NO_DIGITS.into());
        let mut header = header_for(path, &metadata, self.sections.iter().flatten())?;
        seal_header(&mut header).ok_or_else(|| ModelError::Output {
            path: path.to_path_buf(),
            reason: "its header has no single place for the checksum".into(),
        })?;
        Ok(header)
    }

    /// Writes the file.
    pub(crate) fn write(
        &mut self,
        path: &Path,
        source: &Source,
        writer: &mut dyn Write,
        progress: &dyn Progress,
    ) -> Result<(), ModelError> {
        let header = self.header(path)?;
        write_file(
            path,
            writer,
            progress,
            &header,
            self.sections.iter().flatten(),
            |tensor, write| match &tensor.content {
                Content::Part(part) => part.read(write),
                Content::Kept(info, crc32) => {
                    let mut hasher = crc32fast::Hasher::new();
                    source.pieces(info, &mut |piece| {
                        hasher.update(piece);
                        write(piece)
                    })?;
                    check_unchanged(source, info, *crc32, hasher)
                }
                Content::Unknown => Ok(()),
            },
        )
    }
}
