//! GGUF files: what is carried over, and what is refused of files that are in order.
#[allow(dead_code)]
mod import_common;

use candle_core::Device;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Value;
use import_common::{Gguf, HEADS, HIDDEN, KEY_VALUE_HEADS, LAYERS, config, tensor};
use seedlm_model::{FloatDtype, Rules, Source};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;

/// The row of Hugging Face's order that lies in this row of a file whose pairs are neighbours.
fn row_of_halves(row: usize, head_dim: usize) -> usize {
    let (head, inner) = (row / head_dim, row % head_dim);
    head * head_dim + inner % 2 * (head_dim / 2) + inner / 2
}

#[test]
fn values_are_what_candle_decodes_and_rows_are_in_hugging_faces_order() {
    let dtypes = [
        GgmlDType::F32,
        GgmlDType::F16,
        GgmlDType::BF16,
        GgmlDType::Q8_0,
        GgmlDType::Q4_0,
        GgmlDType::Q4_1,
        GgmlDType::Q5_0,
        GgmlDType::Q5_1,
    ];
    for dtype in dtypes {
        let gguf = Gguf::sentence_piece(dtype);
        let model = gguf.imported().unwrap();
        assert_eq!(model.tensors.len(), 2 + 9 * LAYERS);
        let decoded = |name: &str| -> Vec<f32> {
            let tensors = gguf.quantized();
            let (_, tensor) = tensors.iter().find(|(other, _)| *other == name).unwrap();
            let tensor = tensor.dequantize(&Device::Cpu).unwrap();
            tensor.flatten_all().unwrap().to_vec1().unwrap()
        };
        for (theirs, ours) in [
            ("token_embd", "model.embed_tokens"),
            ("output_norm", "model.norm"),
            ("blk.1.attn_norm", "model.layers.1.input_layernorm"),
            ("blk.1.attn_v", "model.layers.1.self_attn.v_proj"),
            ("blk.0.attn_output", "model.layers.0.self_attn.o_proj"),
            ("blk.0.ffn_norm", "model.layers.0.post_attention_layernorm"),
            ("blk.0.ffn_gate", "model.layers.0.mlp.gate_proj"),
            ("blk.1.ffn_up", "model.layers.1.mlp.up_proj"),
            ("blk.0.ffn_down", "model.layers.0.mlp.down_proj"),
        ] {
            let found = &tensor(&model, &format!("{ours}.weight")).values;
            assert_eq!(*found, decoded(&format!("{theirs}.weight")), "{dtype:?} {theirs}");
        }
        for (theirs, ours) in [("attn_q", "q_proj"), ("attn_k", "k_proj")] {
            let before = decoded(&format!("blk.1.{theirs}.weight"));
            let after = tensor(&model, &format!("model.layers.1.self_attn.{ours}.weight"));
            for (row, values) in before.chunks(HIDDEN).enumerate() {
                let row = row_of_halves(row, HIDDEN / HEADS);
                assert_eq!(after.values[row * HIDDEN..(row + 1) * HIDDEN], *values, "{dtype:?}");
            }
        }
    }
}

#[test]
fn the_configuration_is_carried_over() {
    let mut gguf = Gguf::sentence_piece(GgmlDType::F32);
    let found = config(&gguf.imported().unwrap());
    let expected = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "attention_bias": false, "mlp_bias": false,
        "hidden_size": HIDDEN, "intermediate_size": 64, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": KEY_VALUE_HEADS, "head_dim": 8,
        "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 50_000.0, "rope_scaling": null,
        "vocab_size": 264, "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2,
    });
    assert_eq!(found, expected);

    gguf.add("output.weight", &[264, HIDDEN], GgmlDType::Q8_0);
    let model = gguf.imported().unwrap();
    assert_eq!(config(&model)["tie_word_embeddings"], false);
    assert_eq!(tensor(&model, "lm_head.weight").shape, [264, HIDDEN]);
}

