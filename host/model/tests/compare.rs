//! Comparisons of models: laws that hold for any two, the oracle of the definition, and stops.
#[allow(dead_code)]
mod common;

use common::{f32_matrix, matrix_of, numbers, options_for, safetensors, small_chained_code, small_code};
use proptest::prelude::*;
use seedlm_codec::Code;
use seedlm_model::{
    Better, CompareReport, Comparison, CompressOptions, Container, DecompressOptions, Dtype, Model, ModelError,
    Progress, Rotate, Rules, Silent, Source, compress, decompress,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

fn write(folder: &Path, name: &str, rows: usize, columns: usize, values: &[f32]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, safetensors(&[matrix_of("m.weight", rows, columns, values)], &[])).unwrap();
    path
}

fn compared(a: &Path, b: &Path, reference: Option<&Path>) -> CompareReport {
    let (a, b) = (Model::open(a).unwrap(), Model::open(b).unwrap());
    let reference = reference.map(|path| Source::open(path).unwrap());
    let comparison = Comparison::new(&a, &b, reference.as_ref()).unwrap();
    comparison.run(&Silent).unwrap()
}

fn weights() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-10_f32..10.0, 12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The figures are those of their definitions, over any three models.
    #[test]
    fn figures_are_those_of_their_definitions(a in weights(), b in weights(), r in weights()) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name, values: &[f32]| write(folder.path(), name, 3, 4, values);
        let (of_a, of_b, of_r) = (path("a", &a), path("b", &b), path("r", &r));
        let report = compared(&of_a, &of_b, Some(&of_r));
        let norm = |values: &[f32]| values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        let distance = |left: &[f32], right: &[f32]| {
            let squares = left.iter().zip(right).map(|(&l, &r)| (f64::from(l) - f64::from(r)).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let tensor = &report.tensors[0];
        let difference = tensor.difference.unwrap();
        let close = |left: Option<f64>, right: f64| (left.unwrap() - right).abs() <= 1e-12 * right.max(1e-3);
        prop_assert!(close(difference.relative_difference, distance(&a, &b) / norm(&a)));
        let largest = a.iter().zip(&b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).abs()).fold(0.0, f64::max);
        prop_assert_eq!(difference.largest_difference, largest);
        let against = tensor.against_reference.unwrap();
        prop_assert!(close(against.relative_error_a, distance(&a, &r) / norm(&r)));
        prop_assert!(close(against.relative_error_b, distance(&b, &r) / norm(&r)));
        prop_assert_eq!(against.better == Better::A, distance(&a, &r) < distance(&b, &r));
        // One tensor is all there is.
        prop_assert_eq!(report.totals.difference, difference);
        prop_assert_eq!(report.totals.against_reference.unwrap().errors, against);
        // A model and itself.
        let same = compared(&of_a, &of_a, None);
        prop_assert_eq!(same.tensors[0].identical, Some(true));
        prop_assert_eq!(same.totals.difference.relative_difference, Some(0.0));
        prop_assert_eq!((same.totals.equal_tensors, same.totals.difference.sqnr_db), (1, None));
    }
}

/// Many steps and tasks give what the encoder has measured weight by weight, in either code and rotated.
#[test]
fn large_matrices_are_compared_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    fs::write(&plain, safetensors(&[f32_matrix("m.weight", 1100, 1000)], &[])).unwrap();
    for (code, rotate) in [
        (Code::from(small_code()), Rotate::Never),
        (small_chained_code().into(), Rotate::Always),
    ] {
        let packed = folder.path().join(format!("packed-{}", code.label()));
        let source = Source::open(&plain).unwrap();
        let measured = compress(&source, &packed, &options_for(code, rotate), &Silent).unwrap();
        let report = compared(&plain, &packed, Some(&plain));
        let difference = report.tensors[0].difference.unwrap().relative_difference.unwrap();
        assert!((difference - measured.relative_error).abs() < 1e-9, "{difference}");
        assert_eq!(report.tensors[0].b.stored_bytes, measured.stored_bytes);
        assert_eq!(report.totals.against_reference.unwrap().errors.better, Better::A);
    }
}

