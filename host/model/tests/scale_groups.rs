//! Models whose matrices have scale groups: each group of columns is a coded row of its own, and nothing else.
#[allow(dead_code)]
mod common;

use common::{f32_matrix, heavy_tailed_matrix, options_for, safetensors, small_chained_code, small_code};
use proptest::prelude::*;
use seedlm_codec::{Activations, Code, CodecError, Rotation, WeightMatrix, product};
use seedlm_encoder::{EncodeError, Quantizer};
use seedlm_model::{
    CompressOptions, CompressReport, Container, DecompressOptions, EncodedWeights, Encoding, InputMoments, Matrix,
    MatrixEncoder, Plan, Rotate, RuleFile, Rules, Silent, Source, StoredMatrix, TruncateLimit, TruncateOptions,
    compress, decompress, inspect, truncate, verify,
};
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use tempfile::TempDir;

fn encoding(layers: usize, rotate: Rotate, scale_group: Option<usize>) -> Encoding {
    let code: Code = small_chained_code().into();
    let encoding = Encoding::new(code.clone(), Quantizer::Exact, rotate);
    let encoding = encoding.with_layers(vec![code; layers]).unwrap();
    encoding.with_scale_group(scale_group)
}

fn encode(encoding: &Encoding, [rows, columns]: [usize; 2], values: &[f32]) -> EncodedWeights {
    encode_for(encoding, [rows, columns], values, None)
}

fn encode_for(
    encoding: &Encoding,
    [rows, columns]: [usize; 2],
    values: &[f32],
    moments: Option<&InputMoments>,
) -> EncodedWeights {
    let weights = Matrix {
        rows,
        columns,
        values: values.to_vec(),
    };
    let original = |rows: std::ops::Range<usize>| values[rows.start * columns..rows.end * columns].to_vec();
    let go_on = &|_| ControlFlow::Continue(());
    let encoder = MatrixEncoder::new(encoding).unwrap();
    encoder.encode(weights, &original, moments, go_on).unwrap()
}

fn rows_of(stored: &StoredMatrix) -> Vec<f32> {
    stored.values(0..stored.rows())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A matrix with groups is the matrix of its groups as rows: the same words, scales and weights.
    #[test]
    fn groups_are_rows_of_their_own(
        (rows, groups, group) in (1_usize..5, 1_usize..5, 1_usize..12),
        values in prop::collection::vec(-1.0_f32..1.0, 4 * 4 * 11),
    ) {
        let values = &values[..rows * groups * group];
        let grouped = encode(&encoding(1, Rotate::Never, Some(group)), [rows, groups * group], values);
        let alone = encode(&encoding(1, Rotate::Never, None), [rows * groups, group], values);
        prop_assert_eq!(grouped.stored.layers(), alone.stored.layers());
        prop_assert_eq!(rows_of(&grouped.stored), rows_of(&alone.stored));
        prop_assert_eq!(grouped.squared_error, alone.squared_error);
        prop_assert_eq!((grouped.stored.rows(), grouped.stored.columns()), (rows, groups * group));
        prop_assert_eq!(grouped.stored.scale_group(), (groups > 1).then_some(group));
        // One that is as wide as the row is none.
        let whole = encode(&encoding(1, Rotate::Never, Some(groups * group)), [rows, groups * group], values);
        let plain = encode(&encoding(1, Rotate::Never, None), [rows, groups * group], values);
        prop_assert_eq!(whole.stored, plain.stored);
    }

    /// The products of the parts with the activations of their columns make up that of the decoded rows, rotated and in layers.
    #[test]
    fn parts_make_up_the_product(
        (rows, groups, group, layers) in (1_usize..4, 1_usize..4, 1_usize..12, 1_usize..4),
        is_rotated in any::<bool>(),
        values in prop::collection::vec(-1.0_f32..1.0, 3 * 3 * 11),
        activations in prop::collection::vec(-128..128, 3 * 11),
    ) {
        let columns = groups * group;
        let rotate = if is_rotated { Rotate::Always } else { Rotate::Never };
        let encoded = encode(&encoding(layers, rotate, Some(group)), [rows, columns], &values[..rows * columns]);
        let stored = encoded.stored;
        prop_assert_eq!(stored.rotation().is_some(), is_rotated);
        let activations = Activations::new(8, 1.0, activations[..columns].to_vec()).unwrap();
        let machine_rows: Vec<Vec<f32>> = (0..rows).map(|row| stored.row_values(row)).collect();
        let mut sums = vec![0.0; rows];
        let parts = stored.into_parts().unwrap();
        prop_assert_eq!(parts.len(), layers * groups);
        for part in parts {
            prop_assert_eq!((part.matrix.rows(), part.matrix.columns()), (rows, group));
            let turned = activations.of_layer(part.layer);
            let products = product(&part.matrix, &part.group.of_activations(&turned)).unwrap();
            for (row, product) in products.into_iter().enumerate() {
                sums[row] += product as f64 * f64::from(part.matrix.scale(row));
            }
        }
        for (weights, sum) in machine_rows.iter().zip(sums) {
            let pairs = weights.iter().zip(activations.values());
            let expected: f64 = pairs.map(|(&weight, &x)| f64::from(weight) * f64::from(x)).sum();
            prop_assert!((sum - expected).abs() < 1e-3, "{} {}", sum, expected);
        }
    }
}