#[test]
fn the_scaling_of_rotary_embeddings_is_carried_over() {
    let scaling = |entries: &[(&str, Value)]| {
        let mut gguf = Gguf::sentence_piece(GgmlDType::F32);
        for (key, value) in entries {
            gguf.set(&format!("llama.rope.scaling.{key}"), value.clone());
        }
        gguf.imported().map(|model| config(&model)["rope_scaling"].clone())
    };
    let kind = |kind: &str| ("type", Value::String(kind.into()));
    let factor = ("factor", Value::F32(4.0));
    let linear = json!({"rope_type": "linear", "factor": 4.0});
    assert_eq!(scaling(&[kind("linear"), factor.clone()]), Ok(linear));
    assert_eq!(scaling(&[kind("none"), factor.clone()]), Ok(json!(null)));
    let original = ("original_context_length", Value::U32(32));
    let yarn = json!({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32});
    assert_eq!(scaling(&[kind("yarn"), factor.clone(), original]), Ok(yarn));
    let error = scaling(&[kind("longrope"), factor]).unwrap_err();
    assert!(
        error.contains("in the way \"longrope\", which cannot be imported"),
        "{error}"
    );
}

#[test]
fn factors_of_rotary_embeddings_become_llama3_scaling_or_an_error() {
    let with_factors = |factors: &[f32]| {
        let mut gguf = Gguf::sentence_piece(GgmlDType::F32);
        gguf.set("llama.rope.freq_base", Value::F32(500_000.0));
        gguf.tensors
            .push(("rope_freqs.weight".into(), vec![4], factors.to_vec(), GgmlDType::F32));
        gguf.imported().map(|model| config(&model)["rope_scaling"].clone())
    };
    // By the published rule: wavelengths of 6.3 and 167 tokens are kept, 4443 is on the ramp of 8192 tokens, 118142 is beyond.
    let kept = (8192.0 / 4442.883 - 1.0) / 3.0;
    let ramp = 1.0 / ((1.0 - kept) / 8.0 + kept);
    let llama3 = json!({
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    });
    assert_eq!(with_factors(&[1.0, 1.0, ramp, 8.0]), Ok(llama3));
    assert_eq!(with_factors(&[1.0; 4]), Ok(json!(null)));
    let error = with_factors(&[1.0, 2.0, 3.0, 4.0]).unwrap_err();
    assert!(
        error.contains("tensor \"rope_freqs.weight\": its factors are not Llama 3's"),
        "{error}"
    );
}

#[test]
fn a_written_folder_is_a_model_that_others_read() {
    let model = Gguf::sentence_piece(GgmlDType::Q8_0).imported().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (dtype, exact) in [
        (FloatDtype::F32, true),
        (FloatDtype::F16, false),
        (FloatDtype::BF16, false),
    ] {
        let path = folder.path().join(dtype.to_string());
        let report = model.write(&path, dtype).unwrap();
        assert_eq!(report.rounded_weights == 0, exact);
        let source = Source::open(&path).unwrap();
        assert_eq!(
            report.weights,
            source.tensors().iter().map(|info| info.elements() as u64).sum::<u64>()
        );
        for info in source.compressible(&Rules::default()).unwrap() {
            let (found, expected) = (source.matrix(&info).unwrap().values, tensor(&model, &info.name));
            let close = |(found, expected): (&f32, &f32)| (found - expected).abs() <= 0.005 * expected.abs() + 1e-6;
            assert!(found.iter().zip(&expected.values).all(close));
            assert!(!exact || found == expected.values);
        }
        let bytes = fs::read(path.join("model.safetensors")).unwrap();
        let other = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let names: BTreeSet<&str> = other.names().into_iter().collect();
        assert_eq!(names, model.tensors.iter().map(|tensor| tensor.name.as_str()).collect());
        assert_eq!(fs::read_to_string(path.join("config.json")).unwrap(), model.config_json);
        assert_eq!(
            fs::read_to_string(path.join("tokenizer.json")).unwrap(),
            model.tokenizer_json
        );
    }
}

