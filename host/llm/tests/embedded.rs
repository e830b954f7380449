//! The model inside the program, as its training script knows it, and through all arithmetics.

#[allow(dead_code)]
mod coded;

use coded::{decoded, dense, encode, integer, source};
use seedlm_codec::Code;
use seedlm_llm::evaluate::{Step, Variant, Windows, compare};
use seedlm_llm::{
    Generated, GoldenMachine, LinearLayers, Package, Sampling, SoftwareMachine, collect_moments, generate,
};
use seedlm_model::embedded::SHAKESPEARE_SAMPLE_TEXT;
use seedlm_model::{Rules, encode_tensors};
use std::ops::ControlFlow;

fn variant(package: &Package, linear: impl LinearLayers + 'static) -> Variant {
    Variant {
        name: package.name.clone(),
        language: package.language.clone(),
        linear: Box::new(linear),
    }
}

/// `train.py` measured 1.18425 nats per byte on the sample, in windows of 256 bytes that do not overlap; see metrics.json.
#[test]
fn the_loss_on_the_sample_is_the_one_of_the_training_script() {
    let package = Package::embedded().unwrap();
    let tokens = package.tokenizer.encode(SHAKESPEARE_SAMPLE_TEXT, true).unwrap();
    let windows = Windows {
        length: 256,
        stride: 256,
        count: usize::MAX,
    };
    let windows = windows.cut(&tokens).unwrap();
    let mut reference = variant(&package, dense(&package));
    let mut told = 0;
    let comparison = compare(&mut reference, &mut [], &windows, &mut |step| {
        if let Step::Window { finished, .. } = step {
            told = finished;
        }
        ControlFlow::Continue(())
    });
    let scores = comparison.unwrap().reference;
    assert_eq!((scores.tokens, told), (8191, 32));
    assert!((scores.nats_per_token.mean - 1.18425).abs() < 2e-5, "{scores:?}");
}

fn write(package: &Package, linear: &mut dyn LinearLayers, sampling: Sampling) -> Generated {
    let prompt = package.tokenizer.encode("KING ", true).unwrap();
    let on_text = &mut |_: &str| ControlFlow::Continue(());
    generate(
        &package.language,
        linear,
        &package.tokenizer,
        &prompt,
        12,
        sampling,
        on_text,
    )
    .unwrap()
}

/// Divergence of a code from the uncompressed model on the sample, beside the same code calibrated on another part of it.
fn divergences(package: &Package, code: &str) -> [f64; 2] {
    let tokens = package.tokenizer.encode(SHAKESPEARE_SAMPLE_TEXT, true).unwrap();
    let windows = |count| Windows {
        length: 256,
        stride: 256,
        count,
    };
    let (for_test, for_calibration) = tokens.split_at(2048);
    let calibration = windows(16).cut(for_calibration).unwrap();
    let moments = collect_moments(package, &calibration, "sample".into(), &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    let source = source(package);
    let chosen = source.compressible(&Rules::default()).unwrap();
    let mut variants = [None, Some(&moments)].map(|moments| {
        let coded = encode_tensors(source, &chosen, &[Code::preset(code).unwrap()], moments, &|_| ()).unwrap();
        variant(package, decoded(package, &coded))
    });
    let mut reference = variant(package, dense(package));
    let go_on = &mut |_: Step| ControlFlow::Continue(());
    let windows = windows(8).cut(for_test).unwrap();
    let comparison = compare(&mut reference, &mut variants, &windows, go_on).unwrap();
    let [plain, calibrated] = comparison.variants.try_into().unwrap();
    [plain.divergence.mean, calibrated.divergence.mean]
}

#[test]
fn calibration_lessens_the_divergence() {
    let package = Package::embedded().unwrap();
    for code in ["chained-3b-k12", "paper-4b"] {
        let [plain, calibrated] = divergences(&package, code);
        println!("{code}: {plain:.5} {calibrated:.5} {:.2}", plain / calibrated);
        assert!(calibrated < plain / 1.2, "{code}: {plain} {calibrated}");
    }
}

/// The golden model decodes every weight in every product: few tokens are enough.
#[test]
fn fast_integers_are_the_golden_ones() {
    let package = Package::embedded().unwrap();
    for (code, bits) in [("paper-4b", 8), ("chained-4b-k12", 16), ("progressive-4b-k12", 8)] {
        let coded = encode(&package, code);
        assert_eq!(coded.len(), 21);
        for temperature in [0.0, 0.9] {
            let sampling = Sampling {
                temperature,
                top_k: 40,
                top_p: 0.95,
                seed: 5,
            };
            let golden = write(
                &package,
                &mut integer(&package, &coded, GoldenMachine::new, bits),
                sampling,
            );
            let software = write(
                &package,
                &mut integer(&package, &coded, SoftwareMachine::new, bits),
                sampling,
            );
            assert_eq!(golden, software, "{code}");
            assert_eq!(golden.tokens.len(), 12);
        }
    }
}

/// With 16-bit activations the integers are the decoded weights in binary32, up to rounding.
#[test]
fn integers_say_what_decoded_weights_say() {
    let package = Package::embedded().unwrap();
    let coded = encode(&package, "chained-4b-k12");
    let mut decoded = dense(&package);
    let config = package.language.config();
    for coded in &coded {
        let linear = seedlm_llm::Linear::all(config).find(|linear| linear.tensor_name(config) == coded.name);
        decoded
            .replace(linear.unwrap(), &coded.stored.machine_values(), coded.stored.rotation())
            .unwrap();
    }
    let tokens = package.tokenizer.encode(&SHAKESPEARE_SAMPLE_TEXT[..300], true).unwrap();
    let windows = Windows {
        length: 150,
        stride: 150,
        count: 2,
    };
    let mut reference = variant(&package, dense(&package));
    let mut variants = [
        variant(&package, decoded),
        variant(&package, integer(&package, &coded, SoftwareMachine::new, 16)),
    ];
    let go_on = &mut |_: Step<'_>| ControlFlow::Continue(());
    let [decoded, integer] = compare(&mut reference, &mut variants, &windows.cut(&tokens).unwrap(), go_on)
        .unwrap()
        .variants
        .try_into()
        .unwrap();
    assert!(decoded.divergence.mean > 1e-3, "{decoded:?}");
    let difference = (decoded.divergence.mean - integer.divergence.mean).abs();
    assert!(difference < 0.02 * decoded.divergence.mean, "{decoded:?} {integer:?}");
}
