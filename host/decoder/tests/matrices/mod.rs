//! Random matrices in any legal code.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use seedlm_codec::bits::{read_field, write_field};
use seedlm_codec::{
    BlockCode, BlockCodeFields, ChainMap, ChainedCode, ChainedMatrix, Code, CodedMatrix, Lfsr, WeightMatrix,
};

/// A matrix of random words, no seed of which is zero. `magnitude` (0..=1) goes from the smallest legal scale to the largest.
pub fn random_matrix(code: &Code, rows: usize, columns: usize, magnitude: f64, seed: u64) -> WeightMatrix {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let bytes = code.word_bytes(rows, columns).unwrap();
    let mut words = vec![0; bytes];
    random.fill_bytes(&mut words);
    let scale = |largest_weight: f64| {
        let (smallest, largest) = (f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX) / 2.0 / largest_weight);
        (smallest * (largest / smallest).powf(magnitude)).min(largest * 0.999) as f32
    };
    match code {
        Code::Block(code) => {
            let (width, length) = (code.word_bits() as usize, code.lfsr().length() as usize);
            let count = rows * code.blocks_per_row(columns);
            for start in (0..count).map(|index| index * width) {
                if read_field(&words, start, length) == 0 {
                    write_field(&mut words, start, length, 1);
                }
            }
            clear_padding(&mut words, count * width);
            let scale = scale((code.largest_mantissa() << code.largest_exponent()) as f64);
            WeightMatrix::Block(CodedMatrix::new(code, rows, columns, scale, words).unwrap())
        }
        Code::Chained(code) => {
            clear_padding(&mut words, rows * columns * code.bits_per_weight() as usize);
            let largest = code.map().largest_weight() as f64;
            let scales = (0..rows)
                .map(|row| ChainedMatrix::legal_scale(code, f64::from(scale(largest)) * (1.0 + row as f64 / 16.0)));
            WeightMatrix::Chained(ChainedMatrix::new(code, rows, columns, scales.collect(), words).unwrap())
        }
    }
}

/// The same with a scale of ordinary size.
pub fn preset_matrix(code: &Code, rows: usize, columns: usize, seed: u64) -> WeightMatrix {
    random_matrix(code, rows, columns, 0.45, seed)
}

fn clear_padding(words: &mut [u8], used: usize) {
    let rest = 8 * words.len() - used;
    if rest > 0 {
        write_field(words, used, rest, 0);
    }
}

fn any_block_code() -> impl Strategy<Value = Code> {
    let fields = (1_u32..=64, 1_u32..=8, 2_u32..=8, 0_u32..=5, 2_u32..=24);
    fields.prop_filter_map(
        "wider than 53 bits",
        |(block_size, latent, coefficient_bits, exponent_bits, length)| {
            let code = BlockCode::new(BlockCodeFields {
                block_size,
                latent_dimension: latent.min(block_size),
                coefficient_bits,
                exponent_bits,
                lfsr: Lfsr::paper(length).unwrap(),
            });
            code.ok().map(Code::Block)
        },
    )
}

/// The presets' sizes with other taps.
fn block_code_with_other_taps() -> impl Strategy<Value = Code> {
    (
        prop::sample::select(&[(8, 3), (12, 4)][..]),
        prop::sample::select(&[[0, 1, 3, 12], [0, 4, 13, 15]][..]),
    )
        .prop_map(|((block_size, latent_dimension), taps)| {
            Code::Block(
                BlockCode::new(BlockCodeFields {
                    block_size,
                    latent_dimension,
                    coefficient_bits: 4,
                    exponent_bits: 4,
                    lfsr: Lfsr::new(16, &taps).unwrap(),
                })
                .unwrap(),
            )
        })
}

/// Windows of up to `longest` bits, up to `fields` fields of up to `bits` bits.
fn any_chained_code(longest: u32, fields: usize, bits: usize) -> impl Strategy<Value = Code> {
    let masks = prop::collection::vec(prop::collection::vec(any::<u32>(), 1..=bits), 1..=fields);
    (2..=longest, 1_u32..=8, masks).prop_map(|(length, stored, mut masks)| {
        for mask in masks.iter_mut().flatten() {
            *mask = (*mask & ((1 << length) - 1)).max(1);
        }
        masks[0][0] |= 1 << (length - 1);
        let map = ChainMap::new(length, masks).unwrap();
        Code::Chained(ChainedCode::new(stored.min(length - 1), map).unwrap())
    })
}

/// A matrix of a few rows in any code, with a scale of any size.
pub fn any_matrix() -> impl Strategy<Value = WeightMatrix> {
    let code = prop_oneof![
        any_block_code(),
        block_code_with_other_taps(),
        any_chained_code(24, 8, 8),
        any_chained_code(16, 3, 4),
        prop::sample::select(Code::presets()).prop_map(|name| Code::preset(name).unwrap()),
    ];
    (code, 0_usize..4, 0_usize..150, 0.0..=1.0, any::<u64>())
        .prop_map(|(code, rows, columns, magnitude, seed)| random_matrix(&code, rows, columns, magnitude, seed))
}
