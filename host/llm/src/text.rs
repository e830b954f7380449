//! Text to tokens and back, by the crate `tokenizers`.

use crate::error::LlmError;
use tokenizers::Tokenizer;

/// A tokenizer, as Hugging Face's `tokenizer.json` describes it.
#[derive(Clone, Debug)]
pub struct TextTokenizer {
    tokenizer: Tokenizer,
}

impl TextTokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`] when it is malformed.
    pub fn from_json(text: &[u8]) -> Result<Self, LlmError> {
        let tokenizer = Tokenizer::from_bytes(text).map_err(failed)?;
        Ok(TextTokenizer { tokenizer })
    }

    /// The tokens of a text, with those that the tokenizer puts before or behind a text where `special` is true.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`] when the text has no tokens in this vocabulary.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, LlmError> {
        let encoding = self.tokenizer.encode(text, special).map_err(failed)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of tokens.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`].
    pub fn decode(&self, tokens: &[u32]) -> Result<String, LlmError> {
        self.tokenizer.decode(tokens, true).map_err(failed)
    }

    /// Gives a text piece by piece as its tokens come; a character of several tokens comes whole.
    pub fn stream(&self) -> TextStream<'_> {
        TextStream {
            tokenizer: self,
            tokens: Vec::new(),
            written: String::new(),
        }
    }
}

/// See [`TextTokenizer::stream`].
pub struct TextStream<'a> {
    tokenizer: &'a TextTokenizer,
    tokens: Vec<u32>,
    written: String,
}

impl TextStream<'_> {
    /// What another token adds to the text; nothing while a character is unfinished.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`].
    pub fn push(&mut self, token: u32) -> Result<String, LlmError> {
        self.tokens.push(token);
        let text = self.tokenizer.decode(&self.tokens)?;
        // The replacement character stands for bytes that are no character yet.
        if text.ends_with('\u{fffd}') {
            return Ok(String::new());
        }
        Ok(self.advance(text))
    }

    /// What is left at the end: bytes that never became a character.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`].
    pub fn finish(mut self) -> Result<String, LlmError> {
        let text = self.tokenizer.decode(&self.tokens)?;
        Ok(self.advance(text))
    }

    fn advance(&mut self, text: String) -> String {
        let common = text
            .bytes()
            .zip(self.written.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        let start = (0..=common)
            .rev()
            .find(|&place| text.is_char_boundary(place))
            .unwrap_or(0);
        let added = text[start..].to_string();
        self.written = text;
        added
    }
}

fn failed(error: tokenizers::Error) -> LlmError {
    LlmError::Tokenizer(error.to_string())
}
