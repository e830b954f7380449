//! What has changed against an older report.

use super::{BatchPoint, FormatLine, TradeOff};
use crate::table::{align_right, plain_table};
use std::fmt::Write;

/// Figures below this relative change are taken as equal: reports are printed from the same numbers on every machine.
const EQUAL: f64 = 1e-9;

/// The differences of two reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    /// What was asked differently: machine, memory, model.
    settings: Vec<String>,
    /// Format, figure, before, now.
    figures: Vec<(String, String, f64, f64)>,
    /// Formats of only one report.
    formats: Vec<String>,
}

impl Differences {
    /// From an older report to this one.
    pub fn between(before: &TradeOff, now: &TradeOff) -> Self {
        let settings = [
            ("model", before.model.clone(), now.model.clone()),
            ("memory", before.memory.clone(), now.memory.clone()),
            ("clock_mhz", before.clock_mhz.to_string(), now.clock_mhz.to_string()),
            (
                "memory_gb_per_s",
                before.memory_gb_per_s.to_string(),
                now.memory_gb_per_s.to_string(),
            ),
            ("energy_table", before.energy_table.clone(), now.energy_table.clone()),
            ("weights", before.weights.to_string(), now.weights.to_string()),
            (
                "multipliers_in_batches",
                before.multipliers_in_batches.to_string(),
                now.multipliers_in_batches.to_string(),
            ),
        ];
        let settings = settings
            .into_iter()
            .filter(|(_, before, now)| before != now)
            .map(|(key, before, now)| format!("{key} was {before}, and is {now}"))
            .collect();
        let (mut figures, mut formats) = (Vec::new(), Vec::new());
        for line in &now.formats {
            match before.formats.iter().find(|other| other.format == line.format) {
                None => formats.push(format!("{} is new", line.format)),
                Some(other) => {
                    for ((figure, before), (_, now)) in numbers(other).into_iter().zip(numbers(line)) {
                        if is_other(before, now) {
                            figures.push((line.format.clone(), figure.into(), before, now));
                        }
                    }
                }
            }
        }
        for point in &now.over_batch {
            let same = |other: &&BatchPoint| other.format == point.format && other.batch == point.batch;
            let Some(other) = before.over_batch.iter().find(same) else {
                continue;
            };
            if is_other(other.tokens_per_second, point.tokens_per_second) {
                let figure = format!("tokens_per_second, batch {}", point.batch);
                figures.push((
                    point.format.clone(),
                    figure,
                    other.tokens_per_second,
                    point.tokens_per_second,
                ));
            }
        }
        for line in &before.formats {
            if now.formats.iter().all(|other| other.format != line.format) {
                formats.push(format!("{} is gone", line.format));
            }
        }
        Differences {
            settings,
            figures,
            formats,
        }
    }

    /// The differences as text.
    pub fn to_text(&self) -> String {
        let mut text = String::from("Against the baseline\n");
        for line in self.settings.iter().chain(&self.formats) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {line}");
        }
        if self.figures.is_empty() {
            text += "  no figure of a format that both have is different\n";
            return text;
        }
        let mut table = plain_table();
        table.set_header(["", "figure", "before", "now", "change"]);
        for (format, figure, before, now) in &self.figures {
            let change = match *before {
                0.0 => "-".into(),
                before => format!("{:+.2} %", 100.0 * (now / before - 1.0)),
            };
            table.add_row([
                format.clone(),
                figure.clone(),
                format!("{before:.6}"),
                format!("{now:.6}"),
                change,
            ]);
        }
        align_right(&mut table);
        for line in table.to_string().lines() {
            let _ = writeln!(text, "  {}", line.trim_end());
        }
        text
    }
}

fn is_other(before: f64, now: f64) -> bool {
    (now - before).abs() > EQUAL * before.abs().max(now.abs())
}

/// The figures that are compared. An unknown energy counts as none.
fn numbers(line: &FormatLine) -> [(&'static str, f64); 6] {
    [
        ("read_bits_per_weight", line.roofs.read_bits_per_weight),
        ("decoder_gweights_per_s", line.roofs.decoder_gweights_per_s),
        ("mac_gproducts_per_s", line.roofs.mac_gproducts_per_s),
        ("tokens_per_second", line.tokens_per_second),
        (
            "energy_per_token_j",
            line.energy_j.map_or(0.0, |energy| energy.per_token_j(1)),
        ),
        ("decode_j", line.energy_j.map_or(0.0, |energy| energy.decode_j)),
    ]
}