/// Inputs that say nothing of each other feed nothing back: a calibrated matrix is then the one that is encoded in the same pieces.
/// Inputs that hang together bring errors of one group into the next one.
#[test]
fn calibration_goes_on_over_the_groups() {
    let (rows, columns, group) = (6, 48, 16);
    let values = common::numbers(rows * columns);
    let unit = |size: usize| {
        let sums = (0..size * size).map(|index| if index % (size + 1) == 0 { 1.0 } else { 0.0 });
        InputMoments::new(size, sums.collect()).unwrap()
    };
    let encoding = encoding(1, Rotate::Never, Some(group));
    let blind = encode_for(&encoding, [rows, columns], &values, Some(&unit(columns)));
    let alone = Encoding::new(small_chained_code(), Quantizer::Exact, Rotate::Never);
    let alone = encode_for(&alone, [rows * columns / group, group], &values, Some(&unit(group)));
    assert_eq!(blind.stored.layers(), alone.stored.layers());
    assert_eq!(blind.stored.scale_group(), Some(group));

    let together: Vec<f32> = (0..columns * columns)
        .map(|index| if index % (columns + 1) == 0 { 1.1 } else { 1.0 })
        .collect();
    let moments = InputMoments::new(columns, together).unwrap();
    let calibrated = encode_for(&encoding, [rows, columns], &values, Some(&moments));
    // The error of a row's sum, which is what such inputs see.
    let error = |stored: &StoredMatrix| -> f64 {
        let decoded = rows_of(stored);
        let rows = values.chunks(columns).zip(decoded.chunks(columns));
        let sums = rows.map(|(row, decoded)| {
            let differences = row.iter().zip(decoded).map(|(&w, &d)| f64::from(w) - f64::from(d));
            differences.sum::<f64>().powi(2)
        });
        sums.sum()
    };
    let (with, without) = (error(&calibrated.stored), error(&blind.stored));
    assert!(with < 0.6 * without, "{with} {without}");
}

/// A folder with a plain model of two matrices.
struct Workplace {
    folder: TempDir,
}

impl Workplace {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let tensors = [
            f32_matrix("a.q.weight", 5, 36),
            heavy_tailed_matrix("b.k.weight", 3, 60),
        ];
        fs::write(folder.path().join("plain.safetensors"), safetensors(&tensors, &[])).unwrap();
        Workplace { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.safetensors"))
    }

    fn source(&self) -> Source {
        Source::open(self.path("plain")).unwrap()
    }

