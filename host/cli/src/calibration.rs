//! `--calibrate`: what a text says of the inputs of a model's matrices.

use crate::talk::{Talk, Volume};
use anyhow::Context;
use clap::Args;
use indicatif::HumanCount;
use seedlm_llm::evaluate::{Window, Windows};
use seedlm_llm::{ChangedMatrix, LlmError, Package, collect_moments};
use seedlm_model::{ModelError, ModelMoments, Progress};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most tokens that the model reads at a time.
const WINDOW_TOKENS: usize = 1024;
/// Tokens of the text that the model reads again for every matrix whose code is to be chosen. Its time grows with them, while the choice
/// needs to know no more than which matrix is how many times as sensitive as another one.
const PROBE_TOKENS: usize = 512;

/// How a compression is calibrated.
#[derive(Clone, Debug, Args)]
pub struct Calibration {
    /// Calibrate with a text that is like those the model will read: errors go where they change its products least, at the same
    /// number of bits. IN must be the folder of a Llama-family language model, with config.json and tokenizer.json
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["memory", "dry_run"])]
    calibrate: Option<PathBuf>,
    /// How many tokens of the text are read, at most
    #[arg(long, value_name = "COUNT", default_value_t = 8192, requires = "calibrate")]
    calibrate_tokens: usize,
}

/// The model and the text of a calibration.
pub struct CalibrationText {
    package: Package,
    windows: Vec<Window>,
    /// What it is called in messages.
    name: String,
    /// For [`ModelMoments::origin`].
    origin: String,
}

impl Calibration {
    /// Whether a text is given.
    pub fn is_given(&self) -> bool {
        self.calibrate.is_some()
    }

    /// Opens the model and reads the text; none where there is none.
    pub fn open(&self, input: &Path) -> anyhow::Result<Option<CalibrationText>> {
        let Some(path) = &self.calibrate else {
            return Ok(None);
        };
        let text = read_text(path, "--calibrate")?;
        let package = Package::open(input).context("--calibrate")?;
        let (windows, tokens) = first_windows(&package, &text, self.calibrate_tokens)
            .with_context(|| format!("{}: --calibrate", path.display()))?;
        Ok(Some(CalibrationText {
            package,
            windows,
            name: path.display().to_string(),
            origin: format!(
                "{} tokens of a text with the CRC-32 {:08x}",
                tokens,
                crc32fast::hash(text.as_bytes())
            ),
        }))
    }
}

/// The text of a file; the option that names it is for messages.
pub fn read_text(path: &Path, option: &str) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("{}: {option} cannot read it", path.display()))?;
    String::from_utf8(bytes).with_context(|| format!("{}: {option} needs a text in UTF-8", path.display()))
}

/// The first tokens of a text in windows as long as the model can read, and how many tokens are read in all: at most `most`.
pub fn first_windows(package: &Package, text: &str, most: usize) -> anyhow::Result<(Vec<Window>, usize)> {
    let mut tokens = package.tokenizer.encode(text, true)?;
    // The last token of a window is not read.
    tokens.truncate(most.saturating_add(1));
    let length = package.language.config().positions.min(WINDOW_TOKENS);
    let windows = Windows {
        length,
        stride: length,
        count: usize::MAX,
    };
    Ok((windows.cut(&tokens)?, tokens.len() - 1))
}

impl CalibrationText {
    /// What the inputs of the matrices look like, in the current rayon pool.
    pub fn moments(&self, volume: Volume) -> anyhow::Result<Arc<ModelMoments>> {
        let talk = Talk::new(volume, self.windows.len() as u64);
        let tokens: usize = self.windows.iter().map(|window| window.read().len()).sum();
        talk.say(&format!(
            "reading {} tokens of {} to calibrate, {} at a time",
            HumanCount(tokens as u64),
            self.name,
            self.windows[0].read().len()
        ));
        talk.now_at("calibrating".into());
        let moments = collect_moments(&self.package, &self.windows, self.origin.clone(), &mut |_| {
            talk.advance(1);
            talk.go_on()
        });
        talk.end();
        failed(moments, "--calibrate").map(Arc::new)
    }

    /// The first tokens of the text, for [`CalibrationText::judge`].
    pub fn probe(&self) -> Vec<Window> {
        let mut left = PROBE_TOKENS;
        let mut windows = Vec::new();
        for window in &self.windows {
            let read = window.read().len().min(left);
            if read == 0 {
                break;
            }
            left -= read;
            windows.push(Window {
                tokens: window.tokens[..read + 1].to_vec(),
                counted_before: 0,
            });
        }
        windows
    }

    /// The model, to say what an error in one of its matrices does; in the current rayon pool.
    pub fn judge<'a>(
        &'a self,
        windows: &'a [Window],
        on_window: &'a mut dyn FnMut() -> ControlFlow<()>,
    ) -> anyhow::Result<ChangedMatrix<'a>> {
        failed(ChangedMatrix::new(&self.package, windows, on_window), "--calibrate")
    }
}

/// A result of the language model, for people: an error says what it was for.
pub fn failed<T>(result: Result<T, LlmError>, option: &str) -> anyhow::Result<T> {
    match result {
        Ok(value) => Ok(value),
        // Found by its type where the exit code is chosen.
        Err(LlmError::Model(error @ ModelError::Interrupted)) => Err(error.into()),
        Err(error) => Err(error).with_context(|| option.to_string()),
    }
}
