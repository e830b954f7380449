//! The encoder for chained codes against its definition: every stream, one by one.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal, StudentT};
use seedlm_codec::{ChainMap, ChainedCode, ChainedMatrix};
use seedlm_encoder::{ChainedEncoder, EncodeError, EncodedChained, Instructions};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

fn gaussian(count: usize, seed: u64) -> Vec<f32> {
    let random = ChaCha8Rng::seed_from_u64(seed);
    StandardNormal.sample_iter(random).take(count).collect()
}

fn heavy_tailed(count: usize, seed: u64) -> Vec<f32> {
    let random = ChaCha8Rng::seed_from_u64(seed);
    StudentT::new(4.0_f32)
        .unwrap()
        .sample_iter(random)
        .take(count)
        .collect()
}

fn encode(encoder: &ChainedEncoder, rows: usize, values: &[f32], weights: Option<&[f32]>) -> EncodedChained {
    let columns = values.len() / rows;
    let go_on = |_| ControlFlow::Continue(());
    encoder.encode(rows, columns, values, weights, &go_on).unwrap()
}

/// A map with random masks.
fn any_map(length: u32) -> impl Strategy<Value = ChainMap> {
    let mask = 1_u32..1 << length;
    let fields = prop::collection::vec(prop::collection::vec(mask, 1..4), 1..4);
    fields.prop_map(move |mut fields| {
        fields[0][0] |= 1 << (length - 1);
        ChainMap::new(length, fields).unwrap()
    })
}

fn any_code() -> impl Strategy<Value = ChainedCode> {
    let sizes = prop::sample::select(vec![
        (1, 2),
        (1, 4),
        (1, 6),
        (2, 3),
        (2, 5),
        (2, 8),
        (3, 4),
        (3, 6),
        (3, 10),
        (4, 12),
        (7, 9),
    ]);
    sizes.prop_flat_map(|(stored, length)| any_map(length).prop_map(move |map| ChainedCode::new(stored, map).unwrap()))
}

/// The definition: the first of the cheapest streams of a row.
fn best_stream(code: &ChainedCode, scale: f32, row: &[f32], column_weights: Option<&[f32]>) -> u64 {
    let total = code.map().largest_weight();
    let unit = (0..)
        .map(|power| 1_i64 << power)
        .take_while(|unit| unit * total * total <= 8192)
        .last()
        .unwrap_or(1);
    let target = |weight: f32| {
        let steps = f64::from(weight) / f64::from(scale) * unit as f64;
        steps.clamp(-(2_f64.powi(24)), 2_f64.powi(24)).round_ties_even() as i64
    };
    let targets: Vec<i64> = row.iter().map(|&weight| target(weight)).collect();
    let factors: Vec<i128> = match column_weights {
        Some(weights) if weights.iter().any(|weight| *weight > 0.0) => {
            let largest = weights.iter().copied().fold(0.0, f32::max);
            let rounded = |weight: &f32| (f64::from(*weight) / f64::from(largest) * 65535.0).round() as i128;
            weights.iter().map(rounded).collect()
        }
        _ => vec![1; row.len()],
    };
    let cost = |stream: u64| -> i128 {
        let integers = code.weights(0, stream.into(), row.len());
        let errors = integers.iter().zip(&targets).map(|(m, r)| i128::from(unit * m - r));
        errors.zip(&factors).map(|(error, factor)| factor * error * error).sum()
    };
    let streams = 1_u64 << (row.len() as u32 * code.bits_per_weight());
    // The first of equals.
    (0..streams).min_by_key(|&stream| cost(stream)).unwrap()
}

