use super::*;
use crate::{CompressOptions, Rotate, RuleFile, Rules, Silent, compress, embedded, preset_layers};
use seedlm_encoder::Quantizer;
use std::sync::atomic::{AtomicUsize, Ordering};

fn encoding(name: &str) -> Encoding {
    let layers = preset_layers(name).unwrap();
    let encoding = Encoding::new(layers[0].clone(), Quantizer::Exact, Rotate::Auto);
    encoding.with_layers(layers).unwrap()
}

fn target(bits_per_weight: f64) -> TargetBits {
    let candidates = ["2", "3", "4", "5"].map(|bits| crate::chained_layers(bits, 12).unwrap());
    TargetBits {
        bits_per_weight,
        candidates: candidates.to_vec(),
    }
}

fn options(rules: Rules) -> CompressOptions {
    CompressOptions {
        encoding: encoding("chained-3b-k12"),
        rules,
        moments: None,
        replace: false,
    }
}

#[test]
fn the_choice_is_what_is_written_and_no_worse_than_one_code_for_all() {
    let source = embedded::shakespeare().unwrap();
    let uniform = options(Rules::default());
    let plan = Plan::new(&source, &uniform.rules, &uniform.encoding).unwrap();
    let bits = plan.bits_per_compressed_weight;
    let choice = choose_codes(&source, &plan, &target(bits), Calibrated::default(), &Silent).unwrap();
    let chosen = options(Rules::default().with_encodings(choice.encodings().clone()));
    let folder = tempfile::tempdir().unwrap();
    let run =
        |name: &str, options: &CompressOptions| compress(&source, &folder.path().join(name), options, &Silent).unwrap();
    let (uniform, chosen) = (run("uniform.safetensors", &uniform), run("chosen.safetensors", &chosen));
    // The same bits, as the choice has counted them, and as the plan would.
    assert!(chosen.bits_per_compressed_weight <= bits);
    assert_eq!(chosen.bits_per_compressed_weight, choice.bits_per_compressed_weight);
    assert!(
        chosen.bits_per_compressed_weight > bits - 0.1,
        "{}",
        chosen.bits_per_compressed_weight
    );
    let sum = |report: &crate::CompressReport| report.matrices.iter().map(|matrix| matrix.squared_error).sum::<f64>();
    // Bits can only be exchanged with a gain where the errors per weight of two matrices differ by a factor of four; in this model they
    // do not, so that one code for all is the optimum of the plain error.
    assert!(sum(&chosen) <= sum(&uniform), "{} {}", sum(&chosen), sum(&uniform));
    // Every matrix has the code chosen for it, and the rows that were measured have told its error.
    for (matrix, found) in choice.matrices.iter().zip(&chosen.matrices) {
        assert_eq!((&matrix.name, &matrix.code), (&found.name, &found.code));
        let expected = matrix
            .candidates
            .iter()
            .find(|candidate| candidate.code == found.code)
            .unwrap();
        assert_eq!(expected.stored_bytes, found.stored_bytes);
        let ratio = expected.expected_error / found.squared_error;
        assert!((0.8..1.25).contains(&ratio), "{}: {ratio}", matrix.name);
    }
}

#[test]
fn threads_change_nothing_and_rules_keep_their_codes() {
    let source = embedded::shakespeare().unwrap();
    let text =
        "[[rule]]\nmatch = \"*.0.*.q_proj.*\"\nbits = 5\n\n[[rule]]\nmatch = \"*.1.*.q_proj.*\"\nrotate = \"never\"\n";
    let rules = Rules::default().with_file(RuleFile::parse("rules.toml", text).unwrap());
    let plan = Plan::new(&source, &rules, &encoding("chained-4b-k12")).unwrap();
    let choose = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| choose_codes(&source, &plan, &target(2.5), Calibrated::default(), &Silent))
            .unwrap()
    };
    let (one, three) = (choose(1), choose(3));
    assert_eq!(
        serde_json::to_string(&one).unwrap(),
        serde_json::to_string(&three).unwrap()
    );
    assert_eq!(one.matrices.len() + 1, plan.compressed.len());
    assert!(one.bits_per_compressed_weight <= 2.5);
    let after = Plan::new(
        &source,
        &rules.clone().with_encodings(one.encodings().clone()),
        &plan.encodings[0],
    )
    .unwrap();
    assert_eq!(after.bits_per_compressed_weight, one.bits_per_compressed_weight);
    let of = |part: &str| {
        after
            .compressed
            .iter()
            .find(|matrix| matrix.name.contains(part))
            .unwrap()
    };
    assert_eq!(of("layers.0.self_attn.q_proj").code, "k=5 K=12");
    assert_eq!(of("layers.1.self_attn.q_proj").encoding.rotate(), Rotate::Never);
}

