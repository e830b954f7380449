//! A DRAM as data: what a TOML file says, checked.

use super::organisation::Organisation;
use super::policy::{Policy, RefreshMode, Scheduler};
use super::presets::PRESETS;
use super::timing::Timing;
use serde::Serialize;
use thiserror::Error;
use toml::{Table, Value};

/// Why a DRAM is refused.
#[derive(Debug, Error)]
#[error("memory {file:?} refused: {reason}")]
pub struct DramError {
    /// Name of the preset or file, or the override.
    pub file: String,
    /// What is wrong.
    pub reason: String,
}

/// Organisation, timing and controller of a DRAM.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DramModel {
    /// All keys, as they were given.
    #[serde(flatten)]
    table: Table,
    #[serde(skip)]
    name: String,
    #[serde(skip)]
    organisation: Organisation,
    /// The timing in clocks, as it was worked out from them.
    timing_clocks: Timing,
    #[serde(skip)]
    policy: Policy,
}

/// Sections of a file.
const SECTIONS: [&str; 3] = ["organisation", "timing", "controller"];

impl DramModel {
    /// Reads a model from TOML. With `base = "PRESET"` the file says only what is different from that preset.
    ///
    /// # Errors
    /// Names the file and the key that is missing, unknown or out of range.
    pub fn parse(file: &str, text: &str) -> Result<Self, DramError> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| DramError {
            file: file.into(),
            reason: error.to_string(),
        })?;
        DramModel::from_table(file, table)
    }

    /// As [`DramModel::parse`], from a table.
    ///
    /// # Errors
    /// As [`DramModel::parse`].
    pub fn from_table(file: &str, mut table: Table) -> Result<Self, DramError> {
        let refuse = |reason: String| DramError {
            file: file.into(),
            reason,
        };
        if let Some(base) = table.remove("base") {
            let preset = PRESETS.iter().find(|(name, _)| base.as_str() == Some(name));
            let names = PRESETS.map(|(name, _)| name).join(", ");
            let (_, text) = preset.ok_or_else(|| refuse(format!("base is {base}, and must be one of {names}")))?;
            table = merged(text.parse().expect("presets are well formed"), table).map_err(refuse)?;
        }
        let mut rest = table.clone();
        let mut section = |name: &str| match rest.remove(name) {
            Some(Value::Table(section)) => Ok(section),
            Some(_) => Err(refuse(format!("{name} must be a section, [{name}]"))),
            None => Err(refuse(format!("the section [{name}] is missing"))),
        };
        let organisation: Organisation = section("organisation")?
            .try_into()
            .map_err(|error: toml::de::Error| refuse(format!("[organisation]: {}", error.message())))?;
        let timing = Timing::from_table(section("timing")?).map_err(|reason| refuse(format!("[timing]: {reason}")))?;
        let policy =
            Policy::from_table(section("controller")?).map_err(|reason| refuse(format!("[controller]: {reason}")))?;
        organisation
            .check()
            .map_err(|reason| refuse(format!("[organisation]: {reason}")))?;
        if policy.refresh == RefreshMode::PerBank {
            for (key, clocks) in [
                ("t_rfc_pb_ns", timing.t_rfc_pb),
                ("t_pbr2pbr_ns", timing.t_pbr2pbr),
                ("t_pbr2act_ns", timing.t_pbr2act),
            ] {
                if clocks == 0 {
                    return Err(refuse(format!("[timing]: refresh = \"per_bank\" needs {key}")));
                }
            }
        }
        let mut text = |key: &str| match rest.remove(key) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(refuse(format!("{key} must be there, and a text"))),
        };
        let name = text("name")?;
        text("standard")?;
        if let Some(key) = rest.keys().next() {
            return Err(refuse(format!("unknown key {key}")));
        }
        Ok(DramModel {
            name,
            organisation,
            timing_clocks: timing,
            policy,
            table,
        })
    }

    /// The same memory with one key changed: `t_rfc_ns`, or `timing.t_rfc_ns` with its section.
    ///
    /// # Errors
    /// Names the key when there is none of that name, or the value does not fit.
    pub fn with_override(&self, key: &str, value: Value) -> Result<Self, DramError> {
        let mut table = self.table.clone();
        let (section, leaf) = match key.split_once('.') {
            Some((section, leaf)) => (SECTIONS.into_iter().find(|name| *name == section), leaf),
            None => (SECTIONS.into_iter().find(|name| self.has(name, key)), key),
        };
        // A key that no section has yet is a time or a choice that the preset leaves out.
        let section = section.unwrap_or(match leaf {
            "outstanding_bursts" => "controller",
            _ => "timing",
        });
        match table.get_mut(section) {
            Some(Value::Table(keys)) => keys.insert(leaf.into(), value),
            _ => unreachable!("a model has all sections"),
        };
        DramModel::from_table(&format!("{} with {key} changed", self.name), table)
    }

    fn has(&self, section: &str, key: &str) -> bool {
        self.table[section].get(key).is_some()
    }

    /// Name in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Channels, banks and rows.
    pub fn organisation(&self) -> &Organisation {
        &self.organisation
    }

    /// Timing in clocks.
    pub fn timing(&self) -> &Timing {
        &self.timing_clocks
    }

    /// What the controller decides.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// One line for a person.
    pub fn description(&self) -> String {
        let organisation = &self.organisation;
        let scheduler = match self.policy.scheduler {
            Scheduler::InOrder => "in order",
            Scheduler::FrFcfs => "FR-FCFS",
        };
        let refresh = match self.policy.refresh {
            RefreshMode::AllBank => "all-bank refresh",
            RefreshMode::PerBank => "per-bank refresh",
            RefreshMode::Off => "no refresh",
        };
        format!(
            "{} x {} bits at {:.0} MT/s, {} banks, {scheduler}, {refresh}",
            organisation.channels,
            organisation.channel_bits,
            self.timing_clocks.clock_khz as f64 * organisation.transfers_per_clock as f64 / 1e3,
            organisation.banks()
        )
    }

    /// Whole clocks that are no shorter than a time.
    pub fn clocks(&self, picoseconds: u64) -> u64 {
        (picoseconds * self.timing_clocks.clock_khz).div_ceil(1_000_000_000)
    }
}

/// The base with the keys of a file in place of its own.
fn merged(mut base: Table, changes: Table) -> Result<Table, String> {
    for (key, value) in changes {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(section)), Value::Table(changes)) => section.extend(changes),
            (Some(Value::Table(_)), _) => return Err(format!("{key} must be a section, [{key}]")),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
    Ok(base)
}
