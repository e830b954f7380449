//! The configuration that the command line asks for.

use anyhow::{Context, Result, bail};
use clap::Args;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{BlockCode, BlockCodeFields, ChainMap, ChainedCode, Lfsr, WeightFormat};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Which weights a machine is for.
#[derive(Args)]
pub struct FormatArguments {
    /// Weight format: a preset of one of the codes, or fp16
    #[arg(long, default_value = "paper-4b", conflicts_with_all = ["code", "map"])]
    weights: String,
    /// A preset, or a block code of one's own, for example C=8,P=3,K=12; taps=0:1:2:8, coefficient_bits=4 and exponent_bits=4
    /// may follow
    #[arg(long, conflicts_with = "map")]
    code: Option<String>,
    #[command(flatten)]
    map: MapArguments,
}

/// A chained code of one's own.
#[derive(Args)]
pub struct MapArguments {
    /// A chained code of one's own: its map, as JSON
    #[arg(long, value_name = "FILE", requires = "bits_per_weight")]
    map: Option<PathBuf>,
    /// Stored bits per weight of the chained code of --map
    #[arg(long, value_name = "K", requires = "map")]
    bits_per_weight: Option<u32>,
}

impl FormatArguments {
    /// The format that is asked for.
    pub fn format(&self) -> Result<WeightFormat> {
        if let Some(format) = self.map.format()? {
            return Ok(format);
        }
        match &self.code {
            Some(code) if code.contains('=') => free_code(code),
            Some(preset) => Ok(WeightFormat::named(preset)?),
            None => Ok(WeightFormat::named(&self.weights)?),
        }
    }
}

impl MapArguments {
    /// The format that is asked for, if one is.
    pub fn format(&self) -> Result<Option<WeightFormat>> {
        match (&self.map, self.bits_per_weight) {
            (Some(map), Some(bits)) => chained_code(map, bits).map(Some),
            _ => Ok(None),
        }
    }
}

/// A chained code with the map of a file.
fn chained_code(map: &Path, bits_per_weight: u32) -> Result<WeightFormat> {
    let shown = map.display();
    let text = std::fs::read_to_string(map).with_context(|| format!("{shown}: cannot read"))?;
    let map: ChainMap = serde_json::from_str(&text).with_context(|| format!("{shown}"))?;
    let code =
        ChainedCode::new(bits_per_weight, map).with_context(|| format!("--bits-per-weight {bits_per_weight}"))?;
    Ok(WeightFormat::Chained(code))
}

/// A block code from `C=8,P=3,K=16`, with `taps=0:1:3:12`, `coefficient_bits=4` and `exponent_bits=4` where they differ from
/// the paper's.
pub fn free_code(text: &str) -> Result<WeightFormat> {
    let (mut block_size, mut latent_dimension, mut length) = (None, None, None);
    let (mut coefficient_bits, mut exponent_bits, mut taps) = (4, 4, None);
    for setting in text.split([',', ' ']).filter(|setting| !setting.is_empty()) {
        let (key, value) = setting
            .split_once('=')
            .with_context(|| format!("--code: {setting:?} is not KEY=VALUE"))?;
        let number = |text: &str| {
            text.parse::<u32>()
                .with_context(|| format!("--code: {setting}: {text:?} is no whole number"))
        };
        match key {
            "C" => block_size = Some(number(value)?),
            "P" => latent_dimension = Some(number(value)?),
            "K" => length = Some(number(value)?),
            "coefficient_bits" => coefficient_bits = number(value)?,
            "exponent_bits" => exponent_bits = number(value)?,
            "taps" => taps = Some(value.split(':').map(number).collect::<Result<Vec<u32>>>()?),
            _ => bail!("--code: {key:?} is not one of C, P, K, taps, coefficient_bits, exponent_bits"),
        }
    }
    let need = |value: Option<u32>, key: &str| value.with_context(|| format!("--code: {key} is missing"));
    let length = need(length, "K")?;
    let lfsr = match taps {
        Some(taps) => Lfsr::new(length, &taps)?,
        None => Lfsr::paper(length)?,
    };
    Ok(WeightFormat::Block(BlockCode::new(BlockCodeFields {
        block_size: need(block_size, "C")?,
        latent_dimension: need(latent_dimension, "P")?,
        coefficient_bits,
        exponent_bits,
        lfsr,
    })?))
}

/// The reference machine of a format with the parameters of a TOML file and of the command line.
pub fn datapath(format: &WeightFormat, file: Option<&Path>, settings: &[String]) -> Result<DatapathConfig> {
    let mut table = Table::try_from(DatapathConfig::reference(format)).context("the reference machine")?;
    // The one parameter that is not written while it is off.
    table.entry("pack_products").or_insert(Value::Boolean(false));
    if let Some(path) = file {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("{shown}: cannot read"))?;
        let overrides: Table = text.parse().with_context(|| format!("{shown}: no TOML"))?;
        for (key, value) in overrides {
            put(&mut table, &key, value).with_context(|| format!("{shown}"))?;
        }
    }
    for setting in settings {
        let (key, value) = setting
            .split_once('=')
            .with_context(|| format!("--set {setting}: it must be KEY=VALUE"))?;
        let value = match value.trim() {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            number => Value::Integer(
                number
                    .parse()
                    .with_context(|| format!("--set {setting}: {number:?} is no whole number"))?,
            ),
        };
        put(&mut table, key.trim(), value).with_context(|| format!("--set {setting}"))?;
    }
    Ok(table.try_into()?)
}

fn put(table: &mut Table, key: &str, value: Value) -> Result<()> {
    if !table.contains_key(key) {
        let known: Vec<&str> = table.keys().map(String::as_str).collect();
        bail!("no parameter is called {key:?}; there are: {}", known.join(", "));
    }
    table.insert(key.into(), value);
    // Types are checked here, where the key is known.
    let _: DatapathConfig = table.clone().try_into().with_context(|| key.to_string())?;
    Ok(())
}
