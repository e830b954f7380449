//! From a format and the user's overrides to the configuration of one machine.

use crate::dram::{ClosedForms, DramModel};
use crate::machine::{SystemConfig, beat_fifo_beats};
use crate::memory_model::{MemoryModel, MemoryModelError};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use thiserror::Error;
use toml::{Table, Value};

/// What the user wants different from the reference machine.
#[derive(Clone, Debug)]
pub struct Settings {
    clock_mhz: f64,
    memory: MemoryModel,
    overrides: Table,
}

/// Why settings are refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The clock is no frequency.
    #[error("the clock is {0} MHz, and must be 0.001 to 100000")]
    Clock(f64),
    /// The memory model is refused.
    #[error(transparent)]
    Memory(#[from] MemoryModelError),
    /// An override is not `key=value`, or of an unknown key, or of the wrong type.
    #[error("setting {setting:?}: {reason}")]
    Override {
        /// The setting as it was given.
        setting: String,
        /// What is wrong.
        reason: String,
    },
}

/// Parameters that belong to a code, not to the machine around it: overrides of them leave the fp16 reference alone.
const OF_THE_CODE: [&str; 2] = ["lanes", "pack_products"];

impl Settings {
    /// The reference machine at a clock with a memory, and no overrides.
    ///
    /// # Errors
    /// [`SettingsError::Clock`] when the clock is no frequency.
    pub fn new(clock_mhz: f64, memory: MemoryModel) -> Result<Self, SettingsError> {
        if !(1e-3..=1e5).contains(&clock_mhz) {
            return Err(SettingsError::Clock(clock_mhz));
        }
        Ok(Settings {
            clock_mhz,
            memory,
            overrides: Table::new(),
        })
    }

    /// Takes overrides from TOML text: keys of [`DatapathConfig`].
    ///
    /// # Errors
    /// [`SettingsError::Override`] names the key or the line.
    pub fn read_toml(&mut self, file: &str, text: &str) -> Result<(), SettingsError> {
        let refuse = |reason: String| SettingsError::Override {
            setting: file.into(),
            reason,
        };
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| refuse(error.to_string()))?;
        for (key, value) in table {
            self.set(file, &key, value)?;
        }
        Ok(())
    }

    /// Takes one override, `key=value`. `memory.KEY` is a key of the memory.
    ///
    /// # Errors
    /// [`SettingsError::Override`] when there is no such key or the value is neither a whole number nor true or false;
    /// [`SettingsError::Memory`] when the memory refuses it.
    pub fn override_with(&mut self, setting: &str) -> Result<(), SettingsError> {
        let refuse = |reason: &str| SettingsError::Override {
            setting: setting.into(),
            reason: reason.into(),
        };
        let (key, value) = setting.split_once('=').ok_or_else(|| refuse("it must be key=value"))?;
        if let Some(key) = key.trim().strip_prefix("memory.") {
            self.memory = self.memory.with_override(key, memory_value(value.trim()))?;
            return Ok(());
        }
        let value = match value.trim() {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            number => Value::Integer(
                number
                    .parse()
                    .map_err(|_| refuse("the value must be a whole number, true or false"))?,
            ),
        };
        self.set(setting, key.trim(), value)
    }

    fn set(&mut self, setting: &str, key: &str, value: Value) -> Result<(), SettingsError> {
        let refuse = |reason: String| SettingsError::Override {
            setting: setting.into(),
            reason,
        };
        let mut table = Table::try_from(DatapathConfig::reference(&WeightFormat::Binary16)).expect("plain numbers");
        // The one that is not written while it is off.
        table.entry("pack_products").or_insert(Value::Boolean(false));
        if !table.contains_key(key) {
            let known: Vec<_> = table.keys().cloned().collect();
            return Err(refuse(format!(
                "no parameter is called {key:?}; there are: {}",
                known.join(", ")
            )));
        }
        // Type and range of the value, checked on its own so that the error names this setting.
        table.insert(key.into(), value.clone());
        table
            .try_into::<DatapathConfig>()
            .map_err(|error| refuse(error.message().to_string()))?;
        self.overrides.insert(key.into(), value);
        Ok(())
    }

    /// The memory.
    pub fn memory(&self) -> &MemoryModel {
        &self.memory
    }

    /// The clock in MHz.
    pub fn clock_mhz(&self) -> f64 {
        self.clock_mhz
    }

    /// The machine for a format. Unless `lanes` is set, it has as many as keep up with one beat per cycle.
    pub fn system(&self, format: &WeightFormat) -> SystemConfig {
        let mut table = Table::try_from(DatapathConfig::reference(format)).expect("plain numbers");
        for (key, value) in &self.overrides {
            if *format != WeightFormat::Binary16 || !OF_THE_CODE.contains(&key.as_str()) {
                table.insert(key.clone(), value.clone());
            }
        }
        let mut datapath: DatapathConfig = table.try_into().expect("each override has been checked");
        if let MemoryModel::Dram(dram) = &self.memory {
            self.size_to(dram, &mut datapath);
        }
        if *format == WeightFormat::Binary16 || !self.overrides.contains_key("lanes") {
            datapath.keep_up_with_beats(format);
        }
        if !self.overrides.contains_key("largest_columns") {
            // Wide activations leave room for fewer columns in 64-bit sums.
            let fits = |columns: &u32| {
                let datapath = DatapathConfig {
                    largest_columns: *columns,
                    ..datapath.clone()
                };
                datapath.check(format).is_ok()
            };
            let columns = datapath.largest_columns;
            // Where no number of columns helps, something else is wrong: the machine's own check names it.
            datapath.largest_columns = (0..15)
                .map(|halvings| columns >> halvings)
                .find(fits)
                .unwrap_or(columns);
        }
        SystemConfig {
            clock_mhz: self.clock_mhz,
            datapath,
            memory: self.memory.clone(),
        }
    }

    /// The machine that an image was written for, with what has been set in place of its own parameters. The width of its port
    /// is the image's, whatever the memory.
    pub fn system_for_image(&self, machine: &DatapathConfig) -> SystemConfig {
        let mut table = Table::try_from(machine).expect("plain numbers");
        table.extend(self.overrides.clone());
        let mut datapath: DatapathConfig = table.try_into().expect("each override has been checked");
        if let MemoryModel::Dram(dram) = &self.memory
            && !self.overrides.contains_key("beat_fifo_beats")
        {
            datapath.beat_fifo_beats = self.fifo_beats(dram, &datapath);
        }
        SystemConfig {
            clock_mhz: self.clock_mhz,
            datapath,
            memory: self.memory.clone(),
        }
    }

    /// A FIFO of weights that hides the latency of a memory with a clock of its own.
    fn fifo_beats(&self, dram: &DramModel, datapath: &DatapathConfig) -> u32 {
        let clock_hz = (self.clock_mhz * 1e6).round() as u64;
        beat_fifo_beats(dram, datapath.beat_bits as usize / 8, clock_hz)
    }

    /// Sizes what has not been set to a memory with a clock of its own: a port that keeps up with its data pins at this clock, or the
    /// widest there is, and a FIFO that hides its latency.
    fn size_to(&self, dram: &DramModel, datapath: &mut DatapathConfig) {
        let is_free = |key: &str| !self.overrides.contains_key(key);
        if is_free("beat_bits") {
            let peak_bytes_per_s = ClosedForms::of(dram).peak_gb_per_s * 1e9;
            let keeps_up = |bits: &u32| f64::from(*bits) / 8.0 * self.clock_mhz * 1e6 >= peak_bytes_per_s;
            datapath.beat_bits = BEAT_BITS
                .into_iter()
                .find(keeps_up)
                .unwrap_or(BEAT_BITS[BEAT_BITS.len() - 1]);
        }
        if is_free("beat_fifo_beats") {
            datapath.beat_fifo_beats = self.fifo_beats(dram, datapath);
        }
    }
}

