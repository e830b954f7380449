//! The machine that an image is for.

use anyhow::{Context, bail};
use clap::Args;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use serde_json::{Map, Value};

/// Parameters of the datapath that differ from the reference machine's.
#[derive(Debug, Args)]
pub struct MachineOptions {
    /// Change one parameter of the datapath, for example --config tile_rows=8; may be repeated. Unless lanes is given, the
    /// machine has as many as keep up with one beat per cycle
    #[arg(
        long = "config",
        visible_alias = "set",
        value_name = "KEY=VALUE",
        conflicts_with = "check"
    )]
    config: Vec<String>,
}

impl MachineOptions {
    /// The machine for a format.
    pub fn machine(&self, format: &WeightFormat) -> anyhow::Result<DatapathConfig> {
        let mut parameters = parameters(&DatapathConfig::reference(format))?;
        for setting in &self.config {
            let Some((key, value)) = setting.split_once('=') else {
                bail!("--config {setting}: it must be key=value");
            };
            let (key, value) = (key.trim(), value.trim());
            if !parameters.contains_key(key) {
                let known: Vec<&String> = parameters.keys().collect();
                bail!("--config {setting}: no parameter is called {key:?}; there are: {known:?}");
            }
            let value: Value = serde_json::from_str(value)
                .with_context(|| format!("--config {setting}: the value must be a whole number, true or false"))?;
            parameters.insert(key.into(), value);
            // Type and range, checked here so that the error names this setting.
            read(&parameters).with_context(|| format!("--config {setting}"))?;
        }
        let mut machine = read(&parameters)?;
        let sets_lanes = |setting: &String| setting.split('=').next().map(str::trim) == Some("lanes");
        if !self.config.iter().any(sets_lanes) {
            machine.keep_up_with_beats(format);
        }
        machine.check(format)?;
        Ok(machine)
    }
}

fn parameters(machine: &DatapathConfig) -> anyhow::Result<Map<String, Value>> {
    match serde_json::to_value(machine)? {
        Value::Object(parameters) => Ok(parameters),
        _ => bail!("the parameters of a machine are an object"),
    }
}

fn read(parameters: &Map<String, Value>) -> anyhow::Result<DatapathConfig> {
    Ok(serde_json::from_value(Value::Object(parameters.clone()))?)
}