/// The stream of a row of at most 64 bits.
fn stream(matrix: &ChainedMatrix, row: usize) -> u64 {
    let bits = matrix.columns() * matrix.code().bits_per_weight() as usize;
    seedlm_codec::bits::read_field(matrix.words(), row * bits, bits) as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn streams_are_the_best_of_all(code in any_code(), seed in any::<u64>(), kind in 0..5, weighted in any::<bool>()) {
        let columns = (14 / code.bits_per_weight() as usize).max(1);
        let values = match kind {
            0 => gaussian(4 * columns, seed),
            1 => heavy_tailed(4 * columns, seed),
            2 => vec![0.5; 4 * columns],
            // Half-way between integers, where streams are often equally good.
            3 => gaussian(4 * columns, seed).iter().map(|weight| weight.signum()).collect(),
            _ => (0..4 * columns).map(|index| if index % columns == 0 { 1e30 } else { 1e-30 }).collect(),
        };
        let weights: Vec<f32> = gaussian(columns, !seed).iter().map(|weight| weight.abs()).collect();
        let weights = weighted.then_some(&weights[..]);
        for instructions in Instructions::available() {
            let encoder = ChainedEncoder::with_instructions(&code, instructions).unwrap();
            let encoded = encode(&encoder, 4, &values, weights);
            for (row, values) in values.chunks(columns).enumerate() {
                let expected = best_stream(&code, encoded.matrix.scales()[row], values, weights);
                prop_assert_eq!(stream(&encoded.matrix, row), expected, "{} {}", code.label(), instructions);
            }
        }
    }
}

#[test]
fn bytes_depend_on_nothing_but_the_input() {
    let columns = 150;
    let mut values = gaussian(45 * columns, 1);
    values.extend(heavy_tailed(20 * columns, 2));
    values.extend(vec![0.0; columns]);
    values.extend(vec![0.3; columns]);
    values.extend((0..columns).map(|column| if column == 70 { 1.0 } else { 0.0 }));
    let rows = values.len() / columns;
    let weights: Vec<f32> = (0..columns).map(|column| 1.0 / (1 + column % 7) as f32).collect();
    for name in ["chained-4b-k12", "chained-3b-k12", "chained-2b-k12"] {
        let code = ChainedCode::preset(name).unwrap();
        for weights in [None, Some(&weights[..])] {
            let mut expected: Option<EncodedChained> = None;
            for instructions in Instructions::available() {
                let encoder = ChainedEncoder::with_instructions(&code, instructions).unwrap();
                for threads in 1..=3 {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    let encoded = pool.install(|| encode(&encoder, rows, &values, weights));
                    let expected = expected.get_or_insert_with(|| encoded.clone());
                    assert_eq!(encoded.matrix, expected.matrix, "{name} {instructions} {threads}");
                    assert_eq!(encoded.squared_error.to_bits(), expected.squared_error.to_bits());
                }
                // Alone, a row is what it is among others.
                for row in [0, 31, 45, 66, 67] {
                    let alone = encode(&encoder, 1, &values[row * columns..][..columns], weights);
                    let expected = &expected.as_ref().unwrap().matrix;
                    assert_eq!(alone.matrix.row_values(0), expected.row_values(row), "{name} row {row}");
                }
            }
        }
    }
}

/// The factor changes the scales, and nothing else of what is searched.
#[test]
fn a_factor_on_the_scales_leaves_the_best_streams() {
    let map = ChainMap::new(6, vec![vec![0x20, 0x10], vec![0x25, 0x12]]).unwrap();
    let code = ChainedCode::new(2, map).unwrap();
    let encoder = ChainedEncoder::new(&code).unwrap();
    let columns = 7;
    let values = [gaussian(8 * columns, 3), vec![0.0; columns]].concat();
    let with_factor = |factor: f64| {
        let go_on = |_| ControlFlow::Continue(());
        encoder.encode_with_scale_factor(9, columns, &values, None, factor, &go_on)
    };
    let plain = encode(&encoder, 9, &values, None);
    let same = with_factor(1.0).unwrap();
    assert_eq!(
        (same.matrix, same.squared_error),
        (plain.matrix.clone(), plain.squared_error)
    );
    for factor in [0.5, 1.04, 1.1] {
        let encoded = with_factor(factor).unwrap();
        for (row, values) in values.chunks(columns).enumerate() {
            let scale = encoded.matrix.scales()[row];
            let ratio = f64::from(scale) / f64::from(plain.matrix.scales()[row]) / factor;
            assert!(row == 8 || (ratio - 1.0).abs() < 1.0 / 128.0, "{ratio}");
            // Zeros have the stream of zero bits, whatever else decodes to as little.
            let expected = if row == 8 {
                0
            } else {
                best_stream(&code, scale, values, None)
            };
            assert_eq!(stream(&encoded.matrix, row), expected, "{factor}, row {row}");
        }
    }
    // The ends of what a scale can be are not left.
    for factor in [f64::MIN_POSITIVE, f64::MAX] {
        assert!(with_factor(factor).unwrap().squared_error.is_finite());
    }
    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = with_factor(factor).unwrap_err().to_string();
        assert!(
            error.contains(&format!("the factor on the scales is {factor}")),
            "{error}"
        );
    }
}

