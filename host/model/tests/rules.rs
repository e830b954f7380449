//! Rules of a file on whole compressions: tensors of any rank there and back, and runs that are resumed.
#[allow(dead_code)]
mod common;

use common::{f32_matrix, numbers, options_for, safetensors, small_chained_code};
use proptest::prelude::*;
use seedlm_model::{
    CompressOptions, Container, DecompressOptions, Dtype, MatrixReport, MatrixStep, ModelError, Progress, Rotate,
    RuleFile, Rules, RunOptions, Silent, Source, compress, compress_with, decompress, verify,
};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

fn with_rules(text: &str) -> CompressOptions {
    let options = options_for(small_chained_code(), Rotate::Auto);
    let rules = Rules::default().with_file(RuleFile::parse("rules.toml", text).unwrap());
    CompressOptions { rules, ..options }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// The first dimension is the rows, all others are the columns: what is decoded is what the same weights give as a matrix.
    #[test]
    fn tensors_of_any_rank_are_their_matrices(
        shape in prop::collection::vec(1_usize..6, 2..6),
        rotate in prop::sample::select(vec!["auto", "always", "never"]),
        layers in prop::sample::select(vec!["bits = 2\nchain_length = 12", "layers = \"1+2\"\nchain_length = 12", "code = \"paper-3b\""]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let columns: usize = shape[1..].iter().product();
        let bytes: Vec<u8> = numbers(shape[0] * columns).iter().flat_map(|value| value.to_le_bytes()).collect();
        let options = with_rules(&format!("[[rule]]\nmatch = \"conv\"\n{layers}\nrotate = \"{rotate}\"\n"));
        let mut decoded = Vec::new();
        for (name, shape) in [("tensor", shape.clone()), ("matrix", vec![shape[0], columns])] {
            let [plain, packed, again] = ["plain", "packed", "again"].map(|kind| path(&format!("{name}-{kind}.safetensors")));
            fs::write(&plain, safetensors(&[("conv".into(), Dtype::F32, shape.clone(), bytes.clone())], &[])).unwrap();
            compress(&Source::open(&plain).unwrap(), &packed, &options, &Silent).unwrap();
            prop_assert_eq!(verify(&packed, &Silent).unwrap().problems, Vec::<String>::new());
            let container = Container::open(&packed).unwrap();
            prop_assert_eq!((container.matrices()[0].rows, container.matrices()[0].columns), (shape[0], columns));
            decompress(&container, &again, &DecompressOptions::default(), &Silent).unwrap();
            let source = Source::open(&again).unwrap();
            let info = source.tensor("conv").unwrap();
            prop_assert_eq!(&info.shape, &shape);
            decoded.push(source.matrix(info).unwrap().values);
        }
        prop_assert_eq!(&decoded[0], &decoded[1]);
    }
}

/// Stops when the first matrix is finished.
#[derive(Default)]
struct StopAfterOne(AtomicBool);

impl Progress for StopAfterOne {
    fn finish(&self, _: &MatrixStep, _: &MatrixReport) {
        self.0.store(true, Ordering::SeqCst);
    }
    fn stop_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn a_run_is_not_resumed_with_other_rules() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // Several files, so that matrices are finished one by one.
    let tensors: Vec<_> = (0..8)
        .map(|number| f32_matrix(&format!("layers.{number}.q.weight"), 5, 24))
        .collect();
    fs::write(path("plain.safetensors"), safetensors(&tensors, &[])).unwrap();
    let source = Source::open(path("plain.safetensors")).unwrap();
    let run = |name: &str, text: &str, resume: bool, progress: &dyn Progress| {
        let options = RunOptions {
            resume,
            memory_bytes: None,
        };
        compress_with(&source, &path(name), &with_rules(text), options, progress)
    };
    let rules =
        "[[rule]]\nmatch = \"*.3.*\"\nbits = 2\nchain_length = 12\n\n[[rule]]\nmatch = \"*.7.*\"\nkeep = true\n";
    let stopped = run("out.safetensors", rules, false, &StopAfterOne::default());
    assert!(matches!(stopped, Err(ModelError::Unfinished { .. })), "{stopped:?}");
    for (other, expected) in [
        (rules.replace("*.3.*", "*.4.*"), "which matrix has which, have changed"),
        (
            rules.replace("*.7.*", "*.6.*"),
            "which tensors are compressed has changed",
        ),
        (rules.replace("bits = 2", "bits = 3"), "--code was"),
        (
            rules
                .replace("bits = 2", "rotate = \"never\"")
                .replace("chain_length = 12\n", ""),
            "--code was",
        ),
    ] {
        let error = run("out.safetensors", &other, true, &Silent).unwrap_err().to_string();
        assert!(error.contains(expected), "{other}: {error}");
    }
    // Other words for the same are the same.
    let same = rules.replace("match = \"*.3.*\"", "# the fourth layer\nmatch = [\"layers.3.*\"]");
    let report = run("out.safetensors", &same, true, &Silent).unwrap();
    assert!(report.resumed_matrices >= 1);
    run("whole.safetensors", rules, false, &Silent).unwrap();
    assert_eq!(
        fs::read(path("out.safetensors")).unwrap(),
        fs::read(path("whole.safetensors")).unwrap()
    );
}
