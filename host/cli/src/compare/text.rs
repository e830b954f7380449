//! A comparison for people.

use super::Run;
use crate::bench::table::{Style, table};
use crate::stdout::{decibels, printable};
use indicatif::HumanCount;
use seedlm_model::{Better, CompareReport, StoredAs, TensorComparison};
use std::fmt::Write;

/// Tensors, and names of tensors, that are shown; JSON and CSV have all.
const SHOWN: usize = 10;

/// The whole report.
pub fn text(run: &Run) -> String {
    let report = &run.report;
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = write_totals(&mut text, run);
    names(&mut text, "only in A", &report.only_in_a);
    names(&mut text, "only in B", &report.only_in_b);
    let shapes = report.different_shapes.iter().map(|tensor| {
        let (a, b) = (shape_text(&tensor.shape_a), shape_text(&tensor.shape_b));
        format!("{} ({a} in A, {b} in B)", tensor.name)
    });
    names(&mut text, "of other shapes", &shapes.collect::<Vec<_>>());
    names(&mut text, "not in reference", &report.not_in_reference);
    text.push_str(&worst(report));
    text
}

/// Sizes of the dimensions, as `16x40`; that of a single number is `1`.
pub fn shape_text(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "1".into();
    }
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    sizes.join("x")
}

/// Which model is better, in a word.
pub fn better_name(better: Better) -> &'static str {
    match better {
        Better::A => "A",
        Better::B => "B",
        Better::Neither => "neither",
    }
}

fn write_totals(text: &mut String, run: &Run) -> std::fmt::Result {
    let totals = &run.report.totals;
    writeln!(text, "A: {}\nB: {}", run.a, run.b)?;
    if let Some(reference) = &run.reference {
        writeln!(text, "reference: {reference}")?;
    }
    writeln!(
        text,
        "  in both              {} tensors, {} weights: {} with equal weights ({} stored as they were in the same bytes)",
        totals.tensors,
        HumanCount(totals.weights),
        totals.equal_tensors,
        totals.identical_tensors
    )?;
    let difference = totals.difference;
    writeln!(
        text,
        "  relative difference  {} over all weights, {}; largest {:.3e}",
        ratio(difference.relative_difference),
        decibels(difference.sqnr_db),
        difference.largest_difference
    )?;
    writeln!(
        text,
        "  bits per weight      {:.3} in A, {:.3} in B (elements, or words and scales, of these tensors)",
        totals.bits_per_weight_a, totals.bits_per_weight_b
    )?;
    if let Some(against) = &totals.against_reference {
        let errors = against.errors;
        writeln!(
            text,
            "  against reference    relative error {} in A ({}), {} in B ({}); better: {}",
            ratio(errors.relative_error_a),
            decibels(errors.sqnr_a_db),
            ratio(errors.relative_error_b),
            decibels(errors.sqnr_b_db),
            better_name(errors.better)
        )?;
        writeln!(
            text,
            "                       tensors in which A is better {}, B is better {}, both are equal {}",
            against.better_in_a, against.better_in_b, against.equal
        )?;
    }
    if totals.not_measured_tensors > 0 {
        let count = totals.not_measured_tensors;
        writeln!(
            text,
            "  not measured         {count} tensors, of other types than F32, F16 and BF16 or not finite"
        )?;
    }
    Ok(())
}

/// Says how many tensors there are of a kind, and names the first.
fn names(text: &mut String, title: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| printable(name)).collect();
    let more = match names.len() - shown.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let (count, shown) = (names.len(), shown.join(", "));
    text.push_str(&format!("  {title:<19}  {count}: {shown}{more}\n"));
}

/// The tensors that differ most.
fn worst(report: &CompareReport) -> String {
    let differing = report.tensors.iter().filter(|tensor| !tensor.is_equal());
    let count = differing.clone().count();
    if count == 0 {
        return "\nno tensor that both have differs\n".into();
    }
    let has_reference = report.totals.against_reference.is_some();
    let mut header = vec![
        "tensor",
        "shape",
        "relative difference",
        "SQNR, dB",
        "largest difference",
        "bits/weight A",
        "bits/weight B",
    ];
    if has_reference {
        header.extend(["error A", "error B", "better"]);
    }
    header.push("stored as");
    let rows: Vec<Vec<String>> = differing.take(SHOWN).map(|tensor| row(tensor, has_reference)).collect();
    format!(
        "\nthe largest relative differences, {} of {count} tensors that differ:\n\n{}",
        rows.len(),
        table(Style::Text, &header, &rows)
    )
}

fn row(tensor: &TensorComparison, has_reference: bool) -> Vec<String> {
    let mut cells = vec![printable(&tensor.name), shape_text(&tensor.shape)];
    match tensor.difference {
        Some(difference) => cells.extend([
            ratio(difference.relative_difference),
            difference
                .sqnr_db
                .map_or_else(String::new, |ratio_db| format!("{ratio_db:.1}")),
            format!("{:.3e}", difference.largest_difference),
        ]),
        None => cells.extend(["not measured".into(), String::new(), String::new()]),
    }
    cells.extend([&tensor.a, &tensor.b].map(|stored| format!("{:.3}", stored.bits_per_weight)));
    if has_reference {
        match tensor.against_reference {
            Some(against) => cells.extend([
                ratio(against.relative_error_a),
                ratio(against.relative_error_b),
                better_name(against.better).into(),
            ]),
            None => cells.extend([String::new(), String::new(), String::new()]),
        }
    }
    let stored = format!("{} / {}", stored_as(&tensor.a), stored_as(&tensor.b));
    let reason = tensor.not_measured.as_ref();
    cells.push(reason.map_or_else(|| stored.clone(), |reason| format!("{stored}: {reason}")));
    cells
}

fn stored_as(stored: &StoredAs) -> String {
    let rotated = if stored.rotated { " rotated" } else { "" };
    format!("{}{rotated}", printable(&stored.format))
}

/// A ratio of norms; small ones by their order of magnitude.
fn ratio(ratio: Option<f64>) -> String {
    match ratio {
        None => "infinite".into(),
        Some(ratio) if ratio == 0.0 || ratio >= 0.001 => format!("{ratio:.4}"),
        Some(ratio) => format!("{ratio:.2e}"),
    }
}