    fn compress(&self, name: &str, encoding: Encoding) -> (CompressReport, Container) {
        let options = options(encoding);
        let report = compress(&self.source(), &self.path(name), &options, &Silent).unwrap();
        (report, Container::open(self.path(name)).unwrap())
    }

    fn refused(&self, encoding: Encoding) -> String {
        let error = Plan::new(&self.source(), &Rules::default(), &encoding).unwrap_err();
        error.to_string()
    }
}

fn options(encoding: Encoding) -> CompressOptions {
    CompressOptions {
        encoding,
        ..options_for(small_code(), Rotate::Never)
    }
}

#[test]
fn a_container_gives_back_what_was_encoded() {
    let place = Workplace::new();
    for (layers, rotate) in [
        (1, Rotate::Never),
        (1, Rotate::Always),
        (3, Rotate::Always),
        (2, Rotate::Auto),
    ] {
        let name = format!("{layers}-{rotate}");
        let encoding = encoding(layers, rotate, Some(12));
        let plan = Plan::new(&place.source(), &Rules::default(), &encoding).unwrap();
        let (report, container) = place.compress(&name, encoding.clone());
        assert_eq!(container.documents()[0].version, 4);
        assert!(verify(&place.path(&name), &Silent).unwrap().problems.is_empty());
        for ((info, report), planned) in container.matrices().iter().zip(&report.matrices).zip(&plan.compressed) {
            let values = place
                .source()
                .matrix(place.source().tensor(&info.name).unwrap())
                .unwrap()
                .values;
            let encoded = encode(&encoding, [info.rows, info.columns], &values);
            let stored = container.matrix(info).unwrap();
            assert_eq!(stored, encoded.stored, "{name}");
            assert_eq!((info.scale_group, planned.scale_group), (Some(12), Some(12)));
            // Words are those of rows with one scale, and there is a scale for every 12 weights.
            let scales = 2 * info.weights() / 12;
            let words = (3 * info.weights()).div_ceil(8);
            assert_eq!(info.stored_bytes(), layers as u64 * (words + scales));
            assert_eq!(
                (report.stored_bytes, planned.output_bytes),
                (info.stored_bytes(), info.stored_bytes())
            );
            assert_eq!((stored.rows(), stored.columns()), (info.rows, info.columns));
            let decoded = stored.values(0..info.rows);
            let pairs = values.iter().zip(&decoded);
            let error: f64 = pairs.map(|(&w, &d)| (f64::from(w) - f64::from(d)).powi(2)).sum();
            assert!((error - info.squared_error()).abs() <= 1e-9 * error, "{name}");
        }
        let text = serde_json::to_value(inspect(&seedlm_model::Model::open(place.path(&name)).unwrap())).unwrap();
        assert_eq!(text["matrices"][0]["scale_group"], 12);
        let options = DecompressOptions {
            dtype: None,
            replace: true,
        };
        decompress(&container, &place.path("decoded"), &options, &Silent).unwrap();
        let decoded = Source::open(place.path("decoded")).unwrap();
        for info in container.matrices() {
            let stored = container.matrix(info).unwrap();
            let values = decoded.matrix(decoded.tensor(&info.name).unwrap()).unwrap().values;
            assert_eq!(values, rows_of(&stored));
        }
    }
}

#[test]
fn layers_with_groups_can_be_truncated() {
    let place = Workplace::new();
    let (_, whole) = place.compress("whole", encoding(3, Rotate::Always, Some(6)));
    for limit in [TruncateLimit::Layers(2), TruncateLimit::Layers(1)] {
        let options = TruncateOptions { limit, replace: true };
        truncate(&whole, &place.path("cut"), &options, &Silent).unwrap();
        let cut = Container::open(place.path("cut")).unwrap();
        assert_eq!(cut.documents()[0].version, 4);
        for (info, of_cut) in whole.matrices().iter().zip(cut.matrices()) {
            assert_eq!(of_cut.scale_group, Some(6));
            let stored = whole.matrix(info).unwrap();
            let expected = stored.values_of(0..info.rows, of_cut.layers.len());
            assert_eq!(rows_of(&cut.matrix(of_cut).unwrap()), expected);
        }
    }
}