#[test]
fn bytes_of_other_types_and_of_other_widths_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let model = |name: &str, ids: Vec<u8>, half: (Dtype, Vec<u8>)| {
        let path = folder.path().join(name);
        let tensors = [
            ("ids".to_string(), Dtype::I64, vec![1], ids),
            ("half".into(), half.0, vec![2], half.1),
        ];
        fs::write(&path, safetensors(&tensors, &[])).unwrap();
        path
    };
    // 1.0 and -2.0, in either type.
    let a = model("a", vec![7; 8], (Dtype::BF16, vec![0x80, 0x3f, 0x00, 0xc0]));
    let b = model("b", vec![8; 8], (Dtype::F16, vec![0x00, 0x3c, 0x00, 0xc0]));
    let report = compared(&a, &b, None);
    let [ids, half] = &report.tensors[..] else { panic!() };
    assert_eq!(
        (ids.name.as_str(), ids.identical, ids.difference),
        ("ids", Some(false), None)
    );
    assert!(ids.not_measured.as_ref().unwrap().contains("I64"));
    assert_eq!((half.identical, half.is_equal()), (Some(false), true));
    assert_eq!(half.a.bits_per_weight, 16.0);
    assert_eq!(compared(&a, &a, None).tensors[1].identical, Some(true));
}

#[test]
fn a_comparison_stops_when_asked() {
    /// Wishes to stop when it is asked the second time.
    struct Impatient(AtomicUsize);
    impl Progress for Impatient {
        fn stop_requested(&self) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed) > 0
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "a", 3, 4, &numbers(12));
    let model = Model::open(&path).unwrap();
    let comparison = Comparison::new(&model, &model, None).unwrap();
    assert_eq!(comparison.weights(), 12);
    let stopped = comparison.run(&Impatient(AtomicUsize::new(0)));
    assert!(matches!(stopped, Err(ModelError::Interrupted)));
}

/// A convolution is compared element by element, though it is stored as a matrix.
#[test]
fn tensors_of_any_dimensions_are_those_that_they_decode_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let bytes = numbers(6 * 5 * 3 * 3)
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let tensors = [
        ("conv.weight".into(), Dtype::F32, vec![6, 5, 3, 3], bytes),
        f32_matrix("a.q.weight", 7, 24),
    ];
    fs::write(path("plain"), safetensors(&tensors, &[])).unwrap();
    let options = CompressOptions {
        rules: Rules::new(&["conv.weight", "a.q.weight"], &[]).unwrap(),
        ..options_for(small_chained_code(), Rotate::Auto)
    };
    compress(
        &Source::open(path("plain")).unwrap(),
        &path("packed"),
        &options,
        &Silent,
    )
    .unwrap();
    let container = Container::open(path("packed")).unwrap();
    decompress(&container, &path("decoded"), &DecompressOptions::default(), &Silent).unwrap();
    let same = compared(&path("packed"), &path("decoded"), None);
    assert_eq!(same.tensors.len(), 2);
    assert!(
        same.tensors
            .iter()
            .all(|tensor| tensor.difference.unwrap().relative_difference == Some(0.0)),
        "{same:?}"
    );
    let different = compared(&path("plain"), &path("packed"), None);
    for tensor in &different.tensors {
        let info = container
            .matrices()
            .iter()
            .find(|info| info.name == tensor.name)
            .unwrap();
        let expected = (info.squared_error() / info.squared_norm).sqrt();
        let found = tensor.difference.unwrap().relative_difference.unwrap();
        assert!(
            (found / expected - 1.0).abs() < 1e-9,
            "{}: {found} and {expected}",
            tensor.name
        );
    }
}
