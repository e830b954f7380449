//! Models in layers: every prefix is a model, however it was cut.
#[allow(dead_code)]
mod common;

use common::{f32_matrix, heavy_tailed_matrix, numbers, options_for, safetensors, small_chained_code, small_code};
use proptest::prelude::*;
use seedlm_codec::{Code, layer_turn};
use seedlm_encoder::Quantizer;
use seedlm_model::{
    CompressOptions, CompressReport, Container, DecompressOptions, Dtype, Encoding, ModelError, Progress, Rotate,
    Silent, Source, TruncateLimit, TruncateOptions, compress, decompress, describe_layers, matrices_with_layer, prefix,
    truncate, verify, write_prefix,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// A folder with a plain model of three matrices and its compressed form.
struct Workplace {
    folder: TempDir,
    report: CompressReport,
}

fn layered(layers: Vec<Code>, rotate: Rotate) -> CompressOptions {
    let encoding = Encoding::new(layers[0].clone(), Quantizer::Rounded, rotate);
    CompressOptions {
        encoding: encoding.with_layers(layers).unwrap(),
        ..options_for(small_code(), rotate)
    }
}

impl Workplace {
    fn new(layers: Vec<Code>, rotate: Rotate) -> Self {
        Workplace::of(&layered(layers, rotate), &Silent)
    }

    fn of(options: &CompressOptions, progress: &dyn Progress) -> Self {
        let folder = TempDir::new().unwrap();
        let bias = numbers(5).iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensors = [
            f32_matrix("a.q.weight", 5, 37),
            heavy_tailed_matrix("b.k.weight", 3, 64),
            f32_matrix("c.v.weight", 4, 7),
            ("a.q.bias".into(), Dtype::F32, vec![5], bias),
        ];
        let plain = folder.path().join("plain.safetensors");
        fs::write(&plain, safetensors(&tensors, &[])).unwrap();
        let packed = folder.path().join("packed.safetensors");
        let source = Source::open(&plain).unwrap();
        let report = compress(&source, &packed, options, progress).unwrap();
        Workplace { folder, report }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn container(&self) -> Container {
        Container::open(self.path("packed.safetensors")).unwrap()
    }

    /// The bytes of the model decoded from its first layers.
    fn decoded(&self, container: &Container) -> Vec<u8> {
        let path = self.path("decoded.safetensors");
        let options = DecompressOptions {
            dtype: None,
            replace: true,
        };
        decompress(container, &path, &options, &Silent).unwrap();
        fs::read(path).unwrap()
    }

    fn truncated(&self, limit: TruncateLimit) -> Result<Container, ModelError> {
        let path = self.path("truncated.safetensors");
        let options = TruncateOptions { limit, replace: true };
        truncate(&self.container(), &path, &options, &Silent)?;
        Container::open(path)
    }
}

fn chained(count: usize) -> Vec<Code> {
    vec![small_chained_code().into(); count]
}

#[test]
fn errors_are_those_of_the_decoded_prefixes() {
    let mixed = vec![
        small_chained_code().into(),
        small_code().into(),
        small_chained_code().into(),
    ];
    for (layers, rotate) in [
        (chained(3), Rotate::Auto),
        (chained(2), Rotate::Always),
        (mixed, Rotate::Never),
    ] {
        let place = Workplace::new(layers, rotate);
        let source = Source::open(place.path("plain.safetensors")).unwrap();
        let container = place.container();
        for (info, report) in container.matrices().iter().zip(&place.report.matrices) {
            let tensor = source.tensor(&info.name).unwrap();
            let weights = source.matrix(tensor).unwrap().values;
            let stored = container.matrix(info).unwrap();
            assert_eq!(info.layers.len(), report.layers.len());
            let mut last = f64::INFINITY;
            for (count, layer) in (1..).zip(&info.layers) {
                let decoded = stored.values_of(0..info.rows, count);
                let squares = weights
                    .iter()
                    .zip(&decoded)
                    .map(|(w, d)| (f64::from(*w) - f64::from(*d)).powi(2));
                let error: f64 = squares.sum();
                assert!(
                    (error - layer.squared_error).abs() <= 1e-9 * error,
                    "{}, layer {count}",
                    info.name
                );
                assert_eq!(layer.squared_error, report.layers[count - 1].squared_error);
                assert!(error < last, "{}, layer {count}: {error} after {last}", info.name);
                last = error;
            }
            assert_eq!(
                stored.values(0..info.rows),
                stored.values_of(0..info.rows, info.layers.len())
            );
        }
        let prefixes = &place.report.prefixes;
        assert_eq!(prefixes.last().unwrap().relative_error, place.report.relative_error);
        assert_eq!(
            prefixes.last().unwrap().bits_per_compressed_weight,
            place.report.bits_per_compressed_weight
        );
        assert!(
            verify(&place.path("packed.safetensors"), &Silent)
                .unwrap()
                .problems
                .is_empty()
        );
    }
}

/// The sum of the layers, worked out from their integers alone.
#[test]
fn layers_are_turned_before_they_are_added() {
    let place = Workplace::new(chained(3), Rotate::Never);
    let container = place.container();
    for info in container.matrices() {
        let stored = container.matrix(info).unwrap();
        for row in 0..info.rows {
            let expected: Vec<f32> = (0..info.columns)
                .map(|column| {
                    let parts = stored.layers().iter().enumerate().map(|(index, layer)| {
                        let turn = layer_turn(index + 1, info.columns);
                        let place = (column + info.columns - turn) % info.columns;
                        f64::from(layer.row_integers(row)[place] as f32 * layer.scale(row))
                    });
                    parts.sum::<f64>() as f32
                })
                .collect();
            assert_eq!(stored.row_values(row), expected);
        }
    }
}

#[test]
fn one_layer_is_what_it_has_always_been() {
    let alone = Workplace::new(chained(1), Rotate::Auto);
    // With one scale for each row, its own best one.
    let mut options = layered(chained(3), Rotate::Auto);
    options.encoding = options.encoding.with_scale_trials(1).unwrap();
    let layered = Workplace::of(&options, &Silent);
    assert_eq!(alone.container().documents()[0].version, 2);
    assert_eq!(layered.container().documents()[0].version, 3);
    // Without its further layers the layered model is the other one, to the last byte.
    layered.truncated(TruncateLimit::Layers(1)).unwrap();
    let bytes = |path: PathBuf| fs::read(path).unwrap();
    assert_eq!(
        bytes(layered.path("truncated.safetensors")),
        bytes(alone.path("packed.safetensors"))
    );
}

/// Counts the weights that are done.
#[derive(Default)]
struct Advanced(AtomicUsize);

impl Progress for Advanced {
    fn advance(&self, weights: usize) {
        self.0.fetch_add(weights, Ordering::Relaxed);
    }
}

#[test]
fn trials_make_two_layers_better_and_progress_counts_each_weight_once() {
    let weights = 5 * 37 + 3 * 64 + 4 * 7;
    let mut last = f64::INFINITY;
    for trials in [1, 3, 5] {
        let mut options = layered(chained(2), Rotate::Never);
        options.encoding = options.encoding.with_scale_trials(trials).unwrap();
        let advanced = Advanced::default();
        let place = Workplace::of(&options, &advanced);
        assert_eq!(advanced.0.into_inner(), weights, "{trials} trials");
        assert!(place.report.relative_error < last, "{trials} trials");
        last = place.report.relative_error;
    }
}

#[test]
fn a_prefix_decodes_alike_however_it_was_made() {
    let place = Workplace::new(chained(3), Rotate::Auto);
    for layers in 1..=3 {
        let mut kept = place.container();
        kept.keep_layers(layers);
        let expected = place.decoded(&kept);
        let truncated = place.truncated(TruncateLimit::Layers(layers)).unwrap();
        assert_eq!(place.decoded(&truncated), expected, "{layers} layers, truncated");
        let container = place.container();
        let start = prefix(&container, Some(container.prefix_bytes(layers)[0])).unwrap();
        assert_eq!(start.matrices_with_layer, vec![3; layers]);
        let cut = place.path("cut.safetensors");
        let mut bytes = Vec::new();
        write_prefix(&container, &start, &mut bytes).unwrap();
        fs::write(&cut, bytes).unwrap();
        let from_cut = Container::open_cut(&cut).unwrap();
        assert_eq!(place.decoded(&from_cut), expected, "{layers} layers, cut");
        // What is left of a file is all that can be sent on.
        let mut again = Vec::new();
        write_prefix(&from_cut, &prefix(&from_cut, None).unwrap(), &mut again).unwrap();
        assert_eq!(again, fs::read(&cut).unwrap());
        if layers < 3 {
            let error = Container::open(&cut).unwrap_err().to_string();
            let held = describe_layers(&vec![3; layers]);
            assert!(
                error.contains(&held) && error.contains("decompress --partial"),
                "{error}"
            );
            let problems = verify(&cut, &Silent).unwrap().problems;
            assert!(problems[0].contains(&held), "{problems:?}");
        }
    }
}

#[test]
fn the_least_costly_layers_are_dropped_first() {
    let place = Workplace::new(chained(3), Rotate::Auto);
    let container = place.container();
    let error = |container: &Container| -> f64 { container.matrices().iter().map(|info| info.squared_error()).sum() };
    let bytes = |container: &Container| -> u64 { container.matrices().iter().map(|info| info.stored_bytes()).sum() };
    let full = container.source().file_bytes();
    let mut last = (u64::MAX, 0.0);
    for most in (0..=full).rev().step_by(16) {
        let Ok(truncated) = place.truncated(TruncateLimit::Bytes(most)) else {
            let base: u64 = container
                .matrices()
                .iter()
                .map(|info| info.layers[0].stored_bytes())
                .sum();
            assert_eq!(last.0, base, "it went down to the bases");
            return;
        };
        assert!(truncated.source().file_bytes() <= most);
        assert!(
            verify(&place.path("truncated.safetensors"), &Silent)
                .unwrap()
                .problems
                .is_empty()
        );
        assert!(bytes(&truncated) <= last.0 && error(&truncated) >= last.1);
        last = (bytes(&truncated), error(&truncated));
    }
    panic!("a model of no bytes was made");
}

#[test]
fn limits_that_cannot_be_met_are_refused() {
    let place = Workplace::new(chained(2), Rotate::Never);
    for (limit, expected) in [
        (TruncateLimit::Layers(0), "at least one layer"),
        (TruncateLimit::BitsPerWeight(1.0), "bits per weight; 1 is too few"),
        (TruncateLimit::BitsPerWeight(f64::NAN), "NaN is no number of bits"),
        (TruncateLimit::BitsPerWeight(0.0), "0 is no number of bits"),
        (TruncateLimit::Bytes(100), "100 is too few"),
    ] {
        let error = place.truncated(limit).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = prefix(&place.container(), Some(100)).unwrap_err().to_string();
    assert!(error.contains("100 are too few"), "{error}");
    assert_eq!(matrices_with_layer(&place.container()), [3, 3]);
}

fn cut_at(path: &Path, bytes: &[u8], end: usize) -> Result<Container, ModelError> {
    fs::write(path, &bytes[..end]).unwrap();
    Container::open_cut(path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Wherever a file ends: what opens has only whole layers, and they decode.
    #[test]
    fn any_start_of_a_file_gives_whole_layers_or_an_error(share in 0.0..1.0) {
        let place = Workplace::new(chained(3), Rotate::Auto);
        let bytes = fs::read(place.path("packed.safetensors")).unwrap();
        let end = (share * bytes.len() as f64) as usize;
        let base = place.container().prefix_bytes(1)[0];
        match cut_at(&place.path("cut.safetensors"), &bytes, end) {
            Ok(cut) => {
                prop_assert!(end as u64 >= base);
                for info in cut.matrices() {
                    prop_assert!(!info.layers.is_empty());
                    cut.matrix(info).unwrap();
                }
            }
            Err(error) => prop_assert!((end as u64) < base && error.is_damage(), "{error}"),
        }
    }
}
