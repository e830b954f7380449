//! Imported tokenizers: what is encoded and decoded, and llama2.c's own loop as the oracle.
#[allow(dead_code)]
mod import_common;

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Value;
use import_common::{Gguf, Llama2c, tokenizer};
use proptest::prelude::*;

/// Texts with spaces in all places, line ends, and characters that are no tokens.
const TEXTS: [&str; 9] = [
    "hello",
    "hello hello",
    "  two  spaces ",
    "a\n\tb",
    "größer als 12345",
    "日本語 — ☃",
    "🦀🦀 ab",
    "don't",
    "",
];

#[test]
fn byte_level_tokenizers_give_every_text_back() {
    for pre in ["default", "gpt-2", "llama-bpe", "smollm", "qwen2"] {
        let tokenizer = tokenizer(&Gguf::byte_level(pre).imported().unwrap());
        for text in TEXTS {
            let encoded = tokenizer.encode(text, false).unwrap();
            assert_eq!(tokenizer.decode(encoded.get_ids(), true).unwrap(), text, "{pre}");
        }
    }
}

#[test]
fn each_pre_tokenizer_cuts_in_its_way() {
    let tokens = |pre: &str, text: &str| {
        let tokenizer = tokenizer(&Gguf::byte_level(pre).imported().unwrap());
        tokenizer.encode(text, false).unwrap().get_tokens().to_vec()
    };
    // GPT-2 keeps numbers whole, Llama 3 cuts after three digits, the others after each.
    assert_eq!(tokens("gpt-2", "1231 hello"), ["123", "1", "Ġhello"]);
    assert_eq!(tokens("default", "1231"), ["123", "1"]);
    assert_eq!(tokens("llama-bpe", "1231 hello"), ["123", "1", "Ġhello"]);
    assert_eq!(tokens("llama-bpe", "112"), ["1", "12"]);
    assert_eq!(tokens("smollm", "12 hello"), ["1", "2", "Ġhello"]);
    assert_eq!(tokens("qwen2", "12 hello"), ["1", "2", "Ġhello"]);
    assert_eq!(tokens("gpt-2", "   hello"), ["ĠĠ", "Ġhello"]);
    // A merge across the third digit is possible for GPT-2 only.
    assert_eq!(tokens("gpt-2", "1123"), ["1", "123"]);
    assert_eq!(tokens("llama-bpe", "1123"), ["1", "12", "3"]);
}

#[test]
fn unknown_pre_tokenizers_and_kinds_are_refused_by_name() {
    let error = Gguf::byte_level("falcon").imported().unwrap_err();
    assert!(
        error.contains("tiny.gguf: the pre-tokenizer \"falcon\" is unknown"),
        "{error}"
    );
    let mut gguf = Gguf::byte_level("gpt-2");
    gguf.set("tokenizer.ggml.model", Value::String("bert".into()));
    let error = gguf.imported().unwrap_err();
    assert!(error.contains("the tokenizer is of the kind \"bert\""), "{error}");
}

#[test]
fn bos_and_eos_are_added_where_the_file_says_so() {
    let ids = |gguf: &Gguf| {
        let tokenizer = tokenizer(&gguf.imported().unwrap());
        tokenizer.encode("hello", true).unwrap().get_ids().to_vec()
    };
    let hello = |gguf: &Gguf| {
        let tokenizer = tokenizer(&gguf.imported().unwrap());
        tokenizer.token_to_id("hello").unwrap()
    };
    let mut gguf = Gguf::byte_level("gpt-2");
    let plain = hello(&gguf);
    assert_eq!(ids(&gguf), [plain]);
    gguf.set("tokenizer.ggml.add_bos_token", Value::Bool(true));
    assert_eq!(ids(&gguf), [1, plain]);
    gguf.set("tokenizer.ggml.add_eos_token", Value::Bool(true));
    assert_eq!(ids(&gguf), [1, plain, 2]);
    // Llama 3 adds bos unless told not to.
    let mut gguf = Gguf::byte_level("llama-bpe");
    assert_eq!(ids(&gguf), [1, plain]);
    gguf.set("tokenizer.ggml.add_bos_token", Value::Bool(false));
    assert_eq!(ids(&gguf), [plain]);
}

#[test]
fn control_tokens_are_special() {
    let tokenizer = tokenizer(&Gguf::byte_level("smollm").imported().unwrap());
    let encoded = tokenizer.encode("<|start|>hello<|stop|>", false).unwrap();
    assert_eq!(encoded.get_tokens(), ["<|start|>", "hello", "<|stop|>"]);
    assert_eq!(tokenizer.decode(encoded.get_ids(), true).unwrap(), "hello");
    assert_eq!(
        tokenizer.decode(encoded.get_ids(), false).unwrap(),
        "<|start|>hello<|stop|>"
    );
}

#[test]
fn sentence_piece_tokenizers_give_every_text_back() {
    let gguf = tokenizer(&Gguf::sentence_piece(GgmlDType::F32).imported().unwrap());
    let llama2c = tokenizer(&Llama2c::new(&[" ", "a", "b", "ab", " ab"], true).imported().unwrap());
    for tokenizer in [gguf, llama2c] {
        for text in TEXTS {
            let encoded = tokenizer.encode(text, true).unwrap();
            assert_eq!(encoded.get_ids()[0], 1, "bos comes first");
            assert_eq!(tokenizer.decode(encoded.get_ids(), true).unwrap(), text);
        }
        let encoded = tokenizer.encode("ab ab☃", false).unwrap();
        assert_eq!(encoded.get_tokens(), ["▁ab", "▁ab", "<0xE2>", "<0x98>", "<0x83>"]);
    }
}

