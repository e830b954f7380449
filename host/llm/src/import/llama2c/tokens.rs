//! The tokenizer file of llama2.c: the length of the longest token, then for each token its score, its length and its bytes.
//!
//! llama2.c joins the neighbours with the best score as SentencePiece does, puts a space before each text, bos before that, and
//! writes what is no token as bytes, whose tokens are numbered from 3 on. Its file has spaces where SentencePiece has its own
//! sign, and line ends around bos and eos.

use crate::import::config::LlamaConfig;
use crate::import::error::ImportError;
use crate::import::tokenizer::{SPACE, SentencePiece, Vocabulary};
use std::fs;
use std::path::Path;

/// Names of the first three tokens, in this order.
const FIRST: [&str; 3] = ["<unk>", "<s>", "</s>"];
/// Largest file that is read at all, in bytes: a thousand times one of usual size.
const LARGEST_FILE_BYTES: u64 = 1 << 29;

/// The text of `tokenizer.json`.
pub(super) fn tokenizer_json(path: &Path, config: &LlamaConfig) -> Result<String, ImportError> {
    let (tokens, scores) = read(path, config.vocabulary)?;
    for (id, token) in tokens.iter().enumerate().take(FIRST.len() + 256) {
        let expected = match id.checked_sub(FIRST.len()) {
            None => FIRST[id].to_string(),
            Some(byte) => format!("<0x{byte:02X}>"),
        };
        if *token != expected {
            return Err(ImportError::file(
                path,
                format!(
                    "token {id} is {token:?}, and llama2.c counts on {expected:?}; get the checkpoint's own tokenizer"
                ),
            ));
        }
    }
    let vocabulary = Vocabulary {
        tokens,
        special: (0..FIRST.len()).collect(),
        user_defined: Vec::new(),
        bos: config.bos,
        eos: None,
    };
    let sentence_piece = SentencePiece {
        scores: &scores,
        unknown: 0,
        add_space_prefix: true,
    };
    sentence_piece.tokenizer_json(path, &vocabulary)
}

/// The tokens, spaces written as SentencePiece does, with their scores.
fn read(path: &Path, vocabulary: usize) -> Result<(Vec<String>, Vec<f32>), ImportError> {
    let refuse = |reason: String| {
        let next_step = "name the tokenizer file that belongs to the checkpoint";
        ImportError::file(path, format!("{reason}; {next_step}"))
    };
    let size_bytes = fs::metadata(path).map_err(ImportError::io(path, "open"))?.len();
    if size_bytes > LARGEST_FILE_BYTES {
        return Err(refuse(format!(
            "{size_bytes} bytes are too many for a tokenizer of llama2.c"
        )));
    }
    let bytes = fs::read(path).map_err(ImportError::io(path, "read"))?;
    let mut rest = &bytes[..];
    let word = |rest: &mut &[u8], what: &str| {
        let Some((word, after)) = rest.split_first_chunk() else {
            return Err(refuse(format!("the file ends before {what}")));
        };
        *rest = after;
        Ok(*word)
    };
    let longest = u32::from_le_bytes(word(&mut rest, "the length of the longest token")?);
    let (mut tokens, mut scores) = (Vec::new(), Vec::new());
    for id in 0..vocabulary {
        let end = format!("token {id} of the checkpoint's {vocabulary}");
        let score = f32::from_le_bytes(word(&mut rest, &end)?);
        let length = u32::from_le_bytes(word(&mut rest, &end)?);
        if !score.is_finite() {
            return Err(refuse(format!("the score of token {id} is {score}")));
        }
        // llama2.c takes the longest token's length for granted; bos and eos have line ends around them that it does not count.
        if length > longest.saturating_add(2) && id >= FIRST.len() {
            return Err(refuse(format!(
                "token {id} has {length} bytes, and the longest has {longest}"
            )));
        }
        let Some((text, after)) = rest.split_at_checked(length as usize) else {
            return Err(refuse(format!("the file ends in {end}")));
        };
        rest = after;
        let text = std::str::from_utf8(text).map_err(|_| refuse(format!("token {id} is not UTF-8")))?;
        let text = if id < FIRST.len() { text.trim() } else { text };
        tokens.push(text.replace(' ', SPACE));
        scores.push(score);
    }
    if !rest.is_empty() {
        return Err(refuse(format!(
            "{} bytes follow the {vocabulary} tokens that the checkpoint has",
            rest.len()
        )));
    }
    Ok((tokens, scores))
}
