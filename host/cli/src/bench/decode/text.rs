//! What a run says to people.

use super::figures::Run;
use crate::bench::table::{Style, table};
use indicatif::HumanCount;

/// The table of a run.
pub fn text(run: &Run, style: Style) -> String {
    let (rows, columns) = (run.rows, run.columns);
    let header = [
        "code",
        "output",
        "instructions",
        "threads",
        "Gweights/s",
        "GB/s written",
        "GB/s of code",
        "/ memory",
        "/ golden",
        "/ one thread",
        "memory",
    ];
    let giga = |number: f64| format!("{:.2}", number / 1e9);
    let lines: Vec<Vec<String>> = run
        .lines
        .iter()
        .map(|line| {
            vec![
                line.code.clone(),
                line.output.clone(),
                line.instructions.into(),
                line.threads.to_string(),
                giga(line.weights_per_s),
                if line.written_bytes_per_s > 0.0 {
                    giga(line.written_bytes_per_s)
                } else {
                    "-".into()
                },
                giga(line.code_bytes_per_s),
                format!("{:.2}", line.ratio_to_memory),
                format!("{:.0}", line.ratio_to_golden),
                line.ratio_to_one_thread
                    .map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}")),
                line.memory.into(),
            ]
        })
        .collect();
    format!(
        "{}\n{} weights, {rows} x {columns}, {} bytes after a line of the caches\n\n{}",
        run.machine.line(),
        HumanCount((rows * columns) as u64),
        run.offset_bytes,
        table(style, &header, &lines)
    )
}
