//! Areas that have been counted, as a file of the program.

use crate::energy::OperationsPerGroup;
use seedlm_codec::Code;
use serde::{Deserialize, Serialize};

/// Areas of many codes by one tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredTable {
    /// Tool and version.
    pub tool: String,
    /// Family of FPGAs.
    pub family: String,
    /// One entry for each code.
    pub areas: Vec<MeasuredArea>,
}

/// What one code's decode lanes take, and what they and the MACs compute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredArea {
    /// The code.
    pub code: Code,
    /// Look-up tables for each weight of a cycle.
    pub luts_per_weight: f64,
    /// Flip-flops for each weight of a cycle.
    pub flip_flops_per_weight: f64,
    /// Operations of the reference machine.
    pub operations: OperationsPerGroup,
}

impl MeasuredTable {
    /// The table that is part of the program: `docs/explore.sh --areas` makes it.
    pub fn built_in() -> Self {
        serde_json::from_str(include_str!("table.json")).expect("a test reads it")
    }

    /// The entry of a code.
    pub fn find(&self, code: &Code) -> Option<&MeasuredArea> {
        self.areas.iter().find(|area| area.code == *code)
    }

    /// As text, a line for each code.
    pub fn to_json(&self) -> String {
        let line = |area: &MeasuredArea| serde_json::to_string(area).expect("plain data");
        let lines: Vec<String> = self.areas.iter().map(line).collect();
        let [tool, family] = [&self.tool, &self.family].map(|text| serde_json::to_string(text).expect("plain data"));
        format!(
            "{{\"tool\": {tool}, \"family\": {family}, \"areas\": [\n{}\n]}}\n",
            lines.join(",\n")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::calibration_codes;
    use super::*;

    #[test]
    fn the_table_holds_the_calibration_and_is_as_the_program_writes_it() {
        let table = MeasuredTable::built_in();
        assert_eq!(table.to_json(), include_str!("table.json"));
        for code in calibration_codes() {
            let area = table
                .find(&code)
                .unwrap_or_else(|| panic!("no {}: bash docs/explore.sh --areas", code.label()));
            assert!(
                area.luts_per_weight > 1.0 && area.operations.weights > 0,
                "{}",
                code.label()
            );
        }
    }
}