/// Without groups nothing of them is written, and one for the whole row is none.
#[test]
fn groups_of_whole_rows_are_not_written() {
    let place = Workplace::new();
    place.compress("without", encoding(1, Rotate::Always, None));
    let text = "[[rule]]\nmatch = \"a.*\"\nscale_group = 36\n[[rule]]\nmatch = \"b.*\"\nscale_group = 60\n";
    let mut options = options(encoding(1, Rotate::Always, None));
    options.rules = Rules::default().with_file(RuleFile::parse("rules.toml", text).unwrap());
    compress(&place.source(), &place.path("whole"), &options, &Silent).unwrap();
    assert_eq!(
        fs::read(place.path("without")).unwrap(),
        fs::read(place.path("whole")).unwrap()
    );
    let container = Container::open(place.path("whole")).unwrap();
    assert_eq!(
        (container.documents()[0].version, container.matrices()[0].scale_group),
        (2, None)
    );
}

#[test]
fn rules_give_matrices_their_own_groups() {
    let place = Workplace::new();
    let text = "[[rule]]\nmatch = \"b.*\"\nscale_group = 20\nrotate = \"always\"\n";
    let mut options = options(encoding(1, Rotate::Never, Some(9)));
    options.rules = Rules::default().with_file(RuleFile::parse("rules.toml", text).unwrap());
    compress(&place.source(), &place.path("ruled"), &options, &Silent).unwrap();
    let container = Container::open(place.path("ruled")).unwrap();
    let of = |index: usize| {
        let info = &container.matrices()[index];
        (info.scale_group, info.rotation)
    };
    assert_eq!((of(0), of(1)), ((Some(9), None), (Some(20), Some(Rotation::default()))));
}

#[test]
fn groups_that_cannot_be_are_refused() {
    let place = Workplace::new();
    let error = place.refused(encoding(1, Rotate::Never, Some(8)));
    for part in [
        "a.q.weight",
        "groups of 8 columns do not divide its 36 columns",
        "have 6 or 9",
        "rule for the tensor",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(
        place
            .refused(encoding(1, Rotate::Never, Some(0)))
            .contains("at least 1")
    );
    let block = Encoding::new(small_code(), Quantizer::Exact, Rotate::Never).with_scale_group(Some(4));
    let error = place.refused(block.clone());
    assert!(error.contains("say scale_group in rules"), "{error}");
    assert!(
        error.contains("a.q.weight") && error.contains("is a block code"),
        "{error}"
    );
    let mixed = encoding(1, Rotate::Never, Some(4));
    let mixed = mixed.with_layers(vec![small_chained_code().into(), small_code().into()]);
    assert!(place.refused(mixed.unwrap()).contains("is a block code"));
    // Who asks the encoder itself hears the same.
    let Err(EncodeError::Codec(error)) = MatrixEncoder::new(&block) else {
        panic!("not refused");
    };
    assert!(matches!(error, CodecError::Code(_)), "{error}");
    let encoder = MatrixEncoder::new(&encoding(1, Rotate::Never, Some(5))).unwrap();
    let weights = Matrix {
        rows: 1,
        columns: 8,
        values: vec![0.5; 8],
    };
    let error = encoder.encode(weights, &|_| vec![0.5; 8], None, &|_| ControlFlow::Continue(()));
    assert!(error.unwrap_err().to_string().contains("do not divide its 8 columns"));
}

#[test]
fn matrices_without_columns_have_no_groups() {
    let encoded = encode(&encoding(1, Rotate::Never, Some(4)), [3, 0], &[]);
    assert_eq!((encoded.stored.rows(), encoded.stored.columns()), (3, 0));
    assert!(
        encoded
            .stored
            .into_parts()
            .unwrap()
            .iter()
            .all(|part| matches!(part.matrix, WeightMatrix::Chained(_)))
    );
}
