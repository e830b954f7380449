//! The exact quantizer against the definition: all seeds, all exponents, all coefficients, one by one.

mod common;

use common::{awkward_blocks, code, encode, gaussian, heavy_tailed, nearest_word};
use proptest::prelude::*;
use seedlm_codec::BlockCode;
use seedlm_encoder::{BlockEncoder, Instructions, Quantizer};

/// Encodes blocks as the rows of one matrix and compares every word.
fn check(code: &BlockCode, blocks: &[Vec<f32>]) {
    let columns = blocks[0].len();
    let encoded = Instructions::available().into_iter().map(|instructions| {
        let encoder = BlockEncoder::with_instructions(code, instructions).unwrap();
        let encoded = encode(&encoder, blocks.len(), columns, &blocks.concat(), Quantizer::Exact);
        (instructions, encoded.matrix)
    });
    let encoded: Vec<_> = encoded.collect();
    let scale = encoded[0].1.scale();
    for (row, block) in blocks.iter().enumerate() {
        for (index, weights) in block.chunks(code.block_size()).enumerate() {
            let (error, word) = nearest_word(code, scale, weights);
            for (instructions, matrix) in &encoded {
                assert_eq!(matrix.scale(), scale, "{instructions}");
                let (found, label) = (matrix.word(row, index), code.label());
                assert_eq!(
                    found, word,
                    "{instructions}, {label}, {code:?}, {weights:?}, error {error:e}"
                );
            }
        }
    }
}

fn random_blocks(code: &BlockCode, count: usize) -> Vec<Vec<f32>> {
    let size = code.block_size();
    let mut blocks: Vec<Vec<f32>> = gaussian(count * size, 10).chunks(size).map(<[f32]>::to_vec).collect();
    blocks.extend(heavy_tailed(count * size, 11).chunks(size).map(<[f32]>::to_vec));
    blocks
}

#[test]
fn short_registers_are_searched_exactly() {
    for length in [2, 3, 5, 6, 7, 8] {
        for coefficient_bits in [3, 4] {
            let code = code(4, 2, length, coefficient_bits, 2);
            check(&code, &random_blocks(&code, 8));
            check(&code, &awkward_blocks(&code));
        }
    }
    let code = code(8, 3, 8, 3, 2);
    check(&code, &random_blocks(&code, 4));
    check(&code, &awkward_blocks(&code));
}

#[test]
fn the_sieves_lose_nothing() {
    // One and two tables of subset sums, all kinds of shapes, exponent fields of 0 bits and more.
    for (block_size, columns, length, coefficient_bits, exponent_bits) in [
        (4, 2, 10, 3, 2),
        (8, 3, 10, 3, 2),
        (9, 2, 11, 4, 1),
        (1, 1, 10, 4, 2),
        (5, 1, 12, 8, 0),
        (4, 4, 10, 2, 2),
        (12, 4, 10, 2, 3),
        (17, 3, 10, 2, 4),
    ] {
        let code = code(block_size, columns, length, coefficient_bits, exponent_bits);
        check(&code, &random_blocks(&code, 4));
        check(&code, &awkward_blocks(&code));
    }
}

#[test]
fn partial_blocks_are_filled_up_with_zero_targets() {
    let code = code(8, 2, 10, 3, 2);
    check(&code, &[gaussian(11, 3), vec![0.0; 11], heavy_tailed(11, 4)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_small_matrix_is_encoded_exactly(
        values in prop::collection::vec(prop_oneof![Just(0.0_f32), -1.0_f32..1.0, -1e-3_f32..1e-3], 12),
        power in -100_i32..100,
        length in 4_u32..11,
    ) {
        let factor = 2_f32.powi(power);
        check(&code(4, 2, length, 3, 3), &[values.iter().map(|value| value * factor).collect()]);
    }
}

/// Rows from the size of the largest down to where nothing but zero is near: every kind of block at the lower end of the
/// exponent field.
#[test]
fn rows_far_below_the_largest_are_searched_exactly() {
    for code in [code(4, 2, 10, 3, 2), code(8, 3, 10, 3, 2), code(6, 2, 11, 4, 0)] {
        let size = code.block_size();
        let blocks: Vec<Vec<f32>> = (0..28)
            .map(|halvings| {
                let factor = 2_f32.powi(-halvings / 2);
                gaussian(size, 20 + halvings as u64)
                    .iter()
                    .map(|value| value * factor)
                    .collect()
            })
            .collect();
        check(&code, &blocks);
    }
}
