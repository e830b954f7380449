//! Whole matrices at the presets: quality, determinism, sizes, refusals.

mod common;

use common::{code, encode, gaussian, heavy_tailed};
use seedlm_codec::{BlockCode, BlockWord, CodedMatrix};
use seedlm_encoder::{BlockEncoder, EncodeError, Quantizer};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

fn preset(name: &str) -> BlockEncoder {
    BlockEncoder::new(&BlockCode::preset(name).unwrap()).unwrap()
}

fn go_on(_: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn the_errors_on_gaussian_weights_are_the_known_ones() {
    // Exact searches by others, on 8,192 blocks and more. The error of a block is spread by about a third, so 2,048
    // blocks give the mean square to 0.8 % and its root to 0.4 %: 1.5 % is beyond three standard deviations.
    for (name, size, expected) in [
        ("paper-4b", 8, [0.1902, 0.1205, 0.1190]),
        ("paper-3b", 12, [0.3033, 0.2220, 0.2191]),
    ] {
        let encoder = preset(name);
        let values = gaussian(2048 * size, 5);
        let mut last = f64::INFINITY;
        for (quantizer, expected) in Quantizer::ALL.into_iter().zip(expected) {
            let error = encode(&encoder, 64, 32 * size, &values, quantizer).relative_error();
            assert!((error / expected - 1.0).abs() < 0.015, "{name} {quantizer}: {error}");
            assert!(error < last, "{name} {quantizer}: {error}");
            last = error;
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let values = heavy_tailed(61 * 77, 6);
    let one_of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let encoder = preset("paper-4b");
            Quantizer::ALL.map(|quantizer| encode(&encoder, 61, 77, &values, quantizer))
        })
    };
    let reference = one_of(1);
    for threads in [2, 3] {
        for (a, b) in reference.iter().zip(&one_of(threads)) {
            assert_eq!(a.matrix, b.matrix);
            assert_eq!(a.squared_error.to_bits(), b.squared_error.to_bits());
            assert_eq!(a.squared_norm.to_bits(), b.squared_norm.to_bits());
        }
    }
}

/// The squared error of a matrix's decoded rows.
fn squared_error_of_rows(matrix: &CodedMatrix, values: &[f32]) -> f64 {
    let mut squared_error = 0.0;
    for (row, weights) in values.chunks(matrix.columns()).enumerate() {
        for (&weight, decoded) in weights.iter().zip(matrix.row_values(row)) {
            squared_error += (f64::from(weight) - f64::from(decoded)).powi(2);
        }
    }
    squared_error
}

/// Enough blocks to be sorted, the last of each row a short one, against the same rows some columns at a time.
#[test]
fn sorted_blocks_come_back_to_their_places() {
    let encoder = BlockEncoder::new(&code(8, 3, 10, 4, 4)).unwrap();
    let (rows, columns) = (300, 507);
    let mut values = heavy_tailed(rows * columns, 10);
    values[3 * columns..][..columns].fill(0.0);
    let mut pieces = encoder.pieces(rows, columns, &values, Quantizer::Exact).unwrap();
    for start in (0..columns).step_by(48) {
        let end = columns.min(start + 48);
        let piece: Vec<f32> = values
            .chunks(columns)
            .flat_map(|row| &row[start..end])
            .copied()
            .collect();
        pieces.push(&piece, None).unwrap();
    }
    let expected = pieces.finish().unwrap();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let told = AtomicUsize::new(0);
        let advance = |weights: usize| {
            told.fetch_add(weights, Ordering::Relaxed);
            ControlFlow::Continue(())
        };
        let encode = |advance: &(dyn Fn(usize) -> ControlFlow<()> + Sync)| {
            pool.install(|| encoder.encode(rows, columns, &values, Quantizer::Exact, advance))
        };
        let encoded = encode(&advance).unwrap();
        assert_eq!(encoded.matrix, expected);
        assert_eq!(told.load(Ordering::Relaxed), rows * columns);
        let squared_error = squared_error_of_rows(&encoded.matrix, &values);
        assert!((encoded.squared_error / squared_error - 1.0).abs() < 1e-12);
        let stop = |_: usize| ControlFlow::Break(());
        assert!(matches!(encode(&stop), Err(EncodeError::Stopped)));
    }
}

#[test]
fn the_stated_error_is_that_of_the_decoded_rows() {
    let (rows, columns) = (5, 29);
    let values = gaussian(rows * columns, 7);
    let encoded = encode(&preset("paper-3b"), rows, columns, &values, Quantizer::Exact);
    let squared_error = squared_error_of_rows(&encoded.matrix, &values);
    assert!((encoded.squared_error / squared_error - 1.0).abs() < 1e-12);
    let norm: f64 = values.iter().map(|&weight| f64::from(weight).powi(2)).sum();
    assert!((encoded.relative_error() - (squared_error / norm).sqrt()).abs() < 1e-12);
    assert!((encoded.sqnr_db() + 20.0 * encoded.relative_error().log10()).abs() < 1e-9);
}

