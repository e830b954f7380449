//! The bytes of a matrix in an image, there and back.

use super::layout::{SCALE_BYTES, Sizes};
use crate::bits::{read_field, write_field};
use crate::chained::{ChainedCode, ChainedMatrix};
use crate::code::Code;
use crate::error::CodecError;
use crate::machine::{DatapathConfig, TileOrder, walk_weight_beats};
use crate::matrix::CodedMatrix;
use crate::weights::{WeightFormat, WeightMatrix};

/// The scales of all rows as an image has them: binary32 numbers, lowest byte first, filled up to whole beats with zeros.
/// Where the matrix has one scale for all rows, it stands there once for each.
pub fn row_scale_bytes(machine: &DatapathConfig, matrix: &WeightMatrix) -> Vec<u8> {
    let scales = (0..matrix.rows()).flat_map(|row| matrix.scale(row).to_le_bytes());
    let mut bytes: Vec<u8> = scales.collect();
    bytes.resize(bytes.len().next_multiple_of(machine.beat_bits as usize / 8), 0);
    bytes
}

/// Reads a matrix back from the bytes of its weights and of its scales. Nothing is taken on trust: the bytes must be exactly
/// those that the matrix would be written as, padding included.
///
/// # Errors
/// [`CodecError::Machine`] when the machine cannot be built; [`CodecError::Image`] when sizes, scales or padding are wrong;
/// [`CodecError::Tensor`] or [`CodecError::Word`] when the words or scales are none of the code's.
pub fn matrix_from_image(
    machine: &DatapathConfig,
    code: &Code,
    [rows, columns]: [usize; 2],
    weights: &[u8],
    scales: &[u8],
) -> Result<WeightMatrix, CodecError> {
    let format = WeightFormat::from(code.clone());
    machine.check(&format)?;
    let sizes = Sizes {
        machine,
        format: &format,
    };
    for (what, bytes, beats) in [
        ("weights", weights, sizes.weight_beats(rows, columns)),
        ("scales", scales, sizes.scale_beats(rows)),
    ] {
        let beat_bytes = u64::from(machine.beat_bits) / 8;
        let expected = beats.and_then(|beats| beats.checked_mul(beat_bytes));
        if Some(bytes.len() as u64) != expected {
            return Err(CodecError::Image(format!(
                "{} bytes of {what}, and {rows} x {columns} weights need {}",
                bytes.len(),
                expected.map_or("more than can be counted".into(), |bytes| bytes.to_string())
            )));
        }
    }
    let order = TileOrder::new(machine, &format, rows, columns);
    let word_bits = format.word_bits() as usize;
    let word = |row, index| read_field(weights, order.place_of(row, index) * word_bits, word_bits);
    let row_scales: Vec<f32> = scales.as_chunks::<{ SCALE_BYTES as usize }>().0[..rows]
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect();
    let matrix = match code {
        Code::Block(code) => {
            let size = CodedMatrix::word_bytes(code, rows, columns).unwrap_or(0);
            let mut words = vec![0; size];
            for row in 0..rows {
                for index in 0..code.blocks_per_row(columns) {
                    let position = (row * code.blocks_per_row(columns) + index) * word_bits;
                    write_field(&mut words, position, word_bits, word(row, index));
                }
            }
            let scale = row_scales.first().copied().unwrap_or(1.0);
            WeightMatrix::Block(CodedMatrix::new(code, rows, columns, scale, words)?)
        }
        Code::Chained(code) => {
            let words = chained_words(code, [rows, columns], word);
            WeightMatrix::Chained(ChainedMatrix::new(code, rows, columns, row_scales, words)?)
        }
    };
    check_written_again(machine, &matrix, weights, scales)?;
    Ok(matrix)
}

/// The stored bits of a matrix in the chained code.
fn chained_words(code: &ChainedCode, [rows, columns]: [usize; 2], word: impl Fn(usize, usize) -> u128) -> Vec<u8> {
    let mut words = vec![0; ChainedMatrix::word_bytes(code, rows, columns).unwrap_or(0)];
    let stored = code.bits_per_weight() as usize;
    for row in 0..rows {
        for first in (0..columns).step_by(code.weights_per_word()) {
            let bits = code.weights_per_word().min(columns - first) * stored;
            let value = word(row, first / code.weights_per_word());
            write_field(&mut words, (row * columns + first) * stored, bits, value);
        }
    }
    words
}

/// Writes the matrix again: whatever reading it has not looked at must be zero, and scales that must be equal are.
fn check_written_again(
    machine: &DatapathConfig,
    matrix: &WeightMatrix,
    weights: &[u8],
    scales: &[u8],
) -> Result<(), CodecError> {
    let differs = |what: &str| {
        CodecError::Image(format!(
            "the {what} are not what their matrix is written as: padding that is not zero, or scales that differ where the code has one"
        ))
    };
    if row_scale_bytes(machine, matrix) != scales {
        return Err(differs("scales"));
    }
    let mut rest = weights;
    walk_weight_beats(machine, matrix, |beats| match rest.split_at_checked(beats.len()) {
        Some((stated, after)) if stated == beats => {
            rest = after;
            Ok(())
        }
        _ => Err(differs("weights")),
    })
}
