//! The embedded model with columns and inputs of all sizes, as other models have them: balanced, it says the same and loses less.

#[allow(dead_code)]
mod coded;

use coded::{decoded, dense, encode, source};
use half::{bf16, f16};
use seedlm_llm::evaluate::{Step, Variant, Windows, compare};
use seedlm_llm::{
    Balance, Cache, InputSizes, Linear, LlmError, Logits, ModelConfig, OwnText, Package, Projection, balance,
};
use seedlm_model::embedded::{SHAKESPEARE_CONFIG_JSON, SHAKESPEARE_SAMPLE_TEXT, SHAKESPEARE_TOKENIZER_JSON};
use seedlm_model::{Dtype, ModelError, Scaling, Silent, Source, embedded, rescale};
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

/// Powers of two for the inputs of a layer's matrices: most as they are, some up to eight times as large or small.
fn powers(count: usize, salt: usize) -> Vec<i16> {
    let power = |place: usize| match (place * 37 + salt * 11) % 23 {
        0 => 3,
        1 => -3,
        2 | 3 => -2,
        4 => 1,
        _ => 0,
    };
    (0..count).map(power).collect()
}

/// Makes the columns of the matrices different and the inputs too, so that the model stays the same.
fn scrambling(config: &ModelConfig) -> BTreeMap<String, Scaling> {
    let mut scalings: BTreeMap<String, Scaling> = BTreeMap::new();
    for layer in 0..config.layers {
        let inverse = |powers: &[i16]| powers.iter().map(|power| -power).collect::<Vec<i16>>();
        let matrix = |projection| format!("{}.weight", Linear::Layer(layer, projection));
        let norm = |name: &str| format!("model.layers.{layer}.{name}.weight");
        let hidden = powers(config.hidden_size, 4 * layer);
        for projection in [Projection::Query, Projection::Key, Projection::Value] {
            scalings.entry(matrix(projection)).or_default().column_exponents = hidden.clone();
        }
        scalings.entry(norm("input_layernorm")).or_default().row_exponents = inverse(&hidden);
        // A head of keys and values serves as many heads of queries, one after the other.
        let values = powers(config.key_value_size(), 4 * layer + 1);
        let heads = values.chunks(config.head_size);
        let shared = heads.flat_map(|head| vec![head; config.query_heads / config.key_value_heads]);
        scalings.entry(matrix(Projection::Output)).or_default().column_exponents = shared.flatten().copied().collect();
        scalings.entry(matrix(Projection::Value)).or_default().row_exponents = inverse(&values);
        let hidden = powers(config.hidden_size, 4 * layer + 2);
        for projection in [Projection::Gate, Projection::Up] {
            scalings.entry(matrix(projection)).or_default().column_exponents = hidden.clone();
        }
        scalings
            .entry(norm("post_attention_layernorm"))
            .or_default()
            .row_exponents = inverse(&hidden);
        let intermediate = powers(config.intermediate_size, 4 * layer + 3);
        scalings.entry(matrix(Projection::Down)).or_default().column_exponents = intermediate.clone();
        scalings.entry(matrix(Projection::Up)).or_default().row_exponents = inverse(&intermediate);
    }
    scalings
}

/// A folder with a model of the embedded one's architecture, made of a file or of such a folder.
fn folder_of(source: &Source, folder: &Path, scalings: &BTreeMap<String, Scaling>) -> Package {
    let output = match source.is_folder() {
        true => folder.to_path_buf(),
        false => {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("config.json"), SHAKESPEARE_CONFIG_JSON).unwrap();
            fs::write(folder.join("tokenizer.json"), SHAKESPEARE_TOKENIZER_JSON).unwrap();
            folder.join("model.safetensors")
        }
    };
    let report = rescale(source, &output, scalings, false, &Silent).unwrap();
    assert_eq!(report.rounded_weights, 0);
    Package::open(folder).unwrap()
}

/// Balances a model by a text of its own.
fn balance_of(package: &Package) -> Balance {
    let text = OwnText { tokens: 600 };
    let sizes = InputSizes::of_own_text(package, text, &mut |_| ControlFlow::Continue(())).unwrap();
    balance(package, &sizes, &Silent).unwrap()
}

fn logits(package: &Package) -> Vec<f32> {
    let tokens = package.tokenizer.encode(&SHAKESPEARE_SAMPLE_TEXT[..60], true).unwrap();
    let mut cache = Cache::new(package.language.config());
    let read = (package.language).forward(&mut dense(package), &mut cache, &tokens, Logits::All);
    read.unwrap()
}

/// Divergence in nats per token of a code from the model.
fn divergence(package: &Package, code: &str) -> f64 {
    let decoded = decoded(package, &encode(package, code));
    let variant = |linear| Variant {
        name: "model".into(),
        language: package.language.clone(),
        linear: Box::new(linear),
    };
    let tokens = package.tokenizer.encode(SHAKESPEARE_SAMPLE_TEXT, true).unwrap();
    let windows = Windows {
        length: 256,
        stride: 256,
        count: 4,
    };
    let windows = windows.cut(&tokens).unwrap();
    let go_on = &mut |_: Step| ControlFlow::Continue(());
    let compared = compare(&mut variant(dense(package)), &mut [variant(decoded)], &windows, go_on).unwrap();
    compared.variants[0].divergence.mean
}

