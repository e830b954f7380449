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

/// A ratio in decibels for people; there is none where nothing was lost.
pub fn decibels(ratio_db: Option<f64>) -> String {
    ratio_db.map_or_else(|| "SQNR infinite".into(), |ratio_db| format!("SQNR {ratio_db:.1} dB"))
}
