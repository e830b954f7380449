//! `--calibrate`: what a text says of the inputs of a model's matrices.

use crate::interrupt;
use crate::talk::{Talk, Volume};
use anyhow::Context;
use clap::Args;
use indicatif::HumanCount;
use seedlm_llm::evaluate::Windows;
use seedlm_llm::{LlmError, Package, collect_moments};
use seedlm_model::{ModelError, ModelMoments, Progress};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most tokens that the model reads at a time.
const WINDOW_TOKENS: usize = 1024;

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

impl Calibration {
    /// Reads the text with the model, in the current rayon pool; none where there is none.
    pub fn moments(&self, input: &Path, volume: Volume) -> anyhow::Result<Option<Arc<ModelMoments>>> {
        let Some(path) = &self.calibrate else {
            return Ok(None);
        };
        let bytes = fs::read(path).with_context(|| format!("{}: --calibrate cannot read it", path.display()))?;
        let text = String::from_utf8(bytes)
            .with_context(|| format!("{}: --calibrate needs a text in UTF-8", path.display()))?;
        let package = Package::open(input).context("--calibrate")?;
        let mut tokens = package.tokenizer.encode(&text, true)?;
        // The last token of a window is not read.
        tokens.truncate(self.calibrate_tokens.saturating_add(1));
        let length = package.language.config().positions.min(WINDOW_TOKENS);
        let windows = Windows {
            length,
            stride: length,
            count: usize::MAX,
        };
        let windows = windows
            .cut(&tokens)
            .with_context(|| format!("{}: --calibrate", path.display()))?;
        let talk = Talk::new(volume, windows.len() as u64);
        talk.say(&format!(
            "reading {} tokens of {} to calibrate, {length} at a time",
            HumanCount(tokens.len() as u64 - 1),
            path.display()
        ));
        talk.now_at("calibrating".into());
        let origin = format!(
            "{} tokens of a text with the CRC-32 {:08x}",
            tokens.len() - 1,
            crc32fast::hash(text.as_bytes())
        );
        let moments = collect_moments(&package, &windows, origin, &mut |_| {
            talk.advance(1);
            match interrupt::stop_requested() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        talk.end();
        match moments {
            Ok(moments) => Ok(Some(Arc::new(moments))),
            // Found by its type where the exit code is chosen.
            Err(LlmError::Model(error @ ModelError::Interrupted)) => Err(error.into()),
            Err(error) => Err(error).context("--calibrate"),
        }
    }
}
