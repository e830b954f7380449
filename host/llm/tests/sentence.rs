//! The embedding of a sentence, on a tiny random BERT, beside a plain one in binary64.

mod sentence_common;

use seedlm_codec::Code;
use seedlm_encoder::Quantizer;
use seedlm_llm::{SentenceEncoder, SentencePackage};
use seedlm_model::{CompressOptions, Encoding, Model, Rotate, Rules, Silent, Source, compress};
use sentence_common::{HEADS, HIDDEN, LAYERS, Tensors, WIDE, config, folder, numbers, random_tensors, write_weights};
use std::fs;
use std::path::Path;

/// A BERT number by number in binary64, in the words of the paper: nothing of it is in the program.
struct Plain(Tensors);

impl Plain {
    fn at(&self, name: &str, place: &[usize]) -> f64 {
        let (shape, values) = &self.0[name];
        let index = place
            .iter()
            .zip(shape)
            .fold(0, |index, (place, size)| index * size + place);
        f64::from(values[index])
    }

    fn linear(&self, part: &str, input: &[f64]) -> Vec<f64> {
        let rows = self.0[&format!("{part}.bias")].0[0];
        let row = |row: usize| -> f64 {
            let products = input.iter().enumerate();
            let products = products.map(|(column, x)| x * self.at(&format!("{part}.weight"), &[row, column]));
            products.sum::<f64>() + self.at(&format!("{part}.bias"), &[row])
        };
        (0..rows).map(row).collect()
    }

    fn norm(&self, part: &str, input: &[f64]) -> Vec<f64> {
        let mean = input.iter().sum::<f64>() / input.len() as f64;
        let variance = input.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / input.len() as f64;
        let normed = |(place, x): (usize, &f64)| {
            let one = (x - mean) / (variance + 1e-5).sqrt();
            one * self.at(&format!("{part}.weight"), &[place]) + self.at(&format!("{part}.bias"), &[place])
        };
        input.iter().enumerate().map(normed).collect()
    }

    fn layer(&self, layer: usize, state: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let all = |part: &str| -> Vec<Vec<f64>> { state.iter().map(|x| self.linear(&name(part), x)).collect() };
        let [queries, keys, values] = ["attention.self.query", "attention.self.key", "attention.self.value"].map(all);
        let head_size = HIDDEN / HEADS;
        let token = |token: usize| -> Vec<f64> {
            let mut attended = vec![0.0; HIDDEN];
            for head in 0..HEADS {
                let places = head * head_size..(head + 1) * head_size;
                let score = |key: &Vec<f64>| -> f64 {
                    let products = places.clone().map(|place| queries[token][place] * key[place]);
                    products.sum::<f64>() / (head_size as f64).sqrt()
                };
                let exponentials: Vec<f64> = keys.iter().map(|key| score(key).exp()).collect();
                let sum: f64 = exponentials.iter().sum();
                for (exponential, value) in exponentials.iter().zip(&values) {
                    for place in places.clone() {
                        attended[place] += exponential / sum * value[place];
                    }
                }
            }
            let output = self.linear(&name("attention.output.dense"), &attended);
            let sum: Vec<f64> = output.iter().zip(&state[token]).map(|(a, b)| a + b).collect();
            let middle = self.norm(&name("attention.output.LayerNorm"), &sum);
            let wide = self.linear(&name("intermediate.dense"), &middle);
            let wide: Vec<f64> = wide
                .iter()
                .map(|x| x / 2.0 * (1.0 + libm::erf(x / 2.0_f64.sqrt())))
                .collect();
            let output = self.linear(&name("output.dense"), &wide);
            let sum: Vec<f64> = output.iter().zip(&middle).map(|(a, b)| a + b).collect();
            self.norm(&name("output.LayerNorm"), &sum)
        };
        (0..state.len()).map(token).collect()
    }

    fn embed(&self, tokens: &[u32]) -> Vec<f64> {
        let start = |(position, &token): (usize, &u32)| {
            let value = |place: usize| {
                self.at("embeddings.word_embeddings.weight", &[token as usize, place])
                    + self.at("embeddings.position_embeddings.weight", &[position, place])
                    + self.at("embeddings.token_type_embeddings.weight", &[0, place])
            };
            let sum: Vec<f64> = (0..HIDDEN).map(value).collect();
            self.norm("embeddings.LayerNorm", &sum)
        };
        let mut state: Vec<Vec<f64>> = tokens.iter().enumerate().map(start).collect();
        for layer in 0..LAYERS {
            state = self.layer(layer, &state);
        }
        let mean = |place: usize| state.iter().map(|vector| vector[place]).sum::<f64>() / state.len() as f64;
        let mean: Vec<f64> = (0..HIDDEN).map(mean).collect();
        let length = mean.iter().map(|value| value * value).sum::<f64>().sqrt();
        mean.iter().map(|value| value / length).collect()
    }
}

