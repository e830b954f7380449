//! Tables as CSV.

/// A table as CSV: a line of column names, then the rows, each of as many fields.
pub fn comma_separated(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns)?;
    for row in rows {
        writer.write_record(row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// A number that may be missing: an empty field then.
pub fn number_or_empty(number: Option<f64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_end_a_field_is_quoted() {
        let rows = [vec!["a,b\"c\n".to_string(), number_or_empty(Some(0.5))]];
        let text = comma_separated(&["name", "error"], rows).unwrap();
        assert_eq!(text, "name,error\n\"a,b\"\"c\n\",0.5\n");
        assert_eq!(number_or_empty(None), "");
    }

    #[test]
    fn a_row_of_another_length_is_an_error() {
        assert!(comma_separated(&["name"], [vec![String::new(), String::new()]]).is_err());
    }
}
