//! Rows and columns times powers of two.
#[allow(dead_code)]
mod common;

use common::{TestTensor, f32_matrix, listing, numbers, safetensors};
use half::{bf16, f16};
use proptest::prelude::*;
use seedlm_model::{Dtype, Model, RescaleReport, Scaling, Silent, Source, rescale};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn scalings(of: &[(&str, &[i16], &[i16])]) -> BTreeMap<String, Scaling> {
    let scalings = of.iter().map(|&(name, rows, columns)| {
        let scaling = Scaling {
            row_exponents: rows.into(),
            column_exponents: columns.into(),
        };
        (name.to_string(), scaling)
    });
    scalings.collect()
}

fn rescaled(from: &Path, to: &Path, scalings: &BTreeMap<String, Scaling>) -> Result<RescaleReport, String> {
    let source = Source::open(from).unwrap();
    rescale(&source, to, scalings, false, &Silent).map_err(|error| error.to_string())
}

fn tensor_of(name: &str, dtype: Dtype, shape: &[usize], values: &[f32]) -> TestTensor {
    let bytes = values.iter().flat_map(|&value| match dtype {
        Dtype::F16 => f16::from_f32(value).to_le_bytes().to_vec(),
        Dtype::BF16 => bf16::from_f32(value).to_le_bytes().to_vec(),
        _ => value.to_le_bytes().to_vec(),
    });
    (name.into(), dtype, shape.into(), bytes.collect())
}

fn values(path: &Path, name: &str) -> Vec<f32> {
    Model::open(path).unwrap().plain_tensor(name).unwrap().1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn each_weight_is_multiplied_and_the_inverse_gives_the_bytes_again(
        dtype in prop::sample::select(vec![Dtype::F32, Dtype::F16, Dtype::BF16]),
        rows in prop::collection::vec(-3_i16..=3, 1..9),
        columns in prop::collection::vec(-3_i16..=3, 1..9),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let [from, to, back] = ["a", "b", "c"].map(|name| folder.path().join(format!("{name}.safetensors")));
        // All of a size: nothing comes near the ends of a type.
        let weights: Vec<f32> = numbers(rows.len() * columns.len()).iter().map(|value| value.signum() + value / 2.0).collect();
        let tensors = [
            tensor_of("w.weight", dtype, &[rows.len(), columns.len()], &weights),
            tensor_of("w.bias", dtype, &[rows.len()], &weights[..rows.len()]),
        ];
        fs::write(&from, safetensors(&tensors, &[("format", "pt")])).unwrap();
        let inverse = |exponents: &[i16]| exponents.iter().map(|exponent| -exponent).collect::<Vec<i16>>();
        let report = rescaled(&from, &to, &scalings(&[("w.weight", &rows, &columns), ("w.bias", &rows, &[])])).unwrap();
        prop_assert_eq!(report.rounded_weights, 0);
        let (before, after) = (values(&from, "w.weight"), values(&to, "w.weight"));
        for (place, (before, after)) in before.iter().zip(after).enumerate() {
            let exponent = rows[place / columns.len()] + columns[place % columns.len()];
            prop_assert_eq!(before * 2_f32.powi(exponent.into()), after);
        }
        let (before, after) = (values(&from, "w.bias"), values(&to, "w.bias"));
        for ((before, after), &exponent) in before.iter().zip(after).zip(&rows) {
            prop_assert_eq!(before * 2_f32.powi(exponent.into()), after);
        }
        let back_again = scalings(&[("w.weight", &inverse(&rows), &inverse(&columns)), ("w.bias", &inverse(&rows), &[])]);
        rescaled(&to, &back, &back_again).unwrap();
        for name in ["w.weight", "w.bias"] {
            prop_assert_eq!(values(&from, name), values(&back, name));
        }
        // Types stay but for F16, which has few small numbers.
        let is_changed = rows.iter().chain(&columns).any(|&exponent| exponent != 0);
        let expected = if dtype == Dtype::F16 && is_changed { Dtype::F32 } else { dtype };
        prop_assert_eq!(Source::open(&to).unwrap().tensor("w.weight").unwrap().dtype, expected);
        if dtype != Dtype::F16 {
            prop_assert!(fs::read(&from).unwrap() == fs::read(&back).unwrap());
        }
    }
}

/// More rows than are multiplied at a time, in a folder of two shards with other files.
#[test]
fn a_folder_stays_a_folder_and_what_is_not_named_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir(&from).unwrap();
    let large = f32_matrix("large.weight", 600, 1000);
    let other = tensor_of("other.weight", Dtype::BF16, &[3, 5], &numbers(15));
    let ids = ("ids".to_string(), Dtype::I64, vec![2], vec![7; 16]);
    let names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    fs::write(from.join(names[0]), safetensors(std::slice::from_ref(&large), &[])).unwrap();
    fs::write(from.join(names[1]), safetensors(&[other, ids], &[])).unwrap();
    let index = format!(
        r#"{{"metadata":{{"total_size":{0}}},"weight_map":{{"ids":"{2}","large.weight":"{1}","other.weight":"{2}"}}}}"#,
        600 * 1000 * 4 + 30 + 16,
        names[0],
        names[1]
    );
    fs::write(from.join("model.safetensors.index.json"), index).unwrap();
    fs::write(from.join("config.json"), "{}").unwrap();
    let rows: Vec<i16> = (0..600).map(|row| (row % 5) as i16 - 2).collect();
    let report = rescaled(&from, &to, &scalings(&[("large.weight", &rows, &[])])).unwrap();
    assert_eq!((report.changed_tensors, report.copied_tensors), (1, 2));
    assert_eq!(listing(&from), listing(&to));
    assert!(fs::read(from.join(names[1])).unwrap() == fs::read(to.join(names[1])).unwrap());
    let (before, after) = (values(&from, "large.weight"), values(&to, "large.weight"));
    for (place, (before, after)) in before.iter().zip(after).enumerate() {
        assert_eq!(before * 2_f32.powi(rows[place / 1000].into()), after, "weight {place}");
    }
}