#[test]
fn what_cannot_be_reached_is_refused() {
    let source = embedded::shakespeare().unwrap();
    let plan = Plan::new(&source, &Rules::default(), &encoding("chained-4b-k12")).unwrap();
    let error = |target: &TargetBits| {
        let refused = choose_codes(&source, &plan, target, Calibrated::default(), &Silent);
        refused.unwrap_err().to_string()
    };
    assert!(error(&target(2.0)).contains("with the smallest candidates, and the codes that rules name, it is 2.055"));
    for bits in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
        assert!(error(&target(bits)).contains("must be a number above 0"), "{bits}");
    }
    let mut twice = target(3.0);
    twice.candidates.push(twice.candidates[1].clone());
    assert!(error(&twice).contains("chained-3b-k12 is named twice"));
    twice.candidates.clear();
    assert!(error(&twice).contains("no candidate"));
    // More than everything: then everything has most.
    let choice = choose_codes(&source, &plan, &target(1e9), Calibrated::default(), &Silent).unwrap();
    assert!(choice.matrices.iter().all(|matrix| matrix.code == "k=5 K=12"));
}

/// Stops after so many questions.
struct StopsAfter(AtomicUsize);

impl Progress for StopsAfter {
    fn stop_requested(&self) -> bool {
        let left = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.is_err()
    }
}

#[test]
fn it_stops_when_asked() {
    let source = embedded::shakespeare().unwrap();
    let plan = Plan::new(&source, &Rules::default(), &encoding("chained-4b-k12")).unwrap();
    for questions in [0, 1, 5, 40] {
        let stops = StopsAfter(AtomicUsize::new(questions));
        let stopped = choose_codes(&source, &plan, &target(3.0), Calibrated::default(), &stops);
        assert!(matches!(stopped, Err(ModelError::Interrupted)), "{questions}");
    }
    let counted = StopsAfter(AtomicUsize::new(usize::MAX));
    choose_codes(&source, &plan, &target(3.0), Calibrated::default(), &counted).unwrap();
}

/// Counts the weights that are done.
#[derive(Default)]
struct Advanced(AtomicUsize);

impl Progress for Advanced {
    fn advance(&self, weights: usize) {
        self.0.fetch_add(weights, Ordering::Relaxed);
    }
}

/// A model in which one matrix counts a hundred times as much as any other, and one is no matrix at all.
struct OneMatters {
    asked: Vec<(String, usize)>,
}

impl Sensitivity for OneMatters {
    fn divergence(&mut self, name: &str, weights: &[f32]) -> Result<Option<f64>, ModelError> {
        self.asked.push((name.into(), weights.len()));
        Ok(match name {
            "model.layers.1.mlp.down_proj.weight" => Some(1.0),
            "model.layers.0.mlp.up_proj.weight" => None,
            _ => Some(0.01),
        })
    }
}

#[test]
fn bits_go_to_the_matrix_that_the_model_is_sensitive_to() {
    let source = embedded::shakespeare().unwrap();
    let uniform = options(Rules::default());
    let plan = Plan::new(&source, &uniform.rules, &uniform.encoding).unwrap();
    let mut model = OneMatters { asked: Vec::new() };
    let calibrated = Calibrated {
        moments: None,
        sensitivity: Some(&mut model),
    };
    // Two layers, and so two scales for each row, are the largest candidate that this mean has room for.
    let mut target = target(plan.bits_per_compressed_weight + 0.1);
    target.candidates.push(crate::chained_layers("2+1", 12).unwrap());
    let advanced = Advanced::default();
    let choice = choose_codes(&source, &plan, &target, calibrated, &advanced).unwrap();
    assert_eq!(choice.counted, CountedError::Divergence);
    let code = |name: &str| choice.matrices.iter().find(|matrix| matrix.name == name).unwrap();
    assert_eq!(code("model.layers.1.mlp.down_proj.weight").code, "k=5 K=12");
    // What the model was asked with is the whole matrix, and the answer is what that candidate is expected to bring.
    assert_eq!(model.asked.len(), plan.compressed.len());
    for ((name, weights), matrix) in model.asked.iter().zip(&plan.compressed) {
        assert_eq!((name, *weights), (&matrix.name, matrix.shape[0] * matrix.shape[1]));
    }
    let probe = &code("model.layers.1.mlp.down_proj.weight").candidates[4];
    assert!(probe.code.contains(" + "), "{}", probe.code);
    assert!((probe.expected_error - 1.0).abs() < 1e-12, "{}", probe.expected_error);
    assert!(choice.bits_per_compressed_weight <= target.bits_per_weight);
    assert_eq!(
        advanced.0.load(Ordering::Relaxed) as u64,
        target.measured_weights(&plan, true)
    );
}

#[test]
fn a_model_that_fails_ends_the_choice() {
    struct Fails;
    impl Sensitivity for Fails {
        fn divergence(&mut self, name: &str, _: &[f32]) -> Result<Option<f64>, ModelError> {
            Err(ModelError::Sensitivity {
                tensor: name.into(),
                source: "no text".into(),
            })
        }
    }
    let source = embedded::shakespeare().unwrap();
    let uniform = options(Rules::default());
    let plan = Plan::new(&source, &uniform.rules, &uniform.encoding).unwrap();
    let calibrated = Calibrated {
        moments: None,
        sensitivity: Some(&mut Fails),
    };
    let error = choose_codes(&source, &plan, &target(3.5), calibrated, &Silent).unwrap_err();
    let first = &plan.compressed[0].name;
    assert!(
        error.to_string().contains(first.as_str()) && error.to_string().contains("no text"),
        "{error}"
    );
}
