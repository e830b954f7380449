//! The result of an exploration: one structure, written as text, JSON, CSV and SVG.

mod chart;
mod comma_separated;
mod picture;
mod text;

use super::area::FitQuality;
use super::paper_choice::PaperChoice;
use super::pareto::{Direction, pareto_front};
use super::results::CodeResult;
use super::study::{Study, StudySettings};
use serde::Serialize;

/// Version of the JSON form. It is raised when a field changes its meaning or goes away.
const SCHEMA_VERSION: u32 = 1;

/// All codes of a grid on all its machines, and what of it is worth having.
#[derive(Clone, Debug, Serialize)]
pub struct Exploration {
    /// Version of this form.
    pub schema_version: u32,
    /// What the figures depend on.
    pub settings: StudySettings,
    /// Where areas are from.
    pub areas: AreaNotes,
    /// Every code, in the grid's order.
    pub codes: Vec<CodeResult>,
    /// The paper's search, done again.
    pub papers_grid: Vec<PaperChoice>,
    /// What no other code beats, in several respects.
    pub fronts: Vec<Front>,
}

/// What is to be said about the areas.
#[derive(Clone, Debug, Serialize)]
pub struct AreaNotes {
    /// Tool and version that counted for the table in the program.
    pub table_tool: String,
    /// Root of the mean square of the fitted formula's relative errors on the table: look-up tables of block codes.
    pub fit_error_block_luts: f64,
    /// The same for chained codes.
    pub fit_error_chained_luts: f64,
    /// Why nothing was counted in this run, if there was a reason.
    pub no_tool: Option<String>,
}

/// A front.
#[derive(Clone, Debug, Serialize)]
pub struct Front {
    /// What the figures are measured on.
    pub name: String,
    /// The first figure.
    pub x: Figure,
    /// The second figure.
    pub y: Figure,
    /// Number of the machine in the settings, where it matters.
    pub machine: Option<usize>,
    /// Labels of the codes on it, by the first figure.
    pub members: Vec<String>,
}

/// A figure of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Stored bits per weight, scales not counted.
    StoredBits,
    /// Relative error on normally distributed weights.
    Error,
    /// Bits per weight of the model, everything counted.
    ModelBits,
    /// Relative error on the model.
    ModelError,
    /// Look-up tables per weight and cycle.
    LutsPerWeight,
    /// Tokens per second.
    TokensPerSecond,
}

impl Figure {
    /// The figure of a code, on a machine where that matters; none where there is none.
    pub fn of(self, result: &CodeResult, machine: Option<usize>) -> Option<f64> {
        match self {
            Figure::StoredBits => Some(result.stored_bits),
            Figure::Error => Some(result.gaussian.relative_error),
            Figure::ModelBits => Some(result.model?.stored_bits),
            Figure::ModelError => Some(result.model?.relative_error),
            Figure::LutsPerWeight => Some(result.area.luts_per_weight),
            Figure::TokensPerSecond => Some(result.token(machine?)?.tokens_per_second),
        }
    }

    fn direction(self) -> Direction {
        match self {
            Figure::TokensPerSecond => Direction::Up,
            _ => Direction::Down,
        }
    }

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Figure::StoredBits => "stored bits per weight",
            Figure::Error => "relative error on N(0,1)",
            Figure::ModelBits => "the model's bits per weight",
            Figure::ModelError => "relative error on the model",
            Figure::LutsPerWeight => "LUT per weight and cycle",
            Figure::TokensPerSecond => "tokens per second",
        }
    }
}

impl Exploration {
    /// Puts the results of a study together. `no_tool` says why no area was counted.
    pub fn new(study: &Study, codes: Vec<CodeResult>, no_tool: Option<String>) -> Self {
        let FitQuality {
            block_luts,
            chained_luts,
        } = study.areas().fit_quality();
        let settings = study.settings().clone();
        let mut fronts = vec![front(
            &codes,
            "size and error",
            [Figure::StoredBits, Figure::Error],
            None,
        )];
        if settings.model.is_some() {
            let figures = [Figure::ModelBits, Figure::ModelError];
            fronts.push(front(&codes, "size and error of the model", figures, None));
        }
        fronts.push(front(
            &codes,
            "error and area",
            [Figure::Error, Figure::LutsPerWeight],
            None,
        ));
        for (number, machine) in settings.machines.iter().enumerate() {
            let name = format!("speed and error, memory {}", machine.label());
            let figures = [Figure::TokensPerSecond, Figure::Error];
            fronts.push(front(&codes, &name, figures, Some(number)));
        }
        Exploration {
            schema_version: SCHEMA_VERSION,
            areas: AreaNotes {
                table_tool: study.areas().table_tool().into(),
                fit_error_block_luts: block_luts,
                fit_error_chained_luts: chained_luts,
                no_tool,
            },
            papers_grid: PaperChoice::of(&codes),
            fronts,
            settings,
            codes,
        }
    }

    /// The exploration as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data") + "\n"
    }

    /// The code of that label.
    fn code(&self, label: &str) -> Option<&CodeResult> {
        self.codes.iter().find(|result| result.label == label)
    }
}

fn front(codes: &[CodeResult], name: &str, [x, y]: [Figure; 2], machine: Option<usize>) -> Front {
    let of = |figure: Figure, result: &CodeResult| figure.of(result, machine).unwrap_or(f64::NAN);
    let points: Vec<[f64; 2]> = codes.iter().map(|result| [of(x, result), of(y, result)]).collect();
    let members = pareto_front(&points, [x.direction(), y.direction()]);
    Front {
        name: name.into(),
        x,
        y,
        machine,
        members: members.into_iter().map(|index| codes[index].label.clone()).collect(),
    }
}
