//! What rows may take, and how slow they may be.

use super::SynthesisError;
use super::measure::Measurement;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much worse a figure may be than its budget: 3 %. Placing differs from netlist to netlist by more, but not the median of
/// the same seeds for the same netlist.
const TOLERANCE: f64 = 0.03;

/// The budgets of rows by their names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Budgets(BTreeMap<String, Budget>);

/// The budget of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    luts: u64,
    flip_flops: u64,
    dsps: u64,
    block_rams: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    packed_cells: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    median_mhz: Option<f64>,
}

impl Budget {
    fn of(measured: &Measurement) -> Self {
        let placement = measured.placement.as_ref();
        Budget {
            luts: measured.area.luts,
            flip_flops: measured.area.flip_flops,
            dsps: measured.area.dsps,
            block_rams: measured.area.block_rams,
            packed_cells: measured.packed_cells,
            // A hundredth of a MHz is a person's reading, not the placer's.
            median_mhz: placement.map(|placement| (placement.median_mhz * 100.0).round() / 100.0),
        }
    }

    /// The figures that may not grow.
    fn areas(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("look-up tables", Some(self.luts as f64)),
            ("flip-flops", Some(self.flip_flops as f64)),
            ("multipliers", Some(self.dsps as f64)),
            ("block memories", Some(self.block_rams)),
            ("packed cells", self.packed_cells.map(|cells| cells as f64)),
        ]
    }
}

impl Budgets {
    /// Reads a file of budgets.
    ///
    /// # Errors
    /// [`SynthesisError::Unreadable`] when it is no such TOML.
    pub fn parse(file: &str, text: &str) -> Result<Self, SynthesisError> {
        toml::from_str(text).map_err(|error| SynthesisError::unreadable(file, error))
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let rows = toml::to_string(self).expect("a budget is plain data");
        format!(
            "# What the rows of table.toml may take; CI fails at more than 3 % over it. Written by hdl synth --write-budget.\n\n{rows}"
        )
    }

    /// Puts what was measured in place of a row's budget.
    pub fn put(&mut self, measured: &Measurement) {
        self.0.insert(measured.name.clone(), Budget::of(measured));
    }

    /// The names of the rows that have one.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What is worse than the row's budget by more than the tolerance, a line for each figure.
    pub fn worse(&self, measured: &Measurement) -> Vec<String> {
        let name = &measured.name;
        let Some(budget) = self.0.get(name) else {
            return vec![format!("{name}: there is no budget for this row")];
        };
        let found = Budget::of(measured);
        let mut lines = Vec::new();
        for ((figure, budget), (_, found)) in budget.areas().into_iter().zip(found.areas()) {
            match (budget, found) {
                (Some(budget), Some(found)) if found > budget * (1.0 + TOLERANCE) => {
                    lines.push(format!("{name}: {found} {figure}, and the budget is {budget}"));
                }
                (Some(budget), None) => {
                    lines.push(format!("{name}: {figure} not measured, and the budget is {budget}"))
                }
                _ => {}
            }
        }
        match (budget.median_mhz, found.median_mhz) {
            (Some(budget), Some(found)) if found < budget * (1.0 - TOLERANCE) => {
                lines.push(format!(
                    "{name}: a median of {found} MHz, and the budget is {budget} MHz"
                ));
            }
            (Some(budget), None) => {
                lines.push(format!("{name}: no clock measured, and the budget is {budget} MHz"));
            }
            _ => {}
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesis::measure::sample;

    fn budgets() -> Budgets {
        let mut budgets = Budgets::default();
        budgets.put(&sample());
        budgets
    }

    #[test]
    fn three_hundredths_are_allowed_and_no_more() {
        let budgets = budgets();
        assert_eq!(budgets.worse(&sample()), [""; 0]);
        let changed = |change: &dyn Fn(&mut Measurement)| {
            let mut measured = sample();
            change(&mut measured);
            budgets.worse(&measured)
        };
        let clock = |measured: &mut Measurement, mhz| measured.placement.as_mut().unwrap().median_mhz = mhz;
        assert_eq!(changed(&|m| m.area.luts = 1030), [""; 0]);
        assert_eq!(
            changed(&|m| m.area.luts = 1031),
            ["sample: 1031 look-up tables, and the budget is 1000"]
        );
        assert_eq!(changed(&|m| m.area.luts = 1), [""; 0]);
        assert_eq!(
            changed(&|m| m.area.dsps = 1),
            ["sample: 1 multipliers, and the budget is 0"]
        );
        assert_eq!(
            changed(&|m| m.area.block_rams = 1.0),
            ["sample: 1 block memories, and the budget is 0.5"]
        );
        assert_eq!(
            changed(&|m| m.area.flip_flops = 600),
            ["sample: 600 flip-flops, and the budget is 500"]
        );
        assert_eq!(
            changed(&|m| m.packed_cells = Some(1300)),
            ["sample: 1300 packed cells, and the budget is 1200"]
        );
        assert_eq!(changed(&|m| clock(m, 194.0)), [""; 0]);
        assert_eq!(
            changed(&|m| clock(m, 193.9)),
            ["sample: a median of 193.9 MHz, and the budget is 200 MHz"]
        );
        let unplaced = changed(&|m| (m.placement, m.packed_cells) = (None, None));
        assert_eq!(unplaced.len(), 2, "{unplaced:?}");
        assert_eq!(
            changed(&|m| m.name = "b".into()),
            ["b: there is no budget for this row"]
        );
    }

    #[test]
    fn a_file_of_budgets_is_read_as_it_was_written() {
        let budgets = budgets();
        assert_eq!(Budgets::parse("budget.toml", &budgets.text()).unwrap(), budgets);
        let error = Budgets::parse("budget.toml", "[a]\nluts = 3\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("budget.toml: "), "{error}");
    }
}