#[test]
fn what_a_type_does_not_hold_is_refused_and_leaves_nothing() {
    let mut model = Gguf::sentence_piece(GgmlDType::F32).imported().unwrap();
    model.tensors[1].values[3] = 70_000.0;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let error = model.write(&path, FloatDtype::F16).unwrap_err().to_string();
    assert!(
        error.contains("tensor \"model.layers.0.input_layernorm.weight\": the value 70000"),
        "{error}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::create_dir(&path).unwrap();
    let error = model.write(&path, FloatDtype::F32).unwrap_err().to_string();
    assert!(error.contains("exists already"), "{error}");
}

#[test]
fn models_that_are_no_plain_llama_are_refused() {
    let refused = |change: &dyn Fn(&mut Gguf), expected: &str| {
        let mut gguf = Gguf::sentence_piece(GgmlDType::F32);
        change(&mut gguf);
        let error = gguf.imported().unwrap_err();
        assert!(error.contains("tiny.gguf") && error.contains(expected), "{error}");
    };
    let text = |text: &str| Value::String(text.into());
    let drop_tensor = |gguf: &mut Gguf, name: &str| gguf.tensors.retain(|tensor| tensor.0 != name);
    refused(
        &|gguf| gguf.set("general.architecture", text("qwen2")),
        "the architecture is \"qwen2\", and only \"llama\"",
    );
    refused(
        &|gguf| gguf.set("llama.expert_count", Value::U32(8)),
        "a mixture of experts",
    );
    refused(
        &|gguf| gguf.set("llama.attention.scale", Value::F32(2.0)),
        "\"llama.attention.scale\" changes",
    );
    refused(&|gguf| gguf.set("split.count", Value::U16(2)), "one of 2 parts");
    refused(
        &|gguf| gguf.set("llama.block_count", Value::U32(0)),
        "the number of layers is 0",
    );
    refused(
        &|gguf| gguf.set("llama.block_count", Value::I32(-1)),
        "\"llama.block_count\" is not one whole number",
    );
    refused(
        &|gguf| gguf.set("llama.block_count", Value::U32(3)),
        "tensor \"blk.2.attn_norm.weight\": missing",
    );
    refused(
        &|gguf| gguf.set("llama.block_count", Value::U32(1)),
        "\"blk.1.attn_k.weight\": not a part of",
    );
    refused(
        &|gguf| gguf.set("llama.block_count", Value::U64(u64::MAX)),
        "the number of layers is 1844",
    );
    refused(
        &|gguf| gguf.set("llama.attention.head_count", Value::U32(0)),
        "0 heads do not divide",
    );
    refused(
        &|gguf| gguf.set("llama.attention.head_count_kv", Value::U32(3)),
        "4 heads cannot share 3",
    );
    refused(
        &|gguf| gguf.set("llama.attention.head_count_kv", Value::U32(4)),
        "attn_k.weight\": shape [16, 32], and",
    );
    refused(
        &|gguf| gguf.set("llama.attention.head_count", import_common::texts(&["4"])),
        "not one whole number",
    );
    refused(
        &|gguf| gguf.set("llama.rope.dimension_count", Value::U32(4)),
        "a head has 8 values",
    );
    refused(
        &|gguf| gguf.set("llama.embedding_length", Value::U32(64)),
        "shape [264, 32], and the metadata ask for [264, 64]",
    );
    refused(
        &|gguf| gguf.set("llama.vocab_size", Value::U32(5)),
        "is 5, and the embedding has 264 rows",
    );
    refused(
        &|gguf| gguf.set("llama.rope.freq_base", Value::F32(f32::NAN)),
        "\"llama.rope.freq_base\" is not finite",
    );
    refused(
        &|gguf| drop(gguf.metadata.remove("llama.context_length")),
        "have no \"llama.context_length\"",
    );
    refused(
        &|gguf| drop_tensor(gguf, "token_embd.weight"),
        "tensor \"token_embd.weight\": missing",
    );
    refused(
        &|gguf| drop_tensor(gguf, "output_norm.weight"),
        "tensor \"output_norm.weight\": missing",
    );
    refused(
        &|gguf| gguf.add("blk.0.attn_q.bias", &[32], GgmlDType::F32),
        "\"blk.0.attn_q.bias\": not a part of",
    );
    refused(
        &|gguf| gguf.tensors[2].2[5] = f32::NAN,
        "tensor \"blk.0.attn_q.weight\": value 5 of 1024 is NaN",
    );
    refused(
        &|gguf| gguf.tensors[4].2[0] = f32::INFINITY,
        "tensor \"blk.0.attn_v.weight\": value 0 of 512 is inf",
    );
}
