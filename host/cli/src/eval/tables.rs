//! A run for people.

use super::report::{ERRORS, Run, VariantFigures};
use crate::bench::table::{Style, table};
use crate::stdout::printable;
use indicatif::HumanCount;

/// The whole report.
pub fn text(run: &Run, style: Style, tensors: bool) -> String {
    let mut text = facts(run, style);
    text.push('\n');
    text.push_str(&variants(run, style));
    if !run.roundings.is_empty() {
        text.push_str("\nThe same with rounded activations, and what the rounding alone adds to the divergence:\n\n");
        text.push_str(&roundings(run, style));
    }
    if tensors {
        for variant in run.variants.iter().filter(|variant| !variant.tensors.is_empty()) {
            text.push_str(&format!("\nMatrices of {}:\n\n", printable(&variant.name)));
            text.push_str(&of_tensors(variant, style));
        }
    }
    text.push_str(&format!("\n±: {ERRORS}.\n"));
    for note in &run.notes {
        text.push_str(&format!("{}Note: {note}.\n", between(style)));
    }
    text.push_str(&format!(
        "{}Time: {:.1} s to make the variants ready, {:.1} s to read; {} threads; {}.\n",
        between(style),
        run.prepare_seconds,
        run.read_seconds,
        run.threads,
        run.machine.line()
    ));
    text
}

/// Lines run together in Markdown where nothing stands between them.
fn between(style: Style) -> &'static str {
    match style {
        Style::Text => "",
        Style::Markdown => "\n",
    }
}

fn facts(run: &Run, style: Style) -> String {
    let passage = &run.passage;
    let windows = match run.finished_windows == passage.windows {
        true => passage.windows.to_string(),
        false => format!("{} of {} (interrupted)", run.finished_windows, passage.windows),
    };
    let facts = [
        ("reference", printable(&run.reference)),
        (
            "text",
            format!(
                "{}, {} bytes, {} tokens, SHA-256 {}",
                printable(&passage.text),
                HumanCount(passage.bytes),
                HumanCount(passage.tokens as u64),
                passage.sha256
            ),
        ),
        (
            "windows",
            format!(
                "{windows} {}; {} tokens predicted",
                passage.cut(),
                HumanCount(run.reference_scores.tokens as u64)
            ),
        ),
        (
            "replaced",
            format!(
                "{} matrices of {} weights, those that seedlm compresses by default; all else is the reference's in all variants",
                run.matrices,
                HumanCount(run.weights)
            ),
        ),
    ];
    let line = |(name, fact): (&str, String)| match style {
        Style::Text => format!("{:<11}{fact}\n", format!("{name}:")),
        Style::Markdown => format!("* {name}: {fact}\n"),
    };
    facts.into_iter().map(line).collect()
}

fn variants(run: &Run, style: Style) -> String {
    let header = [
        "variant",
        "bits per weight",
        "relative error",
        "perplexity",
        "perplexity rise, %",
        "KL divergence, nats/token",
        "99 % of KL below",
        "top-1 agreement, %",
        "kind",
    ];
    let reference = vec![
        "reference".into(),
        format!("{:.3}", run.reference_bits_per_weight),
        String::new(),
        format!("{:.4}", run.reference_scores.perplexity),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        "reference".into(),
    ];
    let plain = run.variants.iter().filter(|variant| variant.activations.is_none());
    let others = plain.map(|variant| {
        let scores = &variant.scores;
        let agreement = scores.top_1_agreement;
        vec![
            printable(&variant.name),
            format!("{:.3}", variant.bits_per_weight),
            format!("{:.4}", variant.relative_error),
            format!("{:.4}", scores.perplexity),
            plus_minus(
                variant.perplexity_rise_percent,
                variant.perplexity_rise_percent_error,
                3,
            ),
            plus_minus(scores.divergence.mean, scores.divergence.standard_error, 6),
            format!("{:.4}", scores.divergence_99_percent),
            plus_minus(100.0 * agreement.mean, 100.0 * agreement.standard_error, 2),
            variant.kind.into(),
        ]
    });
    let rows: Vec<Vec<String>> = [reference].into_iter().chain(others).collect();
    table(style, &header, &rows)
}

fn roundings(run: &Run, style: Style) -> String {
    let header = [
        "variant",
        "perplexity rise, %",
        "KL divergence, nats/token",
        "added by rounding, 1e-6 nats/token",
        "added, % of KL before",
        "top-1 agreement, %",
        "activations",
    ];
    let rounded = run.variants.iter().filter(|variant| variant.activations.is_some());
    let rows = rounded.zip(&run.roundings).map(|(variant, rounding)| {
        let (scores, added) = (&variant.scores, rounding.divergence_added);
        let agreement = scores.top_1_agreement;
        vec![
            printable(&variant.name),
            plus_minus(
                variant.perplexity_rise_percent,
                variant.perplexity_rise_percent_error,
                3,
            ),
            plus_minus(scores.divergence.mean, scores.divergence.standard_error, 6),
            plus_minus(1e6 * added.mean, 1e6 * added.standard_error, 2),
            rounding
                .share_percent
                .map_or_else(String::new, |share| format!("{:.3}", positive_zero(share, 3))),
            plus_minus(100.0 * agreement.mean, 100.0 * agreement.standard_error, 2),
            rounding.activations.clone(),
        ]
    });
    table(style, &header, &rows.collect::<Vec<_>>())
}

fn of_tensors(variant: &VariantFigures, style: Style) -> String {
    let header = [
        "matrix",
        "rows",
        "columns",
        "bits per weight",
        "relative error",
        "rotated",
        "format",
    ];
    let rows: Vec<Vec<String>> = variant
        .tensors
        .iter()
        .map(|tensor| {
            vec![
                printable(&tensor.name),
                tensor.rows.to_string(),
                tensor.columns.to_string(),
                format!("{:.3}", tensor.bits_per_weight),
                format!("{:.4}", tensor.relative_error),
                if tensor.rotated { "yes" } else { "no" }.into(),
                tensor.format.clone(),
            ]
        })
        .collect();
    table(style, &header, &rows)
}

fn plus_minus(value: f64, error: f64, digits: usize) -> String {
    format!("{:.digits$} ± {error:.digits$}", positive_zero(value, digits))
}

/// A value that is written as 0 has no sign: it would be one of rounding errors.
fn positive_zero(value: f64, digits: usize) -> f64 {
    if value.abs() < 0.5 * 10_f64.powi(-(digits as i32)) {
        0.0
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_has_no_sign() {
        assert_eq!(plus_minus(-1e-9, 2e-9, 6), "0.000000 ± 0.000000");
        assert_eq!(plus_minus(-0.0125, 0.001, 3), "-0.013 ± 0.001");
        assert_eq!(plus_minus(-0.0006, 0.001, 3), "-0.001 ± 0.001");
    }
}
