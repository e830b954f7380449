//! What decoders take: counted by yosys where that has been done, else by a formula fitted to what has been counted.

mod calibration;
mod fit;
mod table;
mod tool;

pub use calibration::calibration_codes;
pub use fit::{Fit, FitQuality};
pub use table::{MeasuredArea, MeasuredTable};
pub use tool::{AreaTool, AreaToolError};

use super::results::{AreaFigures, AreaOrigin};
use crate::energy::OperationsPerGroup;
use seedlm_codec::Code;
use std::collections::HashMap;
use std::sync::Mutex;

/// The family of FPGAs that areas are counted for.
pub const FAMILY: &str = "xc7";

/// Areas of codes from all there is: counts of the tool, the table, the formula.
pub struct Areas {
    table: MeasuredTable,
    fit: Fit,
    tool: Option<AreaTool>,
    /// Whether codes that nobody has counted are counted.
    measures: bool,
    known: Mutex<HashMap<Code, (f64, f64)>>,
}

impl Areas {
    /// With a tool, its cache is asked for all of `codes`; with `measures` what is in neither is counted when it is asked for.
    ///
    /// # Errors
    /// When the tool fails: yosys is missing, for example.
    pub fn new(codes: &[Code], tool: Option<AreaTool>, measures: bool) -> Result<Self, AreaToolError> {
        let table = MeasuredTable::built_in();
        let fit = Fit::of(&table);
        let known = match &tool {
            Some(tool) => tool.cached(codes)?,
            None => HashMap::new(),
        };
        Ok(Areas {
            table,
            fit,
            tool,
            measures,
            known: Mutex::new(known),
        })
    }

    /// Tool and version that have counted for the table in this program.
    pub fn table_tool(&self) -> &str {
        &self.table.tool
    }

    /// How far the formula is off on the table.
    pub fn fit_quality(&self) -> FitQuality {
        self.fit.quality()
    }

    /// Whether asking for this code takes many seconds.
    pub fn is_slow(&self, code: &Code) -> bool {
        self.measures && !self.is_known(code)
    }

    fn is_known(&self, code: &Code) -> bool {
        self.known.lock().expect("nothing panics with it").contains_key(code)
    }

    /// The area of a code's decoder.
    ///
    /// # Errors
    /// When it has to be counted and the tool fails.
    pub fn figures(&self, code: &Code) -> Result<AreaFigures, AreaToolError> {
        let known = self.known.lock().expect("nothing panics with it").get(code).copied();
        let counted = match (known, &self.tool) {
            (None, Some(tool)) if self.measures => Some(tool.measure(code)?),
            (known, _) => known,
        };
        let ((luts, flip_flops), origin) = match (counted, self.table.find(code)) {
            (Some(counted), _) => (counted, AreaOrigin::Measured),
            (None, Some(area)) => ((area.luts_per_weight, area.flip_flops_per_weight), AreaOrigin::Table),
            (None, None) => (self.fit.estimate(code), AreaOrigin::Fitted),
        };
        Ok(AreaFigures {
            family: FAMILY.into(),
            luts_per_weight: luts,
            flip_flops_per_weight: flip_flops,
            origin,
        })
    }

    /// What the code's decoder and MACs compute in a cycle, if anybody has counted it.
    pub fn operations(&self, code: &Code) -> Option<OperationsPerGroup> {
        let named = crate::energy::operation_counts(&code.label());
        let in_table = || self.table.find(code).map(|area| area.operations.clone());
        // Without it there is no figure for the energy; nothing else is lost.
        let counted = || self.tool.as_ref()?.operations(code).ok();
        named.cloned().or_else(in_table).or_else(counted)
    }
}

/// Counts every code of the calibration anew, for the table. `finished` is told of each.
///
/// # Errors
/// When the tool fails.
pub fn refit(tool: &AreaTool, finished: &mut dyn FnMut(&Code)) -> Result<MeasuredTable, AreaToolError> {
    let mut areas = Vec::new();
    for code in calibration_codes() {
        let (luts_per_weight, flip_flops_per_weight) = tool.measure(&code)?;
        areas.push(MeasuredArea {
            operations: tool.operations(&code)?,
            luts_per_weight,
            flip_flops_per_weight,
            code: code.clone(),
        });
        finished(&code);
    }
    Ok(MeasuredTable {
        tool: tool.synthesis_version()?,
        family: FAMILY.into(),
        areas,
    })
}
