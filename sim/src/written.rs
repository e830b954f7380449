//! Text as all reports write it: without spaces at the ends of lines, as CSV, and inside SVG.

/// The lines without spaces at their ends: tables fill their lines with them.
pub(crate) fn without_spaces_at_ends(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// What has been written as CSV.
///
/// # Errors
/// When the last record cannot be written to memory: never, in practice.
pub(crate) fn csv_text(writer: csv::Writer<Vec<u8>>) -> Result<String, csv::Error> {
    let bytes = writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8(bytes).expect("all fields are text"))
}

/// A text as it may stand in XML; control characters are left out.
pub(crate) fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|character| !character.is_control()).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_a_picture() {
        assert_eq!(escaped("a<b>&\u{1b}c"), "a&lt;b&gt;&amp;c");
    }

    #[test]
    fn lines_end_where_their_text_ends() {
        assert_eq!(without_spaces_at_ends("a  \n\n b \n"), "a\n\n b\n");
    }
}
