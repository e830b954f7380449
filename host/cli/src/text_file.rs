//! A text that is measured with.

use anyhow::Context;
use std::fs;
use std::path::Path;

/// The name of a text file for messages, and the text.
///
/// # Errors
/// When it cannot be read, or is no text in UTF-8.
pub fn read_text(path: &Path) -> anyhow::Result<(String, String)> {
    let shown = path.display().to_string();
    let bytes = fs::read(path).with_context(|| format!("{shown}: cannot read"))?;
    let text = String::from_utf8(bytes);
    let text = text.with_context(|| format!("{shown}: is no text in UTF-8; convert it, or name another"))?;
    Ok((shown, text))
}
