//! The paper's search among `(C, P, K)`, done again: which code has the least error at 4 and at 3 bits, and what beats it.

use super::results::{CodeResult, ErrorFigures};
use seedlm_codec::Code;
use serde::Serialize;

/// The longest register of the paper's search here: all its own choices have 16 bits.
const LONGEST: u32 = 16;
/// Differences of fewer standard errors are called none.
const STANDARD_ERRORS: f64 = 2.0;

/// What the paper's criterion chooses at one rate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PaperChoice {
    /// Stored bits per weight, exactly.
    pub stored_bits: u32,
    /// All block codes of the grid that store so much with `K <= 16`, the one of least error first.
    pub candidates: Vec<Candidate>,
    /// How many of the first cannot be told from the best by their errors (less than two standard errors of the difference).
    pub indistinguishable: usize,
    /// The code that the paper chose.
    pub paper: String,
    /// Its place among the candidates, from 1; none where it was not looked at.
    pub place_of_paper: Option<usize>,
    /// The best by the rule that the paper prints.
    pub best_by_printed_rule: Option<String>,
    /// The best by rounded least squares at the best exponent.
    pub best_by_rounded_rule: Option<String>,
    /// Codes of the grid that store no more and have less error than the paper's by more than chance, the best first.
    pub beaten_by: Vec<String>,
}

/// A block code of the paper's grid.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// Its label.
    pub label: String,
    /// `C`.
    pub block_size: usize,
    /// `P`.
    pub latent_dimension: usize,
    /// `K`.
    pub length: u32,
    /// With the best word of all.
    pub exact: ErrorFigures,
    /// With the rule that the paper prints.
    pub printed_rule: Option<ErrorFigures>,
    /// With rounded least squares at the best exponent.
    pub rounded_rule: Option<ErrorFigures>,
}

impl PaperChoice {
    /// At 4 and at 3 bits, where the grid has such codes.
    pub fn of(results: &[CodeResult]) -> Vec<PaperChoice> {
        [(4, "paper-4b"), (3, "paper-3b")]
            .into_iter()
            .filter_map(|(bits, paper)| choice(results, bits, paper))
            .collect()
    }
}

fn choice(results: &[CodeResult], stored_bits: u32, paper: &str) -> Option<PaperChoice> {
    let mut candidates: Vec<Candidate> = results
        .iter()
        .filter(|result| result.stored_bits == f64::from(stored_bits))
        .filter_map(candidate)
        .filter(|candidate| candidate.length <= LONGEST)
        .collect();
    candidates.sort_by(|a, b| a.exact.relative_error.total_cmp(&b.exact.relative_error));
    let best = candidates.first()?;
    let indistinguishable = candidates
        .iter()
        .filter(|candidate| !is_less(&best.exact, &candidate.exact))
        .count();
    let best_by = |rule: fn(&Candidate) -> Option<ErrorFigures>| {
        let ruled = candidates
            .iter()
            .filter_map(|candidate| Some((rule(candidate)?.relative_error, &candidate.label)));
        ruled.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, label)| label.clone())
    };
    let best_by_printed_rule = best_by(|candidate| candidate.printed_rule);
    let best_by_rounded_rule = best_by(|candidate| candidate.rounded_rule);
    let papers_own = results.iter().find(|result| result.label == paper);
    let mut beaten_by: Vec<&CodeResult> = results
        .iter()
        .filter(|result| result.stored_bits <= f64::from(stored_bits))
        .filter(|result| papers_own.is_some_and(|own| is_less(&result.gaussian, &own.gaussian)))
        .collect();
    beaten_by.sort_by(|a, b| a.gaussian.relative_error.total_cmp(&b.gaussian.relative_error));
    Some(PaperChoice {
        stored_bits,
        indistinguishable,
        paper: paper.into(),
        place_of_paper: candidates
            .iter()
            .position(|candidate| candidate.label == paper)
            .map(|place| place + 1),
        best_by_printed_rule,
        best_by_rounded_rule,
        beaten_by: beaten_by.into_iter().map(|result| result.label.clone()).collect(),
        candidates,
    })
}

fn candidate(result: &CodeResult) -> Option<Candidate> {
    let Code::Block(code) = &result.code else {
        return None;
    };
    Some(Candidate {
        label: result.label.clone(),
        block_size: code.block_size(),
        latent_dimension: code.latent_dimension(),
        length: code.lfsr().length(),
        exact: result.gaussian,
        printed_rule: result.printed_rule,
        rounded_rule: result.rounded_rule,
    })
}

/// Whether an error is smaller than another one by more than chance.
fn is_less(a: &ErrorFigures, b: &ErrorFigures) -> bool {
    let of_difference = a.standard_error.hypot(b.standard_error);
    a.relative_error + STANDARD_ERRORS * of_difference < b.relative_error
}
