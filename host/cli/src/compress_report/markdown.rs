//! The report as Markdown: totals, the worst matrices, all matrices.

use super::{Compressed, WORST, worst_first};
use crate::bench::table::{Style, table};
use crate::stdout::{decibels, printable};
use indicatif::{DecimalBytes, HumanCount};
use seedlm_model::MatrixReport;

/// The whole report.
pub fn markdown(compressed: Compressed<'_>) -> String {
    let report = compressed.report;
    let mut text = format!("# {} compressed to {}\n\n", cell(compressed.input), cell(&report.code));
    let facts = [
        ("output", cell(compressed.output)),
        (
            "matrices",
            format!(
                "{} of {} weights, {} rotated; {} tensors kept",
                report.matrices.len(),
                HumanCount(report.compressed_weights),
                report.rotated_matrices,
                report.kept_tensors
            ),
        ),
        (
            "size",
            format!(
                "{} -> {} (whole files), of which {} are words and scales",
                DecimalBytes(report.input_bytes),
                DecimalBytes(report.output_bytes),
                DecimalBytes(report.stored_bytes)
            ),
        ),
        (
            "bits per weight",
            format!(
                "{:.3} of the compressed matrices (words and scales), {:.3} of the whole model (whole files)",
                report.bits_per_compressed_weight, report.bits_per_weight
            ),
        ),
        (
            "relative error",
            format!(
                "{:.4} over all compressed weights, {}",
                report.relative_error,
                decibels(report.sqnr_db)
            ),
        ),
        (
            "time",
            format!("{:.1} s, encoding {:.1} s", report.seconds, report.encode_seconds),
        ),
    ];
    for (name, fact) in facts {
        text.push_str(&format!("* {name}: {fact}\n"));
    }
    if report.matrices.is_empty() {
        return text;
    }
    let worst = worst_first(report);
    let worst = &worst[..worst.len().min(WORST)];
    text.push_str(&format!("\n## The {} largest relative errors\n\n", worst.len()));
    text.push_str(&of_matrices(worst.iter().copied()));
    text.push_str("\n## All matrices\n\n");
    text.push_str(&of_matrices(report.matrices.iter()));
    text
}

fn of_matrices<'a>(matrices: impl Iterator<Item = &'a MatrixReport>) -> String {
    let header = [
        "matrix",
        "rows",
        "columns",
        "rotated",
        "bits per weight",
        "stored bytes",
        "relative error",
        "SQNR, dB",
        "encoding, s",
        "code",
    ];
    let rows = matrices.map(|matrix| {
        vec![
            cell(&matrix.name),
            matrix.shape[0].to_string(),
            matrix.shape[1].to_string(),
            if matrix.rotated { "yes" } else { "no" }.into(),
            format!("{:.3}", matrix.bits_per_weight),
            HumanCount(matrix.stored_bytes).to_string(),
            format!("{:.4}", matrix.relative_error),
            matrix
                .sqnr_db
                .map_or_else(String::new, |ratio_db| format!("{ratio_db:.1}")),
            format!("{:.2}", matrix.seconds),
            cell(&matrix.code),
        ]
    });
    table(Style::Markdown, &header, &rows.collect::<Vec<_>>())
}

/// A text that neither ends its cell nor is anything but itself.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    for character in printable(text).chars() {
        if "\\|`*<>[]&".contains(character) {
            cell.push('\\');
        }
        cell.push(character);
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn names_cannot_break_out_of_a_cell() {
        assert_eq!(cell("a|b_c<d>"), "a\\|b_c\\<d\\>");
        assert_eq!(cell("a\nb"), "a\\\\nb");
    }
}