#[test]
fn a_balanced_model_says_the_same_and_loses_less() {
    let root = tempfile::tempdir().unwrap();
    let original = Package::embedded().unwrap();
    let config = original.language.config();
    let scrambled = folder_of(source(&original), &root.path().join("scrambled"), &scrambling(config));
    let found = balance_of(&scrambled);
    let balanced = folder_of(source(&scrambled), &root.path().join("balanced"), &found.scalings);
    assert!(found.changed_inputs > found.inputs / 8, "{found:?}");
    assert!(found.column_exponents[0] <= -2 && found.column_exponents[1] >= 2);

    let said = logits(&original);
    for same in [&scrambled, &balanced] {
        let bits = |logits: &[f32]| logits.iter().map(|logit| logit.to_bits()).collect::<Vec<u32>>();
        assert!(bits(&logits(same)) == bits(&said), "{}", same.name);
    }
    let [original, scrambled, balanced] = [&original, &scrambled, &balanced].map(|of| divergence(of, "chained-3b-k12"));
    println!("original {original:.5}, scrambled {scrambled:.5}, balanced {balanced:.5} nats per token");
    assert!(scrambled > 1.5 * original && balanced < 1.15 * original);
}

/// The exponents follow what the inputs are, wherever those have been seen.
#[test]
fn a_text_balances_as_the_own_one_does() {
    let root = tempfile::tempdir().unwrap();
    let original = Package::embedded().unwrap();
    let scrambling = scrambling(original.language.config());
    let scrambled = folder_of(source(&original), &root.path().join("scrambled"), &scrambling);
    let tokens = original
        .tokenizer
        .encode(&SHAKESPEARE_SAMPLE_TEXT[..600], true)
        .unwrap();
    let windows = Windows {
        length: 256,
        stride: 256,
        count: usize::MAX,
    };
    let windows = windows.cut(&tokens).unwrap();
    let mut told = 0;
    let sizes = InputSizes::of_windows(&scrambled, &windows, &mut |finished| {
        told = finished;
        ControlFlow::Continue(())
    });
    assert_eq!(told, windows.len());
    let by_text = balance(&scrambled, &sizes.unwrap(), &Silent).unwrap();
    let own = balance_of(&scrambled);
    let exponents = |balance: &Balance| -> Vec<i16> {
        let scalings = balance.scalings.values();
        scalings.flat_map(|scaling| scaling.column_exponents.clone()).collect()
    };
    let pairs: Vec<(i16, i16)> = exponents(&own).into_iter().zip(exponents(&by_text)).collect();
    let near = pairs.iter().filter(|(own, by_text)| (own - by_text).abs() <= 1).count();
    let same = pairs.iter().filter(|(own, by_text)| own == by_text).count();
    println!(
        "{same} the same and {near} not more than a factor of two apart, of {}",
        pairs.len()
    );
    assert!(near * 100 > pairs.len() * 99 && same * 10 > pairs.len() * 8);
}

