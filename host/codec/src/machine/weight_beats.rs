//! The weight stream of a matrix, beat by beat, in little memory.

use super::{DatapathConfig, TileOrder};
use crate::bits::write_field;
use crate::weights::WeightMatrix;

/// Bits that are gathered before they are handed over: 64 KiB.
const BITS_AT_A_TIME: usize = 1 << 19;

/// Calls `sink` with the weight stream of a matrix as [`MachineStreams`](super::MachineStreams) has it, in order, a whole number
/// of beats at a time. Words that pad the last tile, and the rest of the last beat, are zero.
///
/// # Errors
/// The first error of `sink` ends the walk.
///
/// # Panics
/// When the machine cannot be built for the matrix's format: see [`DatapathConfig::check`].
pub fn walk_weight_beats<E>(
    config: &DatapathConfig,
    matrix: &WeightMatrix,
    mut sink: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let format = matrix.format();
    let order = TileOrder::new(config, &format, matrix.rows(), matrix.columns());
    let (width, beat_bits) = (format.word_bits() as usize, config.beat_bits as usize);
    let mut bytes = vec![0; (BITS_AT_A_TIME + config.group_bits(&format) + beat_bits).div_ceil(8)];
    let mut position = 0;
    for tile in 0..order.tiles() {
        for step in 0..order.steps_per_tile() {
            for lane in 0..config.lanes as usize {
                if let Some((row, word)) = order.word_at(tile, step, lane) {
                    write_field(&mut bytes, position, width, matrix.word_bits_at(row, word));
                }
                position += width;
            }
            if position >= BITS_AT_A_TIME {
                let whole_beats = position / beat_bits * beat_bits;
                sink(&bytes[..whole_beats / 8])?;
                // What is left begins the next beats.
                bytes.copy_within(whole_beats / 8..position.div_ceil(8), 0);
                position -= whole_beats;
                bytes[position.div_ceil(8)..].fill(0);
            }
        }
    }
    match position.next_multiple_of(beat_bits) {
        0 => Ok(()),
        end => sink(&bytes[..end / 8]),
    }
}
