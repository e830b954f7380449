//! How the result of a measurement is written.

use super::table::Style;
use crate::stdout::{print, print_json};
use serde::Serialize;

/// Writes a run to standard output: as JSON, in Markdown, or for people.
pub fn write<R: Serialize>(run: &R, json: bool, markdown: bool, text: fn(&R, Style) -> String) -> anyhow::Result<()> {
    if json {
        return print_json(run);
    }
    let style = if markdown { Style::Markdown } else { Style::Text };
    print(&text(run, style))
}
