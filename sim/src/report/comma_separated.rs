//! The report as CSV: one line per format, matrix, unit and state.

use super::Report;
use crate::written::csv_text;

impl Report {
    /// Tidy data: for each format, matrix and unit the cycles add up to the matrix's cycles.
    ///
    /// # Errors
    /// When a record cannot be written to memory: never, in practice.
    pub fn to_csv(&self) -> Result<String, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "format",
            "matrix",
            "rows",
            "columns",
            "read_beats",
            "unit",
            "state",
            "cycles",
        ])?;
        for format in &self.formats {
            for matrix in &format.matrices {
                let beats = (matrix.activation_beats + matrix.weight_beats).to_string();
                for unit in &matrix.units {
                    for state in &unit.states {
                        writer.write_record([
                            &format.label(),
                            &matrix.name,
                            &matrix.rows.to_string(),
                            &matrix.columns.to_string(),
                            &beats,
                            unit.unit,
                            state.state,
                            &state.cycles.to_string(),
                        ])?;
                    }
                }
            }
        }
        csv_text(writer)
    }
}
