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
        let mut tokenizer = Tokenizer::from_bytes(text).map_err(failed)?;
        // Meant for batches of short texts: a long text is to be read whole, and as it is.
        tokenizer.with_truncation(None).map_err(failed)?;
        tokenizer.with_padding(None);
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

#[cfg(test)]
mod tests {
    use super::*;
    use seedlm_model::embedded::SHAKESPEARE_TOKENIZER_JSON;

    /// The embedded model's tokens are bytes.
    #[test]
    fn characters_of_several_tokens_come_whole() {
        let tokenizer = TextTokenizer::from_json(SHAKESPEARE_TOKENIZER_JSON.as_bytes()).unwrap();
        let text = "né 🦀!";
        let tokens = tokenizer.encode(text, true).unwrap();
        assert_eq!(tokens.len(), text.len());
        let mut stream = tokenizer.stream();
        let pieces: Vec<String> = tokens.iter().map(|&token| stream.push(token).unwrap()).collect();
        assert_eq!(pieces, ["n", "", "é", " ", "", "", "", "🦀", "!"]);
        assert_eq!(stream.finish().unwrap(), "");
        // What never becomes a character is shown as such at the end.
        let mut stream = tokenizer.stream();
        assert_eq!(stream.push(0xc3).unwrap(), "");
        assert_eq!(stream.finish().unwrap(), "\u{fffd}");
    }

    #[test]
    fn long_texts_are_read_whole() {
        let truncating = SHAKESPEARE_TOKENIZER_JSON.replacen(
            r#""truncation": null"#,
            r#""truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}"#,
            1,
        );
        assert_ne!(truncating, SHAKESPEARE_TOKENIZER_JSON);
        let tokenizer = TextTokenizer::from_json(truncating.as_bytes()).unwrap();
        assert_eq!(tokenizer.encode("longer than that", true).unwrap().len(), 16);
    }
}