#[test]
fn the_error_is_that_of_the_decoded_rows() {
    let code = ChainedCode::preset("chained-3b-k12").unwrap();
    let encoder = ChainedEncoder::new(&code).unwrap();
    let values = heavy_tailed(7 * 90, 5);
    let encoded = encode(&encoder, 7, &values, None);
    let (mut error, mut norm) = (0.0, 0.0);
    for (row, weights) in values.chunks(90).enumerate() {
        for (&weight, decoded) in weights.iter().zip(encoded.matrix.row_values(row)) {
            error += (f64::from(weight) - f64::from(decoded)).powi(2);
            norm += f64::from(weight).powi(2);
        }
    }
    assert!((encoded.squared_error / error - 1.0).abs() < 1e-12);
    assert!((encoded.squared_norm / norm - 1.0).abs() < 1e-12);
}

#[test]
fn the_error_is_small() {
    let columns = 1024;
    for (name, gaussian_bar, heavy_bar, outlier_bar) in [
        ("chained-4b-k12", 0.0750, 0.135, 0.30),
        ("chained-3b-k12", 0.1450, 0.22, 0.40),
        ("chained-2b-k12", 0.2820, 0.355, 0.60),
    ] {
        let encoder = ChainedEncoder::new(&ChainedCode::preset(name).unwrap()).unwrap();
        let error = encode(&encoder, 32, &gaussian(32 * columns, 3), None).relative_error();
        assert!(error <= gaussian_bar, "{name}: {error}");
        let error = encode(&encoder, 32, &heavy_tailed(32 * columns, 4), None).relative_error();
        assert!(error <= heavy_bar, "{name}: {error}");
        // Three weights of 20 deviations in every row. At 4 bits the best factor for Gaussian rows gives 0.45.
        let mut values = gaussian(32 * columns, 5);
        values
            .iter_mut()
            .step_by(columns / 3 + 1)
            .for_each(|weight| *weight = 20.0);
        let error = encode(&encoder, 32, &values, None).relative_error();
        assert!(error <= outlier_bar, "{name}: {error}");
    }
}

#[test]
fn long_windows_have_the_errors_that_they_were_chosen_for() {
    // Longer than the vectors keep back-pointers for, so that traces have to meet.
    let columns = 4096;
    for (name, bar) in [("chained-4b", 0.0690), ("chained-3b", 0.134), ("chained-2b", 0.263)] {
        let encoder = ChainedEncoder::new(&ChainedCode::preset(name).unwrap()).unwrap();
        let error = encode(&encoder, 16, &gaussian(16 * columns, 8), None).relative_error();
        assert!(error <= bar, "{name}: {error}");
    }
}

#[test]
fn heavy_columns_get_smaller_errors() {
    let columns = 512;
    let values = gaussian(16 * columns, 6);
    let encoder = ChainedEncoder::new(&ChainedCode::preset("chained-4b-k12").unwrap()).unwrap();
    let plain = encode(&encoder, 16, &values, None);
    let alike = encode(&encoder, 16, &values, Some(&vec![3.5; columns]));
    assert_eq!(plain.matrix, alike.matrix);
    assert_eq!(
        encode(&encoder, 16, &values, Some(&vec![0.0; columns])).matrix,
        plain.matrix
    );
    let weights: Vec<f32> = (0..columns)
        .map(|column| if column % 4 == 0 { 10.0 } else { 1.0 })
        .collect();
    let weighted = encode(&encoder, 16, &values, Some(&weights));
    let errors = |encoded: &EncodedChained| -> (f64, f64) {
        let (mut heavy, mut all) = (0.0, 0.0);
        for row in 0..16 {
            for (column, decoded) in encoded.matrix.row_values(row).into_iter().enumerate() {
                let square = f64::from(values[row * columns + column] - decoded).powi(2);
                heavy += if column % 4 == 0 { square } else { 0.0 };
                all += f64::from(weights[column]) * square;
            }
        }
        (heavy, all)
    };
    assert!(errors(&weighted).0 < 0.6 * errors(&plain).0);
    assert!(errors(&weighted).1 < errors(&plain).1);
}