fn largest_difference(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

#[test]
fn embeddings_are_those_of_a_plain_bert() {
    let folder = folder();
    let package = SentencePackage::open(folder.path()).unwrap();
    let plain = Plain(random_tensors());
    for sentence in [
        "Seeds",
        "weights become seeds",
        "seeds become weights again and again",
        "",
    ] {
        let tokens = package.tokens(sentence).unwrap();
        let embedding = package.encoder.embed(&tokens).unwrap();
        let difference = largest_difference(&embedding, &plain.embed(&tokens));
        assert!(difference < 2e-5, "{sentence}: {difference}");
        let length: f32 = embedding.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    // Neither cut nor padded, as tokenizer.json would have it; 1 is an unknown word.
    let tokens = package.tokens("Seeds become weights again, again").unwrap();
    assert_eq!(tokens, [2, 4, 5, 6, 7, 1, 7, 3]);
    assert_eq!(package.encoder.matrices().count(), 6 * LAYERS);
}

/// What a container holds is the plain BERT with the decoded weights, whether a matrix is rotated or not.
#[test]
fn compressed_weights_are_decoded() {
    let folder = folder();
    let source = Source::open(folder.path().join("model.safetensors")).unwrap();
    for (rotate, include) in [(Rotate::Never, &[][..]), (Rotate::Always, &["*word_embeddings*"][..])] {
        let options = CompressOptions {
            encoding: Encoding::new(Code::preset("chained-4b-k12").unwrap(), Quantizer::Exact, rotate),
            rules: Rules::new(include, &[]).unwrap(),
            moments: None,
            replace: false,
        };
        let packed = folder.path().join(format!("{}.safetensors", include.len()));
        compress(&source, &packed, &options, &Silent).unwrap();
        let model = Model::open(&packed).unwrap();
        let Model::Container(container) = &model else {
            panic!("it is compressed");
        };
        assert_eq!(container.matrices().len(), 6 * LAYERS + include.len());
        let mut decoded = random_tensors();
        for info in container.matrices() {
            let values = container.matrix(info).unwrap().values(0..info.rows);
            decoded.insert(info.name.clone(), (vec![info.rows, info.columns], values));
        }
        let package = SentencePackage::open(folder.path()).unwrap();
        let encoder = SentenceEncoder::new(package.encoder.config().clone(), &model).unwrap();
        let tokens = package.tokens("seeds become weights").unwrap();
        let embedding = encoder.embed(&tokens).unwrap();
        let expected = Plain(decoded).embed(&tokens);
        assert!(largest_difference(&embedding, &expected) < 1e-4);
        // The weights are not those of before.
        assert!(largest_difference(&embedding, &Plain(random_tensors()).embed(&tokens)) > 1e-3);
    }
}

#[test]
fn replaced_weights_count() {
    let folder = folder();
    let mut package = SentencePackage::open(folder.path()).unwrap();
    let name = "encoder.layer.1.output.dense.weight";
    let mut tensors = random_tensors();
    let weights = numbers(HIDDEN * WIDE, 99);
    package.encoder.replace(name, &weights, None).unwrap();
    tensors.insert(name.into(), (vec![HIDDEN, WIDE], weights));
    let embedding = package.encoder.embed(&[2, 5, 3]).unwrap();
    assert!(largest_difference(&embedding, &Plain(tensors).embed(&[2, 5, 3])) < 2e-5);
    let error = package.encoder.replace("pooler.dense.weight", &[], None).unwrap_err();
    assert!(error.to_string().contains("pooler.dense.weight"), "{error}");
    assert!(
        package
            .encoder
            .replace(name, &[1.0], None)
            .unwrap_err()
            .to_string()
            .contains(name)
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let refused = |change: &dyn Fn(&Path)| {
        let folder = folder();
        change(folder.path());
        SentencePackage::open(folder.path()).unwrap_err().to_string()
    };
    let write =
        |name: &'static str, text: &'static str| move |folder: &Path| fs::write(folder.join(name), text).unwrap();
    let remove = |name: &'static str| move |folder: &Path| fs::remove_file(folder.join(name)).unwrap();
    for (change, reason) in [
        (
            &write("config.json", r#"{"model_type": "llama"}"#) as &dyn Fn(&Path),
            "config.json: not a BERT: model_type is \"llama\"",
        ),
        (&remove("config.json"), "config.json: cannot be read"),
        (&write("tokenizer.json", "{}"), "tokenizer.json: tokenizer: "),
        (&remove("tokenizer.json"), "tokenizer.json: cannot be read"),
        (&write("modules.json", "{"), "modules.json: is malformed"),
        (
            &write(
                "modules.json",
                r#"[{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]"#,
            ),
            "Dense\" cannot be run",
        ),
        (
            &write(
                "1_Pooling/config.json",
                r#"{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true}"#,
            ),
            "only pooling_mode_mean_tokens",
        ),
        (
            &write("1_Pooling/config.json", r#"{"pooling_mode_mean_tokens": false}"#),
            "only pooling_mode_mean_tokens",
        ),
        (
            &remove("1_Pooling/config.json"),
            "1_Pooling/config.json: cannot be read",
        ),
        (
            &write("sentence_bert_config.json", "[]"),
            "sentence_bert_config.json: is malformed",
        ),
        (&write("model.safetensors", "no weights"), "model.safetensors"),
    ] {
        let error = refused(change);
        assert!(error.contains(reason), "{reason}: {error}");
    }
    let without = |name: &'static str| {
        move |folder: &Path| {
            let mut tensors = random_tensors();
            tensors.remove(name);
            write_weights(&folder.join("model.safetensors"), &tensors);
        }
    };
    for name in [
        "embeddings.word_embeddings.weight",
        "embeddings.LayerNorm.bias",
        "encoder.layer.1.attention.self.key.bias",
        "encoder.layer.0.output.dense.weight",
    ] {
        let error = refused(&without(name));
        assert!(error.contains(name) && error.contains("is missing"), "{error}");
    }
    let error = refused(&|folder| {
        let mut tensors = random_tensors();
        tensors.insert(
            "encoder.layer.0.intermediate.dense.weight".into(),
            (vec![HIDDEN, WIDE], numbers(HIDDEN * WIDE, 1)),
        );
        write_weights(&folder.join("model.safetensors"), &tensors);
    });
    assert!(
        error.contains("intermediate.dense.weight\" is [24, 40], and config.json makes it [40, 24]"),
        "{error}"
    );
    // More layers than the file has.
    let error = refused(&|folder| {
        let text = config()
            .to_string()
            .replace("\"num_hidden_layers\":2", "\"num_hidden_layers\":16777216");
        fs::write(folder.join("config.json"), text).unwrap();
    });
    assert!(error.contains("encoder.layer.2.attention.self.query.weight"), "{error}");
}

#[test]
fn sentences_that_cannot_be_read_are_refused() {
    let folder = folder();
    let package = SentencePackage::open(folder.path()).unwrap();
    // sentence_bert_config.json says 9, [CLS] and [SEP] included.
    assert_eq!(
        package
            .tokens("seeds seeds seeds seeds seeds seeds seeds")
            .unwrap()
            .len(),
        9
    );
    let error = package
        .tokens("seeds seeds seeds seeds seeds seeds seeds seeds")
        .unwrap_err()
        .to_string();
    assert!(error.contains("10 tokens, and the model reads 9 at most"), "{error}");
    for (tokens, reason) in [
        (&[][..], "no token"),
        (&[8], "token 8 is outside the vocabulary of 8"),
        (&[4; 13], "13 tokens are more than the 12 positions"),
    ] {
        let error = package.encoder.embed(tokens).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    // Numbers that overflow leave no direction.
    let mut tensors = random_tensors();
    for (name, (_, values)) in tensors.iter_mut() {
        if name.contains("dense") || name.contains("LayerNorm.weight") {
            values.iter_mut().for_each(|value| *value *= 1e38);
        }
    }
    write_weights(&folder.path().join("model.safetensors"), &tensors);
    let package = SentencePackage::open(folder.path()).unwrap();
    let error = package.encoder.embed(&[2, 4, 3]).unwrap_err().to_string();
    assert!(error.contains("no direction"), "{error}");
}
