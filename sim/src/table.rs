//! Tables and numbers as the reports print them.

use comfy_table::{CellAlignment, LineStyle, Table, presets};

/// A table without lines but one below its header.
pub(crate) fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING.header_separator(LineStyle::none().fill('-').junction('-')));
    table
}

/// All columns but the first to the right.
pub(crate) fn align_right(table: &mut Table) {
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A share of one in percent, with two digits.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

/// A number with a comma between groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An energy in J with the prefix that leaves one to three digits before the point.
pub(crate) fn joules(energy_j: f64) -> String {
    const PREFIXES: [(f64, &str); 5] = [(1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ"), (1e-12, "pJ")];
    let fits = |(unit, _): &&(f64, &str)| energy_j >= *unit * 0.9995;
    let (unit, name) = PREFIXES.iter().find(fits).unwrap_or(&PREFIXES[PREFIXES.len() - 1]);
    let value = energy_j / unit;
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {name}")
}

/// Three digits or more.
pub(crate) fn significant(value: f64) -> String {
    match value {
        value if value >= 1000.0 => grouped(value.round() as u64),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{grouped, joules};

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!([0, 999, 1000, 1234567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn energies_have_three_digits() {
        for (energy, text) in [
            (5.64, "5.64 J"),
            (0.139, "139 mJ"),
            (1.25e-5, "12.5 µJ"),
            (0.99999e-3, "1.00 mJ"),
            (0.0, "0.00 pJ"),
        ] {
            assert_eq!(joules(energy), text);
        }
    }
}
