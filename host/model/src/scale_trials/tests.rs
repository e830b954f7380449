use super::*;
use crate::layered::encode_layers;
use crate::rotate::Rotate;
use proptest::prelude::*;
use seedlm_codec::{BlockCode, BlockCodeFields, ChainMap, ChainedCode, Lfsr, layer_turn};
use seedlm_encoder::{BlockEncoder, Quantizer};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A chained code whose search takes no time: windows of 6 bits.
fn tiny_code(bits: u32) -> ChainedCode {
    let map = ChainMap::new(6, vec![vec![0x20, 0x10, 0x08], vec![0x25, 0x12, 0x0b]]).unwrap();
    ChainedCode::new(bits, map).unwrap()
}

fn small_block_code() -> BlockCode {
    BlockCode::new(BlockCodeFields {
        block_size: 4,
        latent_dimension: 2,
        coefficient_bits: 3,
        exponent_bits: 4,
        lfsr: Lfsr::paper(4).unwrap(),
    })
    .unwrap()
}

fn engine(code: &Code) -> Arc<Engine> {
    Arc::new(match code {
        Code::Block(code) => Engine::Block(Box::new(BlockEncoder::new(code).unwrap()), Quantizer::Exact),
        Code::Chained(code) => Engine::Chained(ChainedEncoder::new(code).unwrap()),
    })
}

fn encoding(layers: &[Code], trials: u64) -> Encoding {
    let encoding = Encoding::new(layers[0].clone(), Quantizer::Exact, Rotate::Never);
    let encoding = encoding.with_layers(layers.to_vec()).unwrap();
    encoding.with_scale_trials(trials).unwrap()
}

/// The layers, and how many weights were encoded for them.
fn encode(codes: &[Code], shape: [usize; 2], weights: &[f32], trials: usize) -> (Vec<WeightMatrix>, usize) {
    let engines: Vec<Arc<Engine>> = codes.iter().map(engine).collect();
    let encoded = AtomicUsize::new(0);
    let advance = |weights: usize| {
        encoded.fetch_add(weights, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    let layers = encode_layers(&engines, shape, 1, &mut weights.to_vec(), None, trials, &advance).unwrap();
    (layers, encoded.into_inner())
}

/// The squared error of each row after all these layers, as the trials count it.
fn errors(layers: &[WeightMatrix], weights: &[f32]) -> Vec<f64> {
    let (last, before) = layers.split_last().unwrap();
    let mut left = weights.to_vec();
    for layer in before {
        leave(&mut left, layer, layer.columns(), layer_turn(2, layer.columns()));
    }
    squared_errors(&left, last)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// More trials never make a row of two layers worse, and fewer come first.
    #[test]
    fn a_row_of_two_layers_never_gets_worse_by_trials(
        weights in prop::collection::vec(-1.0_f32..1.0, 5 * 30),
        zero_row in 0_usize..10,
    ) {
        let mut weights = weights;
        if zero_row < 5 {
            weights[zero_row * 30..][..30].fill(0.0);
        }
        for codes in [
            vec![ChainedCode::preset("chained-2b-k12").unwrap().into(); 2],
            vec![tiny_code(3).into(), tiny_code(1).into()],
        ] {
            let of_trials = |trials: usize| errors(&encode(&codes, [5, 30], &weights, trials).0, &weights);
            let counts = [1, 2, 5, MOST_SCALE_TRIALS].map(of_trials);
            for pair in counts.windows(2) {
                for (fewer, more) in pair[0].iter().zip(&pair[1]) {
                    prop_assert!(more <= fewer, "{more} after {fewer}");
                }
            }
        }
    }

    /// Each row is the best of what the encoder makes of it with each of the factors, and the first of equals.
    #[test]
    fn each_row_is_that_of_the_best_trial(weights in prop::collection::vec(-1.0_f32..1.0, 4 * 25), trials in 2_usize..7) {
        let (rows, columns) = (4, 25);
        let codes: Vec<Code> = vec![tiny_code(3).into(); 2];
        let encoder = ChainedEncoder::new(&tiny_code(3)).unwrap();
        let go_on = |_: usize| ControlFlow::Continue(());
        let single = |values: &[f32], factor: f64| {
            let encoded = encoder.encode_with_scale_factor(1, columns, values, None, factor, &go_on).unwrap();
            WeightMatrix::Chained(encoded.matrix)
        };
        let (found, _) = encode(&codes, [rows, columns], &weights, trials);
        for row in 0..rows {
            let values = &weights[row * columns..][..columns];
            let mut best: Option<(f64, [WeightMatrix; 2])> = None;
            for &factor in &FACTORS[..trials] {
                let base = single(values, factor);
                let mut left = values.to_vec();
                leave(&mut left, &base, columns, layer_turn(2, columns));
                let next = single(&left, 1.0);
                let error = squared_errors(&left, &next)[0];
                if best.as_ref().is_none_or(|(least, _)| error < *least) {
                    best = Some((error, [base, next]));
                }
            }
            for (found, expected) in found.iter().zip(best.unwrap().1) {
                prop_assert_eq!(found.row_values(row), expected.row_values(0));
                prop_assert_eq!(found.scale(row), expected.scale(0));
            }
        }
    }
}

/// What is encoded is what is said beforehand, and one trial is the scale that the encoder chooses.
#[test]
fn passes_are_counted_exactly() {
    let chained: Code = tiny_code(2).into();
    let block: Code = small_block_code().into();
    let weights: Vec<f32> = (0..3 * 20)
        .map(|index| ((index * 37 % 101) as f32 - 50.0) / 50.0)
        .collect();
    for (codes, expected) in [
        (vec![chained.clone()], [1, 1, 1]),
        (vec![chained.clone(); 2], [2, 4, 10]),
        (vec![chained.clone(); 3], [3, 7, 19]),
        (vec![chained.clone(), block.clone()], [2, 5, 11]),
        (vec![block.clone(), chained.clone()], [2, 2, 2]),
        (vec![chained.clone(), block.clone(), chained.clone()], [3, 6, 12]),
        (vec![block.clone(), chained.clone(), chained.clone()], [3, 5, 11]),
    ] {
        let one = encode(&codes, [3, 20], &weights, 1).0;
        for (trials, expected) in [1, 2, 5].into_iter().zip(expected) {
            let (layers, encoded) = encode(&codes, [3, 20], &weights, trials);
            assert_eq!(
                passes(&encoding(&codes, trials as u64), 7),
                expected,
                "{codes:?}, {trials}"
            );
            assert_eq!(encoded as u64, 60 * expected, "{codes:?}, {trials}");
            assert_eq!(layers.len(), codes.len());
            let is_same = layers.iter().zip(&one).all(|(layer, one)| layer == one);
            assert!(
                is_same || trials > 1 && expected > codes.len() as u64,
                "{codes:?}, {trials}"
            );
        }
    }
}

#[test]
fn threads_and_instructions_change_nothing() {
    let weights: Vec<f32> = (0..70 * 33)
        .map(|index| ((index * 71 % 509) as f32 - 250.0) / 99.0)
        .collect();
    let code = ChainedCode::preset("chained-2b-k12").unwrap();
    let encode = |threads: usize, instructions| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let encoder = ChainedEncoder::with_instructions(&code, instructions).unwrap();
            let engine = Arc::new(Engine::Chained(encoder));
            let engines = vec![engine; 3];
            let go_on = |_: usize| ControlFlow::Continue(());
            encode_layers(&engines, [70, 33], 1, &mut weights.clone(), None, 3, &go_on).unwrap()
        })
    };
    let expected = encode(1, seedlm_encoder::Instructions::available()[0]);
    for instructions in seedlm_encoder::Instructions::available() {
        for threads in [1, 3] {
            assert!(encode(threads, instructions) == expected, "{threads}, {instructions:?}");
        }
    }
}