#[test]
fn a_space_before_the_text_is_left_out_where_the_file_says_so() {
    let mut gguf = Gguf::sentence_piece(GgmlDType::F32);
    gguf.set("tokenizer.ggml.add_space_prefix", Value::Bool(false));
    let tokenizer = tokenizer(&gguf.imported().unwrap());
    let encoded = tokenizer.encode("ab ab", false).unwrap();
    assert_eq!(encoded.get_tokens(), ["ab", "▁ab"]);
    assert_eq!(tokenizer.decode(encoded.get_ids(), true).unwrap(), "ab ab");
    assert_eq!(
        tokenizer
            .decode(tokenizer.encode(" ab", false).unwrap().get_ids(), true)
            .unwrap(),
        " ab"
    );
}

#[test]
fn vocabularies_that_contradict_themselves_are_refused() {
    let refused = |change: &dyn Fn(&mut Gguf), expected: &str| {
        let mut gguf = Gguf::byte_level("gpt-2");
        change(&mut gguf);
        let error = gguf.imported().unwrap_err();
        assert!(error.contains("tiny.gguf") && error.contains(expected), "{error}");
    };
    let merges = |merges: &[&str]| import_common::texts(merges);
    refused(
        &|gguf| gguf.set("tokenizer.ggml.merges", merges(&["hello"])),
        "the merge \"hello\" is not two tokens",
    );
    refused(
        &|gguf| gguf.set("tokenizer.ggml.merges", merges(&["h q"])),
        "the tokenizer cannot be used",
    );
    refused(
        &|gguf| gguf.set("tokenizer.ggml.merges", merges(&["h zz"])),
        "the tokenizer cannot be used",
    );
    refused(
        &|gguf| {
            let Value::Array(tokens) = gguf.metadata.get_mut("tokenizer.ggml.tokens").unwrap() else {
                panic!("a list");
            };
            tokens[4] = tokens[3].clone();
        },
        "the tokens 3 and 4 are both",
    );
    refused(
        &|gguf| gguf.set("tokenizer.ggml.tokens", merges(&["a"])),
        "the tokenizer has 1 tokens, and the embedding",
    );
    refused(
        &|gguf| gguf.set("tokenizer.ggml.token_type", Value::Array(vec![Value::I32(1)])),
        "has 1 elements for",
    );
    refused(
        &|gguf| gguf.set("tokenizer.ggml.bos_token_id", Value::U32(100_000)),
        "the bos token is not one of the",
    );
    refused(
        &|gguf| drop(gguf.metadata.remove("tokenizer.ggml.merges")),
        "have no \"tokenizer.ggml.merges\"",
    );
    let mut gguf = Gguf::sentence_piece(GgmlDType::F32);
    gguf.set("tokenizer.ggml.unknown_token_id", Value::U32(9999));
    let error = gguf.imported().unwrap_err();
    assert!(error.contains("the token for the unknown, 9999, is not one"), "{error}");
    gguf.set("tokenizer.ggml.scores", Value::Array(vec![Value::F32(f32::NAN); 264]));
    let error = gguf.imported().unwrap_err();
    assert!(
        error.contains("\"tokenizer.ggml.scores\" is not a list of finite real numbers"),
        "{error}"
    );
}

/// llama2.c's encoder, written from its description: a space before the text, characters that are tokens or else their bytes,
/// then again and again the neighbours whose union has the best score, the first of equals.
fn llama2c_encode(tokens: &[String], scores: &[f32], text: &str) -> Vec<u32> {
    let find = |wanted: &str| tokens.iter().position(|token| token == wanted);
    let mut ids = vec![1];
    if !text.is_empty() {
        ids.push(find(" ").expect("a token for the space"));
    }
    for character in text.chars() {
        match find(&character.to_string()) {
            Some(id) => ids.push(id),
            None => ids.extend(character.to_string().bytes().map(|byte| usize::from(byte) + 3)),
        }
    }
    loop {
        let mut best: Option<(usize, usize)> = None;
        for place in 0..ids.len() - 1 {
            let union = find(&format!("{}{}", tokens[ids[place]], tokens[ids[place + 1]]));
            let better = |id: usize| best.is_none_or(|(_, other)| scores[id] > scores[other]);
            if let Some(id) = union.filter(|&id| better(id)) {
                best = Some((place, id));
            }
        }
        let Some((place, id)) = best else {
            return ids.into_iter().map(|id| id as u32).collect();
        };
        ids.splice(place..place + 2, [id]);
    }
}

/// Pieces as training makes them: each is the union of two earlier ones, and the earlier has the better score.
fn grown_pieces(choices: &[(usize, usize)]) -> Vec<String> {
    let mut pieces: Vec<String> = [" ", "a", "b", "c"].map(String::from).into();
    for &(left, right) in choices {
        let union = format!("{}{}", pieces[left % pieces.len()], pieces[right % pieces.len()]);
        if union.len() <= 12 && !pieces.contains(&union) {
            pieces.push(union);
        }
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn llama2c_texts_have_the_tokens_that_llama2c_gives_them(
        choices in prop::collection::vec((any::<usize>(), any::<usize>()), 0..24),
        texts in prop::collection::vec("[abc ]{0,24}|[ -;=-~]{0,24}|[abc é☃]{0,12}", 8),
    ) {
        let pieces = grown_pieces(&choices);
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let files = Llama2c::new(&pieces, true);
        let tokenizer = tokenizer(&files.imported().unwrap());
        for text in texts {
            let encoded = tokenizer.encode(text.as_str(), true).unwrap();
            prop_assert_eq!(encoded.get_ids(), llama2c_encode(&files.tokens, &files.scores, &text), "{:?} {:?}", text, pieces);
            prop_assert_eq!(tokenizer.decode(encoded.get_ids(), true).unwrap(), text);
        }
    }
}