#[test]
fn every_size_of_weights_is_encoded_equally_well() {
    let encoder = preset("paper-4b");
    let values = gaussian(64 * 16, 8);
    let reference = encode(&encoder, 16, 64, &values, Quantizer::Exact);
    for power in [-80, -20, 1, 90] {
        let factor = 2_f32.powi(power);
        let scaled: Vec<f32> = values.iter().map(|value| value * factor).collect();
        let encoded = encode(&encoder, 16, 64, &scaled, Quantizer::Exact);
        // A power of two moves the bias and nothing else.
        assert_eq!(encoded.matrix.words(), reference.matrix.words(), "2^{power}");
        assert_eq!(encoded.matrix.scale(), reference.matrix.scale() * factor);
    }
    for factor in [1e-30_f32, 1e-31, 1e30, 3e36] {
        let scaled: Vec<f32> = values.iter().map(|value| value * factor).collect();
        let error = encode(&encoder, 16, 64, &scaled, Quantizer::Exact).relative_error();
        assert!(error < 0.13, "{factor:e}: {error}");
    }
}

#[test]
fn rows_of_very_different_size_share_one_scale() {
    let encoder = preset("paper-4b");
    let mut values = gaussian(8 * 64, 9);
    for (row, weights) in values.chunks_mut(64).enumerate() {
        weights
            .iter_mut()
            .for_each(|weight| *weight *= 0.25_f32.powi(row as i32));
    }
    let encoded = encode(&encoder, 8, 64, &values, Quantizer::Exact);
    for (row, weights) in values.chunks(64).enumerate().take(6) {
        let (mut error, mut norm) = (0.0, 0.0);
        for (&weight, decoded) in weights.iter().zip(encoded.matrix.row_values(row)) {
            error += f64::from(weight - decoded).powi(2);
            norm += f64::from(weight).powi(2);
        }
        // The exponent field reaches 15 octaves down; with less than three of them left the grid is felt.
        assert!((error / norm).sqrt() < 0.14, "row {row}: {}", (error / norm).sqrt());
    }
}

#[test]
fn zeros_and_nothing_are_encoded() {
    let encoder = preset("paper-4b");
    let code = encoder.code().clone();
    for quantizer in Quantizer::ALL {
        let encoded = encode(&encoder, 2, 11, &[0.0; 22], quantizer);
        for (row, block) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            assert_eq!(encoded.matrix.word(row, block), BlockWord::zero(&code));
        }
        assert_eq!(encoded.relative_error(), 0.0);
        assert_eq!(encoded.sqnr_db(), f64::INFINITY);
        for (rows, columns) in [(0, 0), (0, 8), (3, 0)] {
            let encoded = encode(&encoder, rows, columns, &[], quantizer);
            assert_eq!((encoded.matrix.rows(), encoded.matrix.columns()), (rows, columns));
            assert!(encoded.matrix.words().is_empty());
        }
    }
}

#[test]
fn bad_matrices_are_refused_by_name() {
    let encoder = preset("paper-4b");
    let refuse = |values: &[f32], rows, columns| match encoder.encode(rows, columns, values, Quantizer::Exact, &go_on) {
        Ok(_) => panic!("{values:?} were encoded"),
        Err(error) => error.to_string(),
    };
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = vec![1.0; 20];
        (values[13], values[17]) = (bad, f32::NAN);
        assert_eq!(refuse(&values, 4, 5), format!("row 2, column 3: the weight is {bad}"));
    }
    assert!(refuse(&[1.0; 7], 2, 4).contains("2 x 4 weights are not 7 values"));
    assert!(refuse(&[1.0; 7], usize::MAX, 4).contains("are not 7 values"));
}

#[test]
fn progress_adds_up_and_can_stop() {
    let encoder = preset("paper-4b");
    let values = gaussian(40 * 21, 12);
    let total = AtomicUsize::new(0);
    let count = |weights: usize| {
        total.fetch_add(weights, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    encoder.encode(40, 21, &values, Quantizer::Exact, &count).unwrap();
    assert_eq!(total.into_inner(), 40 * 21);

    let calls = AtomicUsize::new(0);
    let stop = |_: usize| {
        calls.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Break(())
    };
    let stopped = encoder.encode(40, 21, &values, Quantizer::Exact, &stop);
    assert!(matches!(stopped, Err(EncodeError::Stopped)));
    assert!(calls.into_inner() >= 1);
}