#[test]
fn extreme_rows_are_encoded() {
    for code in [
        ChainedCode::preset("chained-4b-k12").unwrap(),
        ChainedCode::new(8, ChainMap::standard(12).unwrap()).unwrap(),
    ] {
        let encoder = ChainedEncoder::new(&code).unwrap();
        let columns = 40;
        let one_hot = |value: f32| {
            (0..columns)
                .map(|column| if column == 17 { value } else { 0.0 })
                .collect()
        };
        let rows: Vec<Vec<f32>> = vec![
            vec![0.0; columns],
            vec![1e-38; columns],
            vec![1e-45; columns],
            vec![1e38; columns],
            vec![-7.25; columns],
            one_hot(1.0),
            one_hot(-3.4e38),
            one_hot(1e-45),
            // More than any legal scale reaches.
            vec![3.4e38; columns],
        ];
        let encoded = encode(&encoder, rows.len(), &rows.concat(), None);
        assert!(encoded.squared_error.is_finite());
        let zeros = encoded.matrix.row_values(0);
        assert!(zeros.iter().all(|value| value.abs() < 1e-36), "{zeros:?}");
        assert_eq!(encoded.matrix.scales()[0], f32::MIN_POSITIVE);
        for (row, value) in [(3, 1e38), (4, -7.25)] {
            let decoded = encoded.matrix.row_values(row);
            assert!(
                decoded[3..].iter().all(|&decoded| (decoded / value - 1.0).abs() < 0.3),
                "{decoded:?}"
            );
        }
        for values in [&[0.7_f32][..], &[-2.0; 3]] {
            let encoded = encode(&encoder, values.len(), values, None);
            assert!(encoded.relative_error() < 0.5, "{}", encoded.relative_error());
        }
        for (rows, columns) in [(0, 5), (5, 0), (0, 0)] {
            let encoded = encoder
                .encode(rows, columns, &[], None, &|_| ControlFlow::Continue(()))
                .unwrap();
            assert_eq!((encoded.matrix.rows(), encoded.relative_error()), (rows, 0.0));
        }
    }
}

#[test]
fn what_cannot_be_encoded_is_refused_with_the_reason() {
    let encoder = ChainedEncoder::new(&ChainedCode::preset("chained-4b-k12").unwrap()).unwrap();
    let refuse = |values: &[f32], weights: Option<&[f32]>| {
        let go_on = |_| ControlFlow::Continue(());
        encoder.encode(2, 4, values, weights, &go_on).unwrap_err().to_string()
    };
    for bad in [f32::NAN, f32::INFINITY] {
        let mut values = [1.0; 8];
        values[6] = bad;
        assert_eq!(refuse(&values, None), format!("row 1, column 2: the weight is {bad}"));
    }
    assert!(refuse(&[1.0; 7], None).contains("2 x 4 weights are not 7 values"));
    assert!(refuse(&[1.0; 8], Some(&[1.0; 3])).contains("4 columns need as many column weights, and there are 3"));
    assert!(refuse(&[1.0; 8], Some(&[1.0, -1.0, 0.0, 0.0])).contains("the column weight of column 1 is -1"));
    assert!(refuse(&[1.0; 8], Some(&[1.0, 1.0, 0.0, f32::NAN])).contains("the column weight of column 3 is NaN"));
    let long = ChainMap::new(21, vec![vec![1 << 20]]).unwrap();
    let error = ChainedEncoder::new(&ChainedCode::new(4, long).unwrap()).err().unwrap();
    assert!(error.to_string().contains("21 bits"), "{error}");
}

#[test]
fn progress_counts_every_weight_once_and_can_stop() {
    let encoder = ChainedEncoder::new(&ChainedCode::preset("chained-4b-k12").unwrap()).unwrap();
    let mut values = gaussian(70 * 30, 7);
    values[..60].fill(0.0);
    let count = AtomicUsize::new(0);
    let advance = |weights| {
        count.fetch_add(weights, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    encoder.encode(70, 30, &values, None, &advance).unwrap();
    assert_eq!(count.into_inner(), 70 * 30);
    let stopped = encoder.encode(70, 30, &values, None, &|_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(EncodeError::Stopped)));
}
