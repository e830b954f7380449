//! The sentences that are embedded.

use crate::text_file::read_text;
use anyhow::{Context, bail};
use seedlm_llm::SentencePackage;
use std::path::Path;

/// Plain sentences on many topics: 18 pairs that mean nearly the same, and four that stand alone.
const BUILT_IN: &str = include_str!("sentences.txt");
/// Two have one pair, and no order of pairs.
const FEWEST: usize = 3;
/// All pairs are compared, and held in memory.
const MOST: usize = 1024;

/// Sentences with their tokens.
pub struct Sentences {
    /// Where they come from.
    pub origin: String,
    /// The sentences.
    pub texts: Vec<String>,
    /// The tokens of each, special ones included.
    pub tokens: Vec<Vec<u32>>,
}

impl Sentences {
    /// Reads a file with a sentence in each line, lines without text left out; none means those in the program.
    ///
    /// # Errors
    /// When the file cannot be read or is no text, has too few or too many sentences, or one that the model cannot read.
    pub fn read(path: Option<&Path>, reference: &SentencePackage) -> anyhow::Result<Self> {
        let (origin, text) = match path {
            None => ("the sentences in the program".to_string(), BUILT_IN.to_string()),
            Some(path) => read_text(path)?,
        };
        let lines = text.lines().map(str::trim).enumerate();
        let lines: Vec<(usize, &str)> = lines.filter(|(_, line)| !line.is_empty()).collect();
        if !(FEWEST..=MOST).contains(&lines.len()) {
            bail!(
                "{origin}: has {} sentences, one in a line; give {FEWEST} to {MOST}, since all pairs of them are compared",
                lines.len()
            );
        }
        let tokens = lines.iter().map(|(number, line)| {
            let tokens = reference.tokens(line);
            tokens.with_context(|| format!("{origin}, line {}", number + 1))
        });
        Ok(Sentences {
            tokens: tokens.collect::<anyhow::Result<_>>()?,
            texts: lines.iter().map(|(_, line)| line.to_string()).collect(),
            origin,
        })
    }
}
