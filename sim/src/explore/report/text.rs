//! The exploration for a person at a terminal.

use super::{Exploration, Figure, Front};
use crate::explore::paper_choice::PaperChoice;
use crate::explore::results::{AreaOrigin, CodeResult, ErrorFigures};
use crate::table::{align_right, grouped, joules, plain_table};
use crate::written::without_spaces_at_ends;
use std::fmt::Write;

/// So many candidates of the paper's grid are shown, and so many codes that beat its choice.
const SHOWN: usize = 6;

impl Exploration {
    /// The exploration as text of about 110 columns.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_text(&mut text);
        without_spaces_at_ends(&text)
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        let settings = &self.settings;
        writeln!(
            out,
            "{} codes on {} machines: {}",
            self.codes.len(),
            settings.machines.len(),
            settings
                .machines
                .iter()
                .map(|machine| machine.label())
                .collect::<Vec<_>>()
                .join("; ")
        )?;
        write!(
            out,
            "Errors on up to {} normally distributed weights",
            grouped(settings.gaussian_weights as u64)
        )?;
        match &settings.model {
            Some(model) => writeln!(
                out,
                ", and on up to {} weights of {}",
                grouped(model.weights as u64),
                model.name
            )?,
            None => writeln!(out)?,
        }
        let clock = settings.machines.first().map_or(0.0, |machine| machine.clock_mhz);
        writeln!(
            out,
            "Tokens of {} at {clock} MHz, matrices only ({}); energies of the table {}",
            settings.shape.name,
            match settings.cycles.as_str() {
                "bound" => "bound: what memory and lanes allow",
                _ => "extrapolated from simulated products",
            },
            settings.energy_table.name
        )?;
        for choice in &self.papers_grid {
            self.write_choice(out, choice)?;
        }
        for front in &self.fronts {
            self.write_front(out, front)?;
        }
        self.write_notes(out)
    }

    fn write_choice(&self, out: &mut String, choice: &PaperChoice) -> std::fmt::Result {
        let count = choice.candidates.len();
        writeln!(
            out,
            "\nThe paper's grid at {} bits: {count} codes (C, P, K) that store exactly that, K <= 16\n",
            choice.stored_bits
        )?;
        let mut table = plain_table();
        table.set_header([
            "C, P, K",
            "relative error",
            "rounded",
            "printed rule",
            "weights/s and core",
            "LUT per weight",
        ]);
        let of_note = [
            Some(&choice.paper),
            choice.best_by_printed_rule.as_ref(),
            choice.best_by_rounded_rule.as_ref(),
        ];
        let is_shown = |place: usize, label: &String| place < SHOWN || of_note.contains(&Some(label));
        let candidates = choice.candidates.iter().enumerate();
        for (_, candidate) in candidates.filter(|(place, candidate)| is_shown(*place, &candidate.label)) {
            let Some(result) = self.code(&candidate.label) else {
                continue;
            };
            table.add_row([
                format!(
                    "{}, {}, {}",
                    candidate.block_size, candidate.latent_dimension, candidate.length
                ),
                with_error(&candidate.exact),
                candidate.rounded_rule.as_ref().map_or_else(String::new, with_error),
                candidate.printed_rule.as_ref().map_or_else(String::new, with_error),
                speed(result),
                luts(result),
            ]);
        }
        align_right(&mut table);
        writeln!(out, "{table}")?;
        if count > SHOWN {
            writeln!(
                out,
                "The first {SHOWN} of {count}, the paper's choice and those that other rules choose."
            )?;
        }
        self.write_verdict(out, choice)
    }

    fn write_verdict(&self, out: &mut String, choice: &PaperChoice) -> std::fmt::Result {
        let name = |label: &str| {
            let found = choice.candidates.iter().find(|candidate| candidate.label == label);
            found.map_or_else(
                || label.to_string(),
                |code| format!("C={} P={} K={}", code.block_size, code.latent_dimension, code.length),
            )
        };
        let (Some(best), paper) = (choice.candidates.first(), name(&choice.paper)) else {
            return Ok(());
        };
        let ties = match choice.indistinguishable {
            0 | 1 => "by more than two standard errors".to_string(),
            ties => format!("but the first {ties} cannot be told apart (two standard errors)"),
        };
        match choice.place_of_paper {
            Some(1) => writeln!(out, "The paper's choice, {paper}, has the least error, {ties}.")?,
            Some(place) => writeln!(
                out,
                "The paper's choice, {paper}, is number {place}; {} has the least error, {ties}.",
                name(&best.label)
            )?,
            None => writeln!(
                out,
                "The paper's own choice is not in this grid; {} has the least error, {ties}.",
                name(&best.label)
            )?,
        }
        let rules = [
            ("the rule that the paper prints", &choice.best_by_printed_rule),
            (
                "rounded least squares at the best exponent",
                &choice.best_by_rounded_rule,
            ),
        ];
        for (rule, best) in rules {
            if let Some(best) = best {
                writeln!(out, "With {rule}, {} has the least error.", name(best))?;
            }
        }
        if choice.place_of_paper.is_none() {
            return Ok(());
        }
        let beaten_by = &choice.beaten_by;
        if beaten_by.is_empty() {
            return writeln!(out, "No code of the grid that stores as much or less has less error.");
        }
        writeln!(out, "Less error at {} bits or less have:", choice.stored_bits)?;
        let own = self.code(&choice.paper);
        for label in beaten_by.iter().take(SHOWN) {
            if let (Some(result), Some(own)) = (self.code(label), own) {
                writeln!(
                    out,
                    "  {:<16} {:.4} instead of {:.4}, at {} bits, {} LUT per weight instead of {}",
                    result.label,
                    result.gaussian.relative_error,
                    own.gaussian.relative_error,
                    bits(result.stored_bits),
                    luts(result),
                    luts(own)
                )?;
            }
        }
        Ok(())
    }

    fn write_front(&self, out: &mut String, front: &Front) -> std::fmt::Result {
        let all = self.codes.iter().filter(|result| {
            let figures = [front.x, front.y];
            figures.iter().all(|figure| figure.of(result, front.machine).is_some())
        });
        let count = all.count();
        writeln!(
            out,
            "\nPareto front, {}: {} of {count} codes\n",
            front.name,
            front.members.len()
        )?;
        if count == 0 {
            let reason = self
                .codes
                .first()
                .and_then(|result| result.machines.get(front.machine?));
            return match reason.map(|machine| &machine.outcome) {
                Some(crate::explore::results::Outcome::LeftOut(reason)) => {
                    writeln!(out, "No code has this machine: {reason}")
                }
                _ => writeln!(out, "There is nothing to compare."),
            };
        }
        let mut table = plain_table();
        let mut header = vec!["code", "bits", "error", "weights/s and core", "LUT/weight"];
        header.extend(match front.machine {
            Some(_) => vec!["tokens/s", "energy/token", "limited by", "lanes", "LUT", "DSP"],
            None if front.x == Figure::ModelBits => vec!["model: bits", "model: error", "rotated"],
            None => vec!["FF/weight"],
        });
        table.set_header(header);
        for result in front.members.iter().filter_map(|label| self.code(label)) {
            let mut row = vec![
                result.label.clone(),
                bits(result.stored_bits),
                format!("{:.4}", result.gaussian.relative_error),
                speed(result),
                luts(result),
            ];
            match front.machine.map(|machine| result.token(machine)) {
                Some(Some(token)) => row.extend([
                    significant(token.tokens_per_second),
                    token.energy_j.map_or_else(|| "-".into(), joules),
                    token.limited_by.clone().unwrap_or_default(),
                    token.lanes.to_string(),
                    grouped(token.decoder_luts.round() as u64),
                    token.dsps.to_string(),
                ]),
                Some(None) => {}
                None => match (&result.model, front.x) {
                    (Some(model), Figure::ModelBits) => row.extend([
                        format!("{:.3}", model.stored_bits),
                        format!("{:.4}", model.relative_error),
                        format!("{} of {}", model.rotated_matrices, model.matrices),
                    ]),
                    _ => row.push(format!("{:.1}", result.area.flip_flops_per_weight)),
                },
            }
            table.add_row(row);
        }
        align_right(&mut table);
        writeln!(out, "{table}")
    }

    fn write_notes(&self, out: &mut String) -> std::fmt::Result {
        let has = |origin: AreaOrigin| self.codes.iter().any(|result| result.area.origin == origin);
        writeln!(out)?;
        if has(AreaOrigin::Measured) {
            writeln!(out, "LUT: counted by yosys on {}.", family(&self.codes))?;
        }
        if has(AreaOrigin::Table) {
            writeln!(
                out,
                "LUT t: counted on {} by {} for the table in this program.",
                family(&self.codes),
                self.areas.table_tool
            )?;
        }
        if has(AreaOrigin::Fitted) {
            writeln!(
                out,
                "LUT f: fitted, not counted. On the table the formula is off by {:.1} % (block codes) and {:.1} % (chained codes), root mean square.",
                100.0 * self.areas.fit_error_block_luts,
                100.0 * self.areas.fit_error_chained_luts
            )?;
        }
        if let Some(reason) = &self.areas.no_tool {
            writeln!(out, "Nothing was counted in this run: {reason}")?;
        }
        writeln!(
            out,
            "DSP by a model: one 25 x 18 multiplier for each weight of a cycle, more where a mantissa is wider. Encoding speed depends on what else the cores do."
        )
    }
}

fn family(codes: &[CodeResult]) -> &str {
    codes.first().map_or("", |result| &result.area.family)
}

/// An error with its standard error in units of the last digits.
fn with_error(figures: &ErrorFigures) -> String {
    format!("{:.4} ± {:.4}", figures.relative_error, figures.standard_error)
}

fn bits(bits: f64) -> String {
    let text = format!("{bits:.3}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

fn speed(result: &CodeResult) -> String {
    grouped(result.encode.weights_per_s_and_core.round() as u64)
}

fn luts(result: &CodeResult) -> String {
    format!("{:.1} {}", result.area.luts_per_weight, result.area.origin.mark())
        .trim_end()
        .into()
}

/// Four digits.
fn significant(value: f64) -> String {
    if value >= 1000.0 {
        return grouped(value.round() as u64);
    }
    let digits = (3.0 - value.max(1e-9).log10().floor()).clamp(0.0, 8.0) as usize;
    format!("{value:.digits$}")
}
