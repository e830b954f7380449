//! What a run says to people.

use super::figures::{Line, Run};
use crate::bench::table::{Style, table};
use indicatif::HumanCount;

/// The tables of a run.
pub fn text(run: &Run, style: Style) -> String {
    let mut text = format!("{}\n\n", run.machine.line());
    let header = [
        "code",
        "instructions",
        "threads",
        "weights",
        "relative error",
        "seconds",
        "weights/s",
        "weights/s and core",
        "/ naive",
        "/ 16 at once",
        "/ one thread",
        "instructions executed",
    ];
    let rows: Vec<Vec<String>> = run.lines.iter().map(cells).collect();
    text.push_str(&table(style, &header, &rows));
    let header = [
        "naive search",
        "how",
        "weights",
        "beside",
        "relative error",
        "as shipped, weights/s",
        "for this machine, weights/s",
        "with",
    ];
    let rows: Vec<Vec<String>> = run
        .naive
        .iter()
        .map(|line| {
            vec![
                line.code.clone(),
                line.figures.form.name().into(),
                count(line.figures.weights as f64),
                count(line.beside_weights as f64),
                format!("{:.4}", line.figures.relative_error),
                count(line.figures.baseline_weights_per_s),
                count(line.figures.native_weights_per_s),
                line.figures.native_instructions.into(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table(style, &header, &rows));
    }
    if let Some(reason) = run.lines.iter().find_map(|line| line.executed_unknown.as_ref()) {
        text.push_str(&format!("\nInstructions executed are not known: {reason}\n"));
    }
    text
}

fn cells(line: &Line) -> Vec<String> {
    let ratio = |ratio: Option<f64>| ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"));
    vec![
        match line.quantizer.as_deref() {
            None | Some("exact") => line.code.clone(),
            Some(quantizer) => format!("{}, {quantizer}", line.code),
        },
        line.instructions.into(),
        line.threads.to_string(),
        count(line.weights as f64),
        format!("{:.4}", line.relative_error),
        format!("{:.3}", line.seconds),
        count(line.weights_per_s),
        count(line.weights_per_s_and_core),
        ratio(line.ratio_to_naive),
        ratio(line.ratio_to_sixteen_blocks),
        ratio(line.ratio_to_one_thread),
        match line.executed {
            Some(executed) => format!("{} per {}", count(executed), line.executed_per),
            None => "-".into(),
        },
    ]
}

/// A number with its thousands apart.
fn count(number: f64) -> String {
    HumanCount(number as u64).to_string()
}