#[test]
fn powers_of_zero_copy_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["a", "b"].map(|name| folder.path().join(format!("{name}.safetensors")));
    fs::write(&from, safetensors(&[f32_matrix("w.weight", 2, 3)], &[])).unwrap();
    let report = rescaled(&from, &to, &scalings(&[("w.weight", &[0, 0], &[0, 0, 0])])).unwrap();
    assert_eq!((report.changed_tensors, report.copied_tensors), (0, 1));
    assert!(fs::read(from).unwrap() == fs::read(to).unwrap());
}

#[test]
fn what_becomes_too_small_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["a", "b"].map(|name| folder.path().join(format!("{name}.safetensors")));
    // 3 x 2^-133 is the third number of bfloat16; its half is none. 2^-126 is the first normal one, and its half exact.
    let weights = [3.0 * 2_f32.powi(-133), 2_f32.powi(-126), 1.0];
    fs::write(
        &from,
        safetensors(&[tensor_of("w.weight", Dtype::BF16, &[1, 3], &weights)], &[]),
    )
    .unwrap();
    let report = rescaled(&from, &to, &scalings(&[("w.weight", &[-1], &[])])).unwrap();
    assert_eq!(report.rounded_weights, 1);
    assert_eq!(values(&to, "w.weight")[1..], [2_f32.powi(-127), 0.5]);
}

/// All numbers of binary16, made so small that binary16 would lose most of them.
#[test]
fn f16_becomes_f32_and_nothing_is_rounded() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["a", "b"].map(|name| folder.path().join(format!("{name}.safetensors")));
    let finite: Vec<f32> = (0..=u16::MAX)
        .map(|bits| f16::from_bits(bits).to_f32())
        .filter(|value| value.is_finite())
        .collect();
    fs::write(
        &from,
        safetensors(&[tensor_of("w.weight", Dtype::F16, &[finite.len(), 1], &finite)], &[]),
    )
    .unwrap();
    for exponent in [-12, 12] {
        let report = rescale(
            &Source::open(&from).unwrap(),
            &to,
            &scalings(&[("w.weight", &[], &[exponent])]),
            true,
            &Silent,
        );
        assert_eq!(report.unwrap().rounded_weights, 0);
        let expected: Vec<f32> = finite.iter().map(|value| value * 2_f32.powi(exponent.into())).collect();
        assert!(values(&to, "w.weight") == expected);
    }
}

#[test]
fn what_cannot_be_multiplied_is_refused_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from.safetensors");
    let tensors = [
        tensor_of("w.weight", Dtype::F16, &[1, 2], &[1.0, 3.0]),
        tensor_of("nan.weight", Dtype::F32, &[1, 2], &[1.0, f32::NAN]),
        tensor_of("large.weight", Dtype::BF16, &[1, 1], &[300.0]),
        ("ids".to_string(), Dtype::I64, vec![2], vec![7; 16]),
    ];
    fs::write(&from, safetensors(&tensors, &[])).unwrap();
    for (tensor, rows, columns, reason) in [
        ("v.weight", &[1][..], &[][..], "tensor \"v.weight\": is missing"),
        ("ids", &[1, 1], &[], "is of I64"),
        (
            "w.weight",
            &[1, 1],
            &[],
            "has 1 rows, and was to be multiplied by 2 powers",
        ),
        (
            "w.weight",
            &[],
            &[1],
            "has 2 columns, and was to be multiplied by 1 powers",
        ),
        (
            "large.weight",
            &[60],
            &[61],
            "the weight 300 times 2^121 is no finite number of BF16",
        ),
        ("w.weight", &[i16::MAX], &[], "was to be multiplied by more than 2^100"),
        ("w.weight", &[], &[0, i16::MIN], "or less than 2^-100"),
        (
            "nan.weight",
            &[1],
            &[],
            "the weight NaN times 2^1 is no finite number of F32",
        ),
    ] {
        let error = rescaled(
            &from,
            &folder.path().join("to.safetensors"),
            &scalings(&[(tensor, rows, columns)]),
        );
        let error = error.unwrap_err();
        assert!(error.contains(reason) && error.contains("from.safetensors"), "{error}");
        assert_eq!(listing(folder.path()), ["from.safetensors"]);
    }
    let error = rescaled(&from, &from, &BTreeMap::new()).unwrap_err();
    assert!(error.contains("from.safetensors"), "{error}");
}
