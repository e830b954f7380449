//! Products of a given shape with random words.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use seedlm_codec::bits::write_field;
use seedlm_codec::{Binary16Matrix, ChainedMatrix, CodecError, CodedMatrix, WeightFormat, WeightMatrix};

/// Largest number of weights of a synthetic product.
const MOST_WEIGHTS: usize = 1 << 28;

/// Reads `matvec:ROWSxCOLUMNS`.
///
/// # Errors
/// Says what the text should look like.
pub fn parse_matvec(text: &str) -> Result<(usize, usize), String> {
    let refuse = || format!("workload {text:?}: expected matvec:ROWSxCOLUMNS, for example matvec:2048x2048");
    let shape = text.strip_prefix("matvec:").ok_or_else(refuse)?;
    let (rows, columns) = shape.split_once('x').ok_or_else(refuse)?;
    let rows: usize = rows.parse().map_err(|_| refuse())?;
    let columns: usize = columns.parse().map_err(|_| refuse())?;
    match rows.checked_mul(columns) {
        Some(weights) if (1..=MOST_WEIGHTS).contains(&weights) => Ok((rows, columns)),
        _ => Err(format!(
            "workload {text:?}: between 1 and {MOST_WEIGHTS} weights can be run"
        )),
    }
}

/// A matrix of random legal words. How many cycles a product takes does not depend on the values, so nothing has to be
/// encoded for it; the results are checked all the same.
///
/// # Errors
/// When the codec refuses the matrix: a bug.
pub fn random_matrix(
    format: &WeightFormat,
    rows: usize,
    columns: usize,
    seed: u64,
) -> Result<WeightMatrix, CodecError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    match format {
        WeightFormat::Binary16 => {
            let values: Vec<f32> = (0..rows * columns)
                .map(|_| random.random_range(-1.0_f32..1.0))
                .collect();
            Binary16Matrix::from_f32(rows, columns, &values).map(WeightMatrix::Binary16)
        }
        WeightFormat::Block(code) => {
            let width = code.word_bits() as usize;
            let seeds = 1..1_u32 << code.lfsr().length();
            let mut bytes = vec![0; CodedMatrix::word_bytes(code, rows, columns).unwrap_or(0)];
            for index in 0..rows * code.blocks_per_row(columns) {
                let rest = random.next_u64() as u128 | u128::from(random.next_u64()) << 64;
                let above_seed = rest >> code.lfsr().length() << code.lfsr().length();
                let word = above_seed | u128::from(random.random_range(seeds.clone()));
                let mask = u128::MAX >> (128 - width);
                write_field(&mut bytes, index * width, width, word & mask);
            }
            let scale = 1.0 / code.entry_divisor() as f32;
            CodedMatrix::new(code, rows, columns, scale, bytes).map(WeightMatrix::Block)
        }
        WeightFormat::Chained(code) => {
            let mut bytes = vec![0; ChainedMatrix::word_bytes(code, rows, columns).unwrap_or(0)];
            random.fill_bytes(&mut bytes);
            let used = rows * columns * code.bits_per_weight() as usize;
            if !used.is_multiple_of(8) {
                // The bits that fill up the last byte are zero.
                write_field(&mut bytes, used, 8 - used % 8, 0);
            }
            // What brings weights of a unit normal distribution near the largest weights.
            let scale = ChainedMatrix::legal_scale(code, 4.0 / code.map().largest_weight() as f64);
            ChainedMatrix::new(code, rows, columns, vec![scale; rows], bytes).map(WeightMatrix::Chained)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_and_nonsense_is_refused() {
        assert_eq!(parse_matvec("matvec:3x14"), Ok((3, 14)));
        for text in [
            "matvec:3",
            "matvec:0x4",
            "3x4",
            "matvec:ax4",
            "matvec:99999999999x99999999999",
        ] {
            assert!(parse_matvec(text).is_err(), "{text}");
        }
    }

    #[test]
    fn random_matrices_are_legal_and_repeatable() {
        for name in WeightFormat::names() {
            let format = WeightFormat::named(&name).unwrap();
            let matrix = random_matrix(&format, 5, 30, 1).unwrap();
            assert_eq!(matrix, random_matrix(&format, 5, 30, 1).unwrap());
            assert_ne!(matrix, random_matrix(&format, 5, 30, 2).unwrap());
            // 5 x 29 weights of 3 bits do not fill their last byte.
            assert!(random_matrix(&format, 5, 29, 1).is_ok(), "{name}");
        }
    }
}
