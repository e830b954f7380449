//! A text while it is written: what it has so far, who reads it, and where it ends.

use crate::config::ModelConfig;
use crate::error::LlmError;
use crate::generate::{Ending, Generated};
use crate::text::{TextStream, TextTokenizer};
use std::ops::ControlFlow;

/// A text that takes one token after the other until it ends.
pub(crate) struct WrittenText<'a> {
    end_tokens: &'a [u32],
    /// Tokens that are still asked for.
    wanted: usize,
    /// Tokens for which the model still has a position before them.
    positions: usize,
    stream: TextStream<'a>,
    on_text: &'a mut dyn FnMut(&str) -> ControlFlow<()>,
    tokens: Vec<u32>,
    text: String,
}

impl<'a> WrittenText<'a> {
    /// A text of up to `count` tokens behind a prompt of `prompt_tokens`.
    ///
    /// # Errors
    /// [`LlmError::Text`] for a prompt without tokens, or with more than the model has positions.
    pub(crate) fn new(
        config: &'a ModelConfig,
        tokenizer: &'a TextTokenizer,
        prompt_tokens: usize,
        count: usize,
        on_text: &'a mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Self, LlmError> {
        if prompt_tokens == 0 {
            let reason = "the prompt has no tokens; give at least one character";
            return Err(LlmError::Text(reason.into()));
        }
        if prompt_tokens > config.positions {
            return Err(LlmError::Text(format!(
                "the {prompt_tokens} tokens of the prompt are more than the {} positions of the model; shorten it",
                config.positions
            )));
        }
        Ok(WrittenText {
            end_tokens: &config.end_tokens,
            wanted: count,
            // The last token of a text needs no position: it is not read.
            positions: config.positions - prompt_tokens + 1,
            stream: tokenizer.stream(),
            on_text,
            tokens: Vec::new(),
            text: String::new(),
        })
    }

    /// Tokens that it takes before it ends, if the model does not end it earlier.
    pub(crate) fn tokens_left(&self) -> usize {
        self.wanted.min(self.positions)
    }

    /// Adds a token and tells of it. Says why the text ends with it, or, for an end token, before it.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`].
    pub(crate) fn add(&mut self, token: u32) -> Result<Option<Ending>, LlmError> {
        if self.end_tokens.contains(&token) {
            return Ok(Some(Ending::EndToken));
        }
        self.tokens.push(token);
        self.wanted -= 1;
        self.positions -= 1;
        let piece = self.stream.push(token)?;
        self.text.push_str(&piece);
        Ok(if (self.on_text)(&piece).is_break() {
            Some(Ending::Stopped)
        } else if self.wanted == 0 {
            Some(Ending::Length)
        } else if self.positions == 0 {
            Some(Ending::Positions)
        } else {
            None
        })
    }

    /// Tells of what is left of the text, and gives the whole.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`].
    pub(crate) fn finish(mut self, ending: Ending) -> Result<Generated, LlmError> {
        let rest = self.stream.finish()?;
        self.text.push_str(&rest);
        // Nothing depends on the answer any more.
        let _ = (self.on_text)(&rest);
        Ok(Generated {
            tokens: self.tokens,
            text: self.text,
            ending,
        })
    }
}
