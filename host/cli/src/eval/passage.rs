//! The text that models read, as windows of tokens.

use super::reference::Reference;
use crate::text_file::read_text;
use anyhow::{Context, bail};
use seedlm_llm::evaluate::{Window, Windows};
use seedlm_model::embedded::SHAKESPEARE_SAMPLE_TEXT;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::path::Path;

/// Longest window that is taken if none is asked for, in tokens.
const USUAL_WINDOW: usize = 1024;

/// A text, cut.
pub struct Passage {
    /// Which text, and how it is cut.
    pub facts: PassageFacts,
    /// The windows.
    pub windows: Vec<Window>,
}

/// Which text, and how it is cut.
#[derive(Clone, Debug, Serialize)]
pub struct PassageFacts {
    /// Path of the text, or what it is.
    pub text: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// Its tokens.
    pub tokens: usize,
    /// Tokens that are read in a window; the last one may be shorter.
    pub window: usize,
    /// Tokens from the start of a window to that of the next.
    pub stride: usize,
    /// Windows that are to be read.
    pub windows: usize,
}

impl PassageFacts {
    /// How the text is cut, in words.
    pub fn cut(&self) -> String {
        match self.stride == self.window {
            true => format!("of {} tokens, disjoint", self.window),
            false => format!(
                "of {} tokens, sliding: each begins {} tokens behind the one before, and no token is counted twice",
                self.window, self.stride
            ),
        }
    }
}

/// How a text is to be cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Tokens of a window.
    pub window: Option<usize>,
    /// Tokens from the start of one to the next.
    pub stride: Option<usize>,
    /// Windows at most.
    pub windows: usize,
}

impl Passage {
    /// Reads a text; none means the embedded model's own.
    ///
    /// # Errors
    /// When there is none, it is no text, has tokens that the model does not have, or the windows do not fit.
    pub fn read(path: Option<&Path>, is_embedded: bool, reference: &Reference, cut: Cut) -> anyhow::Result<Self> {
        let config = reference.package.language.config();
        let (window, stride) = sizes(cut, config.positions)?;
        let (name, text) = match path {
            Some(path) => read_text(path)?,
            None if is_embedded => (
                "the embedded model's own sample".into(),
                SHAKESPEARE_SAMPLE_TEXT.to_string(),
            ),
            None => bail!("no text: name one with --text; only the model in the program has a text of its own"),
        };
        let tokens = reference.package.tokenizer.encode(&text, true);
        let tokens = tokens.with_context(|| name.clone())?;
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= config.vocabulary) {
            bail!(
                "{name}: has token {token}, and the model knows {} tokens only: its tokenizer is of another model",
                config.vocabulary
            );
        }
        let windows = Windows {
            length: window,
            stride,
            count: cut.windows,
        };
        let windows = windows.cut(&tokens).with_context(|| name.clone())?;
        let digest = Sha256::digest(text.as_bytes());
        Ok(Passage {
            facts: PassageFacts {
                bytes: text.len() as u64,
                sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
                text: name,
                tokens: tokens.len(),
                window,
                stride,
                windows: windows.len(),
            },
            windows,
        })
    }

    /// Tokens that a model reads.
    pub fn tokens_read(&self) -> u64 {
        self.windows.iter().map(|window| window.read().len() as u64).sum()
    }
}

/// Window and stride, in tokens.
fn sizes(cut: Cut, positions: usize) -> anyhow::Result<(usize, usize)> {
    let window = cut.window.unwrap_or(USUAL_WINDOW.min(positions));
    let stride = cut.stride.unwrap_or(window);
    if window > positions {
        bail!("--window {window}: the model has {positions} positions; ask for a window of {positions} or less");
    }
    if stride > window {
        bail!(
            "--stride {stride}: is longer than the window of {window}, and would leave tokens out; ask for {window} or less"
        );
    }
    Ok((window, stride))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_fit_the_model() {
        let cut = |window, stride| Cut {
            window,
            stride,
            windows: 1,
        };
        assert_eq!(sizes(cut(None, None), 256).unwrap(), (256, 256));
        assert_eq!(sizes(cut(None, None), 8192).unwrap(), (1024, 1024));
        assert_eq!(sizes(cut(Some(64), Some(16)), 256).unwrap(), (64, 16));
        for (wrong, option) in [
            (cut(Some(257), None), "--window 257"),
            (cut(Some(8), Some(9)), "--stride 9"),
        ] {
            let error = sizes(wrong, 256).unwrap_err().to_string();
            assert!(error.starts_with(option), "{error}");
        }
    }
}
