//! Results go to stdout, everything else to stderr.

use serde::Serialize;
use std::io::{Write, stdout};

/// Writes a result.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Writes a result as JSON.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// The name of a tensor for people: characters that would move the cursor or hide text are escaped.
pub fn printable(name: &str) -> String {
    let escape = |character: char| match character {
        '\'' | '"' => character.to_string(),
        other => other.escape_debug().to_string(),
    };
    name.chars().map(escape).collect()
}

/// The codes of a container and how many of its matrices are rotated, to end a line with; nothing of an empty container.
pub fn codes(labels: &[String], rotated_matrices: usize) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let labels: Vec<String> = labels.iter().map(|label| printable(label)).collect();
    let rotated = match rotated_matrices {
        0 => String::new(),
        count => format!(", rotated matrices: {count}"),
    };
    format!("; {}{rotated}", labels.join(", "))
}

/// A ratio in decibels for people; there is none where nothing was lost.
pub fn decibels(ratio_db: Option<f64>) -> String {
    ratio_db.map_or_else(|| "SQNR infinite".into(), |ratio_db| format!("SQNR {ratio_db:.1} dB"))
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(printable("layers.0.größe 'q'"), "layers.0.größe 'q'");
        assert_eq!(printable("a\u{1b}[2J\n\u{202e}b\\"), "a\\u{1b}[2J\\n\\u{202e}b\\\\");
    }
}
