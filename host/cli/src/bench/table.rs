//! Tables for people.

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Columns separated by spaces.
    Text,
    /// Markdown.
    Markdown,
}

/// A table: the first and the last column are aligned left, those between them right.
pub fn table(style: Style, header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let is_left = |column: usize| column == 0 || column + 1 == header.len();
    let line = |cells: &[String]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, &width))| {
                if is_left(column) {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            })
            .collect();
        match style {
            Style::Text => format!("{}\n", padded.join("  ").trim_end()),
            Style::Markdown => format!("| {} |\n", padded.join(" | ")),
        }
    };
    let rule: Vec<String> = widths
        .iter()
        .enumerate()
        .map(|(column, &width)| match style {
            Style::Text => "-".repeat(width),
            Style::Markdown if is_left(column) => "-".repeat(width),
            Style::Markdown => format!("{}:", "-".repeat(width.saturating_sub(1))),
        })
        .collect();
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    [header, rule].iter().chain(rows).map(|cells| line(cells)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_styles_line_up() {
        let rows = [
            vec!["a".into(), "1.5".into(), "x".into()],
            vec!["long".into(), "22".into(), "".into()],
        ];
        let header = ["name", "n", "of"];
        assert_eq!(
            table(Style::Text, &header, &rows),
            "name    n  of\n----  ---  --\na     1.5  x\nlong   22\n"
        );
        assert_eq!(
            table(Style::Markdown, &header, &rows),
            "| name |   n | of |\n| ---- | --: | -- |\n| a    | 1.5 | x  |\n| long |  22 |    |\n"
        );
    }
}
