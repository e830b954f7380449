//! What can be held against a model, as it is named on the command line.

use super::baseline::Baseline;
use anyhow::bail;
use seedlm_encoder::Quantizer;
use seedlm_model::{Encoding, Rotate, encoding_presets, preset_layers};
use std::path::PathBuf;

/// A variant by its name.
#[derive(Clone, Debug)]
pub enum Named {
    /// The model, compressed in memory to a preset of one code or of layers.
    Code(String),
    /// The model in a format of other people.
    Baseline(Baseline),
    /// Weights on the disk.
    Path(PathBuf),
}

impl Named {
    /// Reads a name; everything that is none of a code or a baseline is a path.
    ///
    /// # Errors
    /// When the name is empty.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a name is empty; separate names by one comma".into());
        }
        if encoding_presets().contains(&text) {
            return Ok(Named::Code(text.into()));
        }
        Ok(match Baseline::all().find(|baseline| baseline.name() == text) {
            Some(baseline) => Named::Baseline(baseline),
            None => Named::Path(text.into()),
        })
    }

    /// The name.
    pub fn name(&self) -> String {
        match self {
            Named::Code(name) => name.clone(),
            Named::Baseline(baseline) => baseline.name().into(),
            Named::Path(path) => path.display().to_string(),
        }
    }

    /// The path, if it is one.
    pub fn path(&self) -> Option<&PathBuf> {
        match self {
            Named::Path(path) => Some(path),
            _ => None,
        }
    }
}

/// How the matrices of a [`Named::Code`] are encoded: as compress does it by default.
///
/// # Errors
/// When there is no such preset.
pub fn encoding(name: &str) -> anyhow::Result<Encoding> {
    let layers = preset_layers(name)?;
    let base = layers[0].clone();
    Ok(Encoding::new(base, Quantizer::Exact, Rotate::Auto).with_layers(layers)?)
}

/// Refuses what is not there, and what is named twice, before any work.
///
/// # Errors
/// Names it, and says what there is.
pub fn check(named: &[Named]) -> anyhow::Result<()> {
    for (place, variant) in named.iter().enumerate() {
        let name = variant.name();
        if named[..place].iter().any(|other| other.name() == name) {
            bail!("{name}: is named twice");
        }
        if variant.path().is_some_and(|path| !path.exists()) {
            let baselines: Vec<&str> = Baseline::all().map(|baseline| baseline.name()).collect();
            bail!(
                "{name}: there is no such file or folder, and it is neither a code ({}) nor a baseline ({})",
                encoding_presets().join(", "),
                baselines.join(", ")
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_paths() {
        assert!(matches!(Named::parse("chained-4b"), Ok(Named::Code(_))));
        assert!(matches!(Named::parse("progressive-4b"), Ok(Named::Code(_))));
        assert!(matches!(Named::parse("q4_k"), Ok(Named::Baseline(_))));
        assert!(matches!(Named::parse("./chained-4b"), Ok(Named::Path(_))));
        assert!(Named::parse("").is_err());
        let named = |names: &[&str]| names.iter().map(|name| Named::parse(name).unwrap()).collect::<Vec<_>>();
        let error = |names: &[&str]| check(&named(names)).unwrap_err().to_string();
        assert!(error(&["q4_0", "q4_0"]).contains("named twice"));
        let gone = error(&["q4_0", "chained-5b"]);
        assert!(
            gone.contains("chained-5b: there is no such file")
                && gone.contains("chained-4b-k12")
                && gone.contains("nf4-g64"),
            "{gone}"
        );
    }
}