#[test]
fn it_stops_between_any_two_trials() {
    let engines = vec![engine(&tiny_code(2).into()); 2];
    let weights = vec![0.5; 3 * 20];
    for allowed in 0..10 {
        let encoded = AtomicUsize::new(0);
        let advance = |weights: usize| match encoded.fetch_add(weights, Ordering::Relaxed) + weights > 60 * allowed {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let stopped = encode_layers(&engines, [3, 20], 1, &mut weights.clone(), None, 5, &advance);
        assert!(matches!(stopped, Err(EncodeError::Stopped)), "{allowed}");
        assert!(encoded.into_inner() <= 60 * (allowed + 1));
    }
}

#[test]
fn numbers_of_trials_that_cannot_be_are_refused() {
    let code: Code = tiny_code(2).into();
    for trials in [0, MOST_SCALE_TRIALS as u64 + 1, u64::MAX] {
        let encoding = Encoding::new(code.clone(), Quantizer::Exact, Rotate::Auto);
        let error = encoding.with_scale_trials(trials).unwrap_err().to_string();
        assert!(
            error.contains(&format!("{trials} scales were asked for, and 1 to 16")),
            "{error}"
        );
    }
    assert_eq!(FACTORS[0], 1.0);
    for (number, factor) in FACTORS.iter().enumerate() {
        assert!(
            (0.9..1.2).contains(factor) && !FACTORS[..number].contains(factor),
            "{factor}"
        );
    }
}

/// A matrix without weights, and rows at the ends of what a scale can be.
#[test]
fn extreme_matrices_are_encoded() {
    let codes: Vec<Code> = vec![tiny_code(2).into(); 3];
    for shape in [[0, 7], [4, 0], [0, 0]] {
        let layers = encode(&codes, shape, &[], 5).0;
        assert!(layers.iter().all(|layer| [layer.rows(), layer.columns()] == shape));
    }
    let sizes = [f32::MAX, 1e30, 1e-36, f32::MIN_POSITIVE, f32::from_bits(1)];
    let weights: Vec<f32> = sizes
        .iter()
        .flat_map(|size| [*size, -0.5 * size, 0.25 * size, 0.0])
        .collect();
    let layers = encode(&codes, [5, 4], &weights, 5).0;
    let of_two = errors(&layers[..2], &weights);
    assert!(of_two.iter().all(|error| error.is_finite()), "{of_two:?}");
}
