//! The model that variants are held against.

use anyhow::bail;
use seedlm_llm::{DenseLayers, Linear, Package};
use seedlm_model::{Model, Rules, Source, TensorInfo};
use std::path::Path;

/// The model, with what is replaced in variants of it.
pub struct Reference {
    /// As it lies on the disk, or in the program.
    pub package: Package,
    /// Its matrices.
    pub dense: DenseLayers,
    /// The matrices that seedlm compresses by default, in the file's order.
    pub matched: Vec<Matched>,
}

/// A matrix that variants replace.
pub struct Matched {
    /// Its place in the model.
    pub linear: Linear,
    /// Its place in the file.
    pub info: TensorInfo,
    /// Rows (outputs).
    pub rows: usize,
    /// Columns (inputs).
    pub columns: usize,
}

impl Matched {
    /// Number of weights.
    pub fn weights(&self) -> u64 {
        self.rows as u64 * self.columns as u64
    }
}

impl Reference {
    /// Opens a folder; none means the model in the program.
    ///
    /// # Errors
    /// When it is no language model, or is compressed.
    pub fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let package = match path {
            Some(path) => Package::open(path)?,
            None => Package::embedded()?,
        };
        let Model::Plain(source) = &package.model else {
            bail!(
                "{}: is compressed; name the model as it was before, and this one with --against",
                package.name
            );
        };
        let config = package.language.config();
        let named: Vec<(Linear, String)> = Linear::all(config)
            .map(|linear| (linear, linear.tensor_name(config)))
            .collect();
        let chosen = source.compressible(&Rules::default())?.into_iter();
        let matched: Vec<Matched> = chosen
            .filter_map(|info| {
                let (linear, _) = named.iter().find(|(_, name)| *name == info.name)?;
                let (rows, columns) = info.rows_and_columns()?;
                Some(Matched {
                    linear: *linear,
                    rows,
                    columns,
                    info,
                })
            })
            .collect();
        if matched.is_empty() {
            bail!("{}: no tensor is a matrix that seedlm compresses", package.name);
        }
        Ok(Reference {
            dense: DenseLayers::new(&package.language, &package.model, None)?,
            matched,
            package,
        })
    }

    /// Its tensors.
    pub fn source(&self) -> &Source {
        self.package.model.source()
    }

    /// Weights of the matrices that variants replace.
    pub fn weights(&self) -> u64 {
        self.matched.iter().map(Matched::weights).sum()
    }

    /// Bits that those matrices take as they are.
    pub fn stored_bits(&self) -> u64 {
        self.matched.iter().map(|matched| 8 * matched.info.bytes() as u64).sum()
    }
}