#[test]
fn whoever_listens_may_end_it() {
    let package = Package::embedded().unwrap();
    // In the lead of the first passage, and in the passage.
    for end in [20, 40] {
        let (mut calls, mut tokens) = (0, 0);
        let ended = InputSizes::of_own_text(&package, OwnText { tokens: 600 }, &mut |told| {
            calls += 1;
            tokens += told;
            match calls == end {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        assert!(matches!(ended, Err(LlmError::Model(ModelError::Interrupted))));
        assert_eq!((calls, tokens), (end, if end == 20 { 0 } else { 8 }));
    }
}

/// A text of the model's own has the tokens that were asked for, also where it is ended again and again.
#[test]
fn the_own_text_has_its_tokens() {
    let root = tempfile::tempdir().unwrap();
    let package = Package::embedded().unwrap();
    let folder = root.path().join("ending");
    folder_of(source(&package), &folder, &BTreeMap::new());
    let config = folder.join("config.json");
    let ends = (0..128).map(|token| token.to_string()).collect::<Vec<_>>().join(",");
    let text = fs::read_to_string(&config).unwrap();
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    fields.insert(
        "eos_token_id".into(),
        serde_json::from_str(&format!("[{ends}]")).unwrap(),
    );
    fs::write(&config, serde_json::to_string(&fields).unwrap()).unwrap();
    for package in [package, Package::open(&folder).unwrap()] {
        let mut told = 0;
        let sizes = InputSizes::of_own_text(&package, OwnText { tokens: 70 }, &mut |tokens| {
            told += tokens;
            ControlFlow::Continue(())
        });
        assert_eq!(told, 70);
        let again = InputSizes::of_own_text(&package, OwnText { tokens: 70 }, &mut |_| ControlFlow::Continue(()));
        assert_eq!(sizes.unwrap(), again.unwrap());
    }
}

#[test]
fn sizes_of_another_model_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let package = Package::embedded().unwrap();
    let none = balance(&package, &InputSizes::default(), &Silent).unwrap_err();
    assert!(none.to_string().contains("of another model, or of no text"), "{none}");
    // A norm so large that the attention behind it leaves binary32, which no sum may forget.
    let all = BTreeMap::from([(
        "model.layers.1.input_layernorm.weight".to_string(),
        Scaling {
            row_exponents: vec![100; 256],
            column_exponents: vec![],
        },
    )]);
    let large = folder_of(source(&package), &root.path().join("large"), &all);
    let text = OwnText { tokens: 2 };
    let sizes = InputSizes::of_own_text(&large, text, &mut |_| ControlFlow::Continue(()));
    let error = sizes.unwrap_err().to_string();
    assert!(
        error.contains("model.layers.1.self_attn.o_proj") && error.contains("beyond binary32"),
        "{error}"
    );
}

/// Types of 16 bits: the same logits as well. What changes of F16 becomes F32.
#[test]
fn half_precision_says_the_same_too() {
    let root = tempfile::tempdir().unwrap();
    let embedded = Package::embedded().unwrap();
    let scrambled = root.path().join("f32");
    folder_of(source(&embedded), &scrambled, &scrambling(embedded.language.config()));
    for dtype in [Dtype::F16, Dtype::BF16] {
        let bytes = fs::read(scrambled.join("model.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let short = file.tensors().into_iter().map(|(name, view)| {
            let (words, _) = view.data().as_chunks::<4>();
            let values = words.iter().map(|&word| f32::from_le_bytes(word));
            let bytes: Vec<u8> = match dtype {
                Dtype::F16 => values.flat_map(|value| f16::from_f32(value).to_le_bytes()).collect(),
                _ => values.flat_map(|value| bf16::from_f32(value).to_le_bytes()).collect(),
            };
            (name, view.shape().to_vec(), bytes)
        });
        let short: Vec<(String, Vec<usize>, Vec<u8>)> = short.collect();
        let views = short.iter().map(|(name, shape, bytes)| {
            let view = safetensors::tensor::TensorView::new(dtype, shape.clone(), bytes);
            (name.clone(), view.unwrap())
        });
        let path = root.path().join(format!("{dtype}.safetensors"));
        fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        let model = root.path().join(format!("{dtype}"));
        let model = folder_of(&Source::open(&path).unwrap(), &model, &BTreeMap::new());
        let found = balance_of(&model);
        assert!(found.changed_inputs > found.inputs / 8);
        let balanced = root.path().join(format!("{dtype}-balanced"));
        let balanced = folder_of(source(&model), &balanced, &found.scalings);
        assert!(logits(&model) == logits(&balanced), "{dtype}");
        let changed = source(&balanced).tensor("model.layers.0.mlp.up_proj.weight").unwrap();
        let expected = if dtype == Dtype::F16 { Dtype::F32 } else { Dtype::BF16 };
        assert_eq!(changed.dtype, expected);
        assert_eq!(
            source(&balanced).tensor("model.embed_tokens.weight").unwrap().dtype,
            dtype
        );
    }
}

/// Biases belong to the rows that they are added to.
#[test]
fn biases_of_rows_are_divided_with_them() {
    let root = tempfile::tempdir().unwrap();
    let original = Package::embedded().unwrap();
    let config = original.language.config();
    let Ok(file) = safetensors::SafeTensors::deserialize(embedded::SHAKESPEARE_SAFETENSORS) else {
        panic!("the embedded model is a safetensors file");
    };
    let biases = Projection::ALL
        .map(|projection| Linear::Layer(1, projection))
        .map(|linear| {
            let [rows, _] = linear.shape(config);
            let bias: Vec<u8> = (0..rows)
                .flat_map(|row| (row as f32 / rows as f32 - 0.4).to_le_bytes())
                .collect();
            (format!("{linear}.bias"), rows, bias)
        });
    let views = biases.iter().map(|(name, rows, bytes)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![*rows], bytes);
        (name.clone(), view.unwrap())
    });
    let all: Vec<_> = file.tensors().into_iter().chain(views).collect();
    let path = root.path().join("biased.safetensors");
    fs::write(&path, safetensors::serialize(all, None).unwrap()).unwrap();
    let biased = Source::open(&path).unwrap();

    let plain = folder_of(&biased, &root.path().join("plain"), &BTreeMap::new());
    let mut scalings = scrambling(config);
    for projection in [Projection::Value, Projection::Up] {
        let linear = Linear::Layer(1, projection);
        let rows = scalings[&format!("{linear}.weight")].row_exponents.clone();
        scalings.entry(format!("{linear}.bias")).or_default().row_exponents = rows;
    }
    let scrambled = folder_of(&biased, &root.path().join("scrambled"), &scalings);
    let found = balance_of(&scrambled);
    let balanced = folder_of(source(&scrambled), &root.path().join("balanced"), &found.scalings);
    assert!(found.changed_inputs > found.inputs / 8);
    let said = logits(&plain);
    assert!(said != logits(&original));
    assert!(said == logits(&scrambled) && said == logits(&balanced));
}
