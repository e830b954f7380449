//! Options that choose a code and how matrices are encoded in it.

use crate::profile_options::ProfileOption;
use anyhow::{Context, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use seedlm_codec::{CHAIN_LENGTHS, ChainMap, ChainedCode, Code};
use seedlm_encoder::ChainedEncoder;
use seedlm_model::{chained_layers, encoding_presets, preset_layers};
use std::fs;
use std::path::PathBuf;

/// The code, and what makes one of its own of it.
#[derive(Debug, Args)]
pub struct CodeOptions {
    /// The code. paper-4b and paper-3b are the paper's, with 4 and 3 bits per weight; chained-4b, chained-3b and chained-2b
    /// store 4, 3 and 2 bits per weight at about half the error, and the same with -k12 encode some ten times faster at a
    /// little more error
    /// Progressive-4b and progressive-6b lay two and three layers of 2 bits over each other: any number of them can be read
    #[arg(long, visible_alias = "preset", value_name = "CODE", default_value = "paper-4b", value_parser = encodings())]
    code: String,
    /// Layers of chained codes, as 2+1+1: the stored bits per weight of each, the base first; every layer encodes what those
    /// before it have left
    #[arg(long, value_name = "BITS+BITS", conflicts_with_all = ["code", "map"])]
    layers: Option<String>,
    /// Length of the windows of a chained code, in bits: 16 has less error, 12 encodes some ten times faster
    #[arg(long, value_name = "BITS", conflicts_with = "map", value_parser = chain_lengths())]
    chain_length: Option<u32>,
    #[command(flatten)]
    pub profile: ProfileOption,
    /// The map of a chained code, in place of the standard one: {"length": bits of a window, "fields": [[mask, ...], ...]}
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
}

/// How coefficients are chosen, as it is named on the command line.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Quantizer {
    /// The optimum over all seeds, exponents and coefficients
    #[default]
    Exact,
    /// The least-squares solution, rounded; a little worse
    Rounded,
    /// The rule as the SeedLM paper prints it, for comparison; much worse
    Printed,
}

/// Which matrices are rotated, as it is named on the command line.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Rotate {
    /// In a chained code those where it lowers the error of some sample rows; in the paper's codes none: their exponents
    /// follow each block
    #[default]
    Auto,
    /// All
    Always,
    /// None
    Never,
}

/// All presets, those of layers included.
fn encodings() -> PossibleValuesParser {
    PossibleValuesParser::new(encoding_presets())
}

/// All presets of codes.
pub fn presets() -> PossibleValuesParser {
    PossibleValuesParser::new(Code::presets())
}

fn chain_lengths() -> impl TypedValueParser<Value = u32> {
    PossibleValuesParser::new(["16", "12"]).try_map(|text| text.parse())
}

impl From<Quantizer> for seedlm_encoder::Quantizer {
    fn from(quantizer: Quantizer) -> Self {
        match quantizer {
            Quantizer::Exact => seedlm_encoder::Quantizer::Exact,
            Quantizer::Rounded => seedlm_encoder::Quantizer::Rounded,
            Quantizer::Printed => seedlm_encoder::Quantizer::Printed,
        }
    }
}

impl From<Rotate> for seedlm_model::Rotate {
    fn from(rotate: Rotate) -> Self {
        match rotate {
            Rotate::Auto => seedlm_model::Rotate::Auto,
            Rotate::Always => seedlm_model::Rotate::Always,
            Rotate::Never => seedlm_model::Rotate::Never,
        }
    }
}

impl CodeOptions {
    /// The codes of the layers asked for, the base first; one where no layers are asked for.
    pub fn layers(&self) -> anyhow::Result<Vec<Code>> {
        if let Some(layers) = &self.layers {
            return chained_layers(layers, self.window_length()).with_context(|| format!("--layers {layers}"));
        }
        let layers = preset_layers(self.code_name())?;
        if layers.len() == 1 {
            return Ok(vec![self.code()?]);
        }
        if self.chain_length.is_some() || self.map.is_some() {
            bail!(
                "--chain-length and --map do not go with {}; give the layers themselves: --layers 2+2 --chain-length 12",
                self.code_name()
            );
        }
        Ok(layers)
    }

    /// Bits of the windows of chained codes of which nothing else is said.
    pub fn window_length(&self) -> u32 {
        self.chain_length.unwrap_or(CHAIN_LENGTHS[0])
    }

    /// The code's name; a profile stands for one.
    fn code_name(&self) -> &str {
        self.profile.get().map_or(&self.code, |profile| &profile.code)
    }

    fn code(&self) -> anyhow::Result<Code> {
        let Code::Chained(code) = Code::preset(self.code_name())? else {
            if self.chain_length.is_some() || self.map.is_some() {
                bail!(
                    "--chain-length and --map belong to the chained codes ({}), and {} is none",
                    ChainedCode::PRESETS.join(", "),
                    self.code_name()
                );
            }
            return Ok(Code::preset(self.code_name())?);
        };
        let bits_per_weight = code.bits_per_weight();
        if let Some(length) = self.chain_length {
            if self.code_name().ends_with("-k12") && length != code.map().length() {
                bail!(
                    "{} has windows of {} bits, and --chain-length asks for {length}; leave one of them out",
                    self.code_name(),
                    code.map().length()
                );
            }
            return Ok(ChainedCode::standard(bits_per_weight, length)?.into());
        }
        let Some(path) = &self.map else {
            return Ok(code.into());
        };
        let text = fs::read_to_string(path).with_context(|| format!("{}: cannot read", path.display()))?;
        let map: ChainMap =
            serde_json::from_str(&text).with_context(|| format!("{}: not a chain map", path.display()))?;
        if self.code_name().ends_with("-k12") && map.length() != code.map().length() {
            bail!(
                "{} has windows of {} bits, and those of the map in {} have {}; leave out \"-k12\"",
                self.code_name(),
                code.map().length(),
                path.display(),
                map.length()
            );
        }
        let code = ChainedCode::new(bits_per_weight, map).with_context(|| path.display().to_string())?;
        // The format has longer windows than the encoder can search; it says so before anything is read.
        ChainedEncoder::new(&code).with_context(|| path.display().to_string())?;
        Ok(code.into())
    }
}
