//! The committed rows.

use super::SynthesisError;
use super::design::Top;
use super::placement::{check_goal, check_seeds};
use crate::options::Target;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The rows, and what others have published to stand beside them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What is measured.
    #[serde(rename = "row")]
    pub rows: Vec<Row>,
    /// What others have published.
    #[serde(rename = "published", default)]
    pub published: Vec<Published>,
}

/// A row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Name: letters, digits and `-`.
    pub name: String,
    /// The module.
    pub top: Top,
    /// Format of the weights, by its name.
    pub weights: String,
    /// Decode lanes and rows of a tile; without it those of the reference machine.
    pub lanes: Option<u32>,
    /// Other parameters of the datapath, each KEY=VALUE.
    #[serde(default)]
    pub set: Vec<String>,
    /// The family of chips.
    pub target: Target,
    /// The chip to place for; without it nothing is placed.
    pub device: Option<String>,
    /// Its package.
    pub package: Option<String>,
    /// Its speed grade.
    pub speed_grade: Option<u8>,
    /// How many seeds the placer starts with.
    pub seeds: Option<u32>,
    /// The clock that the placer works for, in MHz.
    pub goal_mhz: Option<f64>,
    /// Whether continuous integration measures it.
    #[serde(default)]
    pub budget: bool,
    /// What holds the Verilog of this row.
    pub verified: String,
}

/// Figures of others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// What it is, and where it is published.
    pub name: String,
    /// Weights in a cycle.
    pub weights_per_cycle: u64,
    /// Look-up tables.
    pub luts: u64,
    /// Flip-flops, where they are published.
    pub flip_flops: Option<u64>,
    /// Block memories.
    pub block_rams: f64,
    /// Multipliers.
    pub dsps: u64,
    /// The clock of the published machine, in MHz.
    pub clock_mhz: f64,
}

impl Row {
    /// Whether the placer can do what the row says of it.
    fn check_placing(&self) -> Result<(), SynthesisError> {
        self.seeds.map_or(Ok(()), check_seeds)?;
        self.goal_mhz.map_or(Ok(()), check_goal)
    }
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// [`SynthesisError::Unreadable`] with the place when it is no such TOML, or a name is there twice or cannot name a folder, or
    /// the placer cannot do what a row says.
    pub fn parse(file: &str, text: &str) -> Result<Table, SynthesisError> {
        let table: Table = toml::from_str(text).map_err(|error| SynthesisError::unreadable(file, error))?;
        let mut names = BTreeSet::new();
        for row in &table.rows {
            let is_name = !row.name.is_empty() && row.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            if !is_name || !names.insert(&row.name) {
                let reason = format!(
                    "the row's name {:?} is there twice, or has other signs than letters, digits and -",
                    row.name
                );
                return Err(SynthesisError::unreadable(file, reason));
            }
            row.check_placing()
                .map_err(|reason| SynthesisError::unreadable(file, format!("{}: {reason}", row.name)))?;
        }
        Ok(table)
    }

    /// The rows of these names, in the table's order.
    ///
    /// # Errors
    /// [`SynthesisError::Setting`] for a name that no row has.
    pub fn named(&self, names: &[String]) -> Result<Vec<&Row>, SynthesisError> {
        let there: Vec<&str> = self.rows.iter().map(|row| row.name.as_str()).collect();
        if let Some(other) = names.iter().find(|name| !there.contains(&name.as_str())) {
            let reason = format!("no row is called {other:?}; there are: {}", there.join(", "));
            return Err(SynthesisError::Setting(reason));
        }
        Ok(self.rows.iter().filter(|row| names.contains(&row.name)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str =
        "[[row]]\nname = \"a\"\ntop = \"decoder\"\nweights = \"chained-4b\"\ntarget = \"xc7\"\nverified = \"\"\n";

    #[test]
    fn rows_are_found_by_name() {
        let table = Table::parse("t", &format!("{ROW}{}", ROW.replace("\"a\"", "\"b\""))).unwrap();
        assert_eq!(table.named(&["b".into()]).unwrap()[0].name, "b");
        let error = table.named(&["c".into()]).unwrap_err().to_string();
        assert_eq!(error, "no row is called \"c\"; there are: a, b");
    }

    #[test]
    fn a_broken_table_is_refused() {
        for (text, reason) in [
            (format!("{ROW}{ROW}"), "there twice"),
            (ROW.replace("\"a\"", "\"a/b\""), "other signs"),
            (ROW.replace("xc7", "xc8"), "xc8"),
            (format!("{ROW}colour = 1\n"), "colour"),
            (format!("{ROW}seeds = 0\n"), "a: seeds is 0, and must be 1 to 100"),
            (format!("{ROW}goal_mhz = nan\n"), "a: a clock of NaN MHz"),
            (format!("{ROW}goal_mhz = -1.5\n"), "a: a clock of -1.5 MHz"),
        ] {
            let error = Table::parse("table.toml", &text).unwrap_err().to_string();
            assert!(error.starts_with("table.toml: ") && error.contains(reason), "{error}");
        }
    }
}