/// Widths of the port among which one is chosen for a DRAM.
const BEAT_BITS: [u32; 4] = [512, 1024, 2048, 4096];

/// A value on the command line as in a TOML file; what is none there is a text.
fn memory_value(value: &str) -> Value {
    let table: Result<Table, _> = format!("value = {value}").parse();
    match table {
        Ok(mut table) if table.len() == 1 => table.remove("value").expect("it is the only key"),
        _ => Value::String(value.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::new(200.0, MemoryModel::named("ideal").unwrap()).unwrap()
    }

    #[test]
    fn lanes_follow_the_beat_unless_they_are_set() {
        let code = WeightFormat::named("paper-4b").unwrap();
        let mut settings = settings();
        settings.override_with("beat_bits=1024").unwrap();
        assert_eq!(settings.system(&code).datapath.lanes, 32);
        assert_eq!(settings.system(&WeightFormat::Binary16).datapath.lanes, 64);
        settings
            .read_toml("x.toml", "lanes = 16\nextra_mac_stages = 5")
            .unwrap();
        assert_eq!(settings.system(&code).datapath.lanes, 16);
        assert_eq!(settings.system(&WeightFormat::Binary16).datapath.lanes, 64);
        assert_eq!(settings.system(&WeightFormat::Binary16).datapath.extra_mac_stages, 5);
        settings.override_with("gearbox=false").unwrap();
        assert!(!settings.system(&code).datapath.gearbox);
        settings.override_with("pack_products=true").unwrap();
        let packs = |format: &WeightFormat| settings.system(format).datapath.pack_products;
        assert!(packs(&code) && !packs(&WeightFormat::Binary16));
    }

    #[test]
    fn wrong_settings_are_named() {
        let mut settings = settings();
        for (setting, reason) in [
            ("lanes", "key=value"),
            ("lanes=many", "whole number"),
            ("lanes=-1", "lanes=-1"),
            ("gearbox=1", "gearbox=1"),
            ("pack_products=2", "pack_products=2"),
            ("lane=3", "there are: activation_bits, beat_bits"),
        ] {
            let error = settings.override_with(setting).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert!(
            settings
                .read_toml("my.toml", "lanes = \"x\"")
                .unwrap_err()
                .to_string()
                .contains("my.toml")
        );
        assert!(Settings::new(0.0, MemoryModel::named("ideal").unwrap()).is_err());
    }
}
