//! Matrices to decode.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use seedlm_codec::bits::{read_field, write_field};
use seedlm_codec::{ChainedMatrix, Code, CodecError, CodedMatrix, WeightMatrix};

/// The scale of every row of a chained code, and of a block code's matrix: legal ones, that is all.
const SCALE: f32 = 1.0 / 512.0;
const BLOCK_SCALE: f32 = 1e-6;

/// `rows x columns` weights of random words, the same in every run.
pub fn random(code: &Code, rows: usize, columns: usize) -> Result<WeightMatrix, CodecError> {
    let bytes = code
        .word_bytes(rows, columns)
        .ok_or_else(|| CodecError::Tensor(format!("{rows} x {columns} weights are too many to address")))?;
    let mut words = vec![0; bytes];
    ChaCha8Rng::seed_from_u64(1).fill_bytes(&mut words);
    let clear_after = |words: &mut [u8], used: usize| {
        // Bits beyond the last word must be zero.
        if !used.is_multiple_of(8) {
            let last = words.len() - 1;
            words[last] &= (1 << (used % 8)) - 1;
        }
    };
    Ok(match code {
        Code::Block(code) => {
            let (width, length) = (code.word_bits() as usize, code.lfsr().length() as usize);
            let count = rows * code.blocks_per_row(columns);
            for start in (0..count).map(|index| index * width) {
                // A seed is never zero.
                if read_field(&words, start, length) == 0 {
                    write_field(&mut words, start, length, 1);
                }
            }
            clear_after(&mut words, count * width);
            WeightMatrix::Block(CodedMatrix::new(code, rows, columns, BLOCK_SCALE, words)?)
        }
        Code::Chained(code) => {
            clear_after(&mut words, rows * columns * code.bits_per_weight() as usize);
            WeightMatrix::Chained(ChainedMatrix::new(code, rows, columns, vec![SCALE; rows], words)?)
        }
    })
}

/// Bytes of a matrix as it is stored: words and scales.
pub fn bytes(code: &Code, matrix: &WeightMatrix) -> usize {
    let words = match matrix {
        WeightMatrix::Block(matrix) => matrix.words().len(),
        WeightMatrix::Chained(matrix) => matrix.words().len(),
        WeightMatrix::Binary16(matrix) => 2 * matrix.rows() * matrix.columns(),
    };
    words + code.scale_bytes(matrix.rows())
}
