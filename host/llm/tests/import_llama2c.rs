//! Checkpoints of llama2.c: what is carried over, and that damaged ones end in an error that names the file.
#[allow(dead_code)]
mod import_common;

use import_common::{Llama2c, config, import_llama2c, tensor};
use proptest::prelude::*;
use serde_json::json;

fn tiny() -> Llama2c {
    Llama2c::new(&[" ", "a", "b", "ab"], true)
}

/// The weights by their places in the file, as llama2.c maps them.
#[test]
fn each_tensor_is_found_at_its_place() {
    for tied in [true, false] {
        let files = Llama2c::new(&[" ", "a", "b", "ab"], tied);
        let model = files.imported().unwrap();
        let (hidden, mlp, layers, shared, vocabulary) = (8, 12, 2, 4, 263);
        let mut position = 0;
        let mut next = |count: usize| {
            let values = files.weights[position..position + count].to_vec();
            position += count;
            values
        };
        assert_eq!(
            tensor(&model, "model.embed_tokens.weight").values,
            next(vocabulary * hidden)
        );
        let kinds = [
            ("input_layernorm", hidden),
            ("self_attn.q_proj", hidden * hidden),
            ("self_attn.k_proj", shared * hidden),
            ("self_attn.v_proj", shared * hidden),
            ("self_attn.o_proj", hidden * hidden),
            ("post_attention_layernorm", hidden),
            ("mlp.gate_proj", mlp * hidden),
            ("mlp.down_proj", hidden * mlp),
            ("mlp.up_proj", mlp * hidden),
        ];
        for (kind, count) in kinds {
            for layer in 0..layers {
                let mut expected = next(count);
                if kind.contains("q_proj") || kind.contains("k_proj") {
                    // Heads of four values: neighbours are pairs in the file, Hugging Face's pairs are two apart.
                    let rows: Vec<&[f32]> = expected.chunks(hidden).collect();
                    let heads = rows.chunks(4).flat_map(|head| [head[0], head[2], head[1], head[3]]);
                    expected = heads.flatten().copied().collect();
                }
                assert_eq!(
                    tensor(&model, &format!("model.layers.{layer}.{kind}.weight")).values,
                    expected,
                    "{kind}"
                );
            }
        }
        assert_eq!(tensor(&model, "model.norm.weight").values, next(hidden));
        next(16 * 4);
        if !tied {
            assert_eq!(tensor(&model, "lm_head.weight").values, next(vocabulary * hidden));
        }
        assert_eq!(model.tensors.len(), 2 + 9 * layers + usize::from(!tied));
    }
}

#[test]
fn the_configuration_is_carried_over() {
    let expected = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "attention_bias": false, "mlp_bias": false,
        "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4,
        "max_position_embeddings": 16, "rms_norm_eps": 1e-5, "rope_theta": 10_000.0, "rope_scaling": null,
        "vocab_size": 263, "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2,
    });
    assert_eq!(config(&tiny().imported().unwrap()), expected);
    let untied = Llama2c::new(&[" ", "a"], false).imported().unwrap();
    assert_eq!(config(&untied)["tie_word_embeddings"], false);
    assert_eq!(config(&untied)["vocab_size"], 261);
}

#[test]
fn checkpoints_that_cannot_be_are_refused() {
    let refused = |change: &dyn Fn(&mut Llama2c), expected: &str| {
        let mut files = tiny();
        change(&mut files);
        let error = files.imported().unwrap_err();
        assert!(error.contains("model.bin") && error.contains(expected), "{error}");
    };
    refused(
        &|files| files.header[0] = 0x616b_3432,
        "version 12, and version 0 can be imported",
    );
    refused(&|files| files.header[0] = 0, "the embedding length is 0");
    refused(&|files| files.header[0] = -8, "the embedding length is 0");
    refused(&|files| files.header[2] = i32::MAX, "the header asks for");
    refused(
        &|files| files.header = [i32::MAX - 1, i32::MAX, i32::MAX, 1, 1, i32::MIN, i32::MAX],
        "which no model has",
    );
    refused(
        &|files| files.header = [i32::MAX - 1, i32::MAX, i32::MAX, 1, 1, i32::MAX, i32::MAX],
        "the header asks for",
    );
    refused(&|files| files.header[3] = 0, "0 heads");
    refused(&|files| files.header[3] = 3, "3 heads and an embedding of 8 values");
    refused(&|files| files.header[3] = 8, "rotary embeddings rotate pairs");
    refused(&|files| files.header[6] = 17, "the header asks for");
    refused(&|files| files.weights.truncate(files.weights.len() - 1), "truncated");
    refused(
        &|files| files.weights[9] = f32::NAN,
        "tensor \"model.embed_tokens.weight\": value 9 of 2104 is NaN",
    );
    for length in 0..28 {
        let error = import_llama2c(&tiny().checkpoint_bytes()[..length], &[]).unwrap_err();
        assert!(error.contains("truncated"), "{error}");
    }
}

#[test]
fn tokenizer_files_that_do_not_fit_are_refused() {
    let refused = |change: &dyn Fn(&mut Llama2c), expected: &str| {
        let mut files = tiny();
        change(&mut files);
        let error = files.imported().unwrap_err();
        assert!(error.contains("tok.bin") && error.contains(expected), "{error}");
    };
    refused(
        &|files| drop(files.tokens.pop()),
        "the file ends before token 262 of the checkpoint's 263",
    );
    refused(
        &|files| (files.tokens.push("x".into()), files.scores.push(0.0)).1,
        "9 bytes follow the 263 tokens",
    );
    refused(&|files| files.scores[5] = f32::INFINITY, "the score of token 5 is inf");
    refused(
        &|files| files.tokens.swap(10, 11),
        "token 10 is \"<0x08>\", and llama2.c counts on \"<0x07>\"",
    );
    refused(
        &|files| files.tokens[260] = "b".into(),
        "the tokens 260 and 261 are both \"b\"",
    );
    let files = tiny();
    let mut bytes = files.tokenizer_bytes();
    let end = bytes.len();
    bytes[end - 1] = 0xFF;
    let error = import_llama2c(&files.checkpoint_bytes(), &bytes).unwrap_err();
    assert!(error.contains("token 262 is not UTF-8"), "{error}");
    bytes[end - 6..end - 2].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = import_llama2c(&files.checkpoint_bytes(), &bytes).unwrap_err();
    assert!(
        error.contains("token 262 has 4294967295 bytes, and the longest has 6"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn damaged_bytes_never_panic(
        header in prop::collection::vec((0_usize..28, any::<u8>()), 0..3),
        tokens in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let (mut checkpoint, mut tokenizer) = (tiny().checkpoint_bytes(), tiny().tokenizer_bytes());
        for (place, value) in header {
            checkpoint[place] = value;
        }
        for (place, value) in tokens {
            let place = place.index(tokenizer.len());
            tokenizer[place] = value;
        }
        if let Err(error) = import_llama2c(&checkpoint, &tokenizer) {
            prop_assert!(error.contains(".bin: "), "{}", error);
        }
    }

    #[test]
    fn a_tokenizer_file_cut_anywhere_is_refused(length in any::<prop::sample::Index>()) {
        let tokenizer = tiny().tokenizer_bytes();
        let error = import_llama2c(&tiny().checkpoint_bytes(), &tokenizer[..length.index(tokenizer.len())]).unwrap_err();
        prop_assert!(error.contains("tok.bin: the file ends"), "{}", error);
    }
}
