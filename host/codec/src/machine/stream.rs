//! The order in which the machine reads words and activations.

use super::{DatapathConfig, walk_weight_beats};
use crate::bits::write_field;
use crate::error::CodecError;
use crate::product::Activations;
use crate::weights::{WeightFormat, WeightMatrix};
use std::convert::Infallible;

/// Which word each lane gets in each step.
///
/// A matrix is cut into tiles of `tile_rows` rows. A tile is walked from left to right in *steps*; in each step every
/// lane gets one word: lane `l` serves row `l / words_per_tile_row` of the tile, and `words_per_tile_row` neighbouring
/// words of a row lie in neighbouring lanes. So all rows of a tile need the same activations in the same step, and
/// finish in the same step.
#[derive(Clone, Debug)]
pub struct TileOrder {
    rows: usize,
    words_per_row: usize,
    tile_rows: usize,
    words_per_tile_row: usize,
}

impl TileOrder {
    /// The order for a matrix of `rows` rows and `columns` columns.
    pub fn new(config: &DatapathConfig, format: &WeightFormat, rows: usize, columns: usize) -> Self {
        TileOrder {
            rows,
            words_per_row: format.words_per_row(columns),
            tile_rows: config.tile_rows as usize,
            words_per_tile_row: config.words_per_tile_row(),
        }
    }

    /// Number of tiles.
    pub fn tiles(&self) -> usize {
        self.rows.div_ceil(self.tile_rows)
    }

    /// Steps in a tile.
    pub fn steps_per_tile(&self) -> usize {
        self.words_per_row.div_ceil(self.words_per_tile_row)
    }

    /// Groups of words in all: one per step of every tile.
    pub fn groups(&self) -> usize {
        self.tiles() * self.steps_per_tile()
    }

    /// Row and word index that lane `lane` gets in step `step` of tile `tile`; `None` for padding.
    pub fn word_at(&self, tile: usize, step: usize, lane: usize) -> Option<(usize, usize)> {
        let row = tile * self.tile_rows + lane / self.words_per_tile_row;
        let word = step * self.words_per_tile_row + lane % self.words_per_tile_row;
        (row < self.rows && word < self.words_per_row).then_some((row, word))
    }

    /// Number of word `word` of row `row` in the stream, from 0, padding counted: the inverse of [`TileOrder::word_at`].
    ///
    /// # Panics
    /// When there is no such row or word.
    pub fn place_of(&self, row: usize, word: usize) -> usize {
        assert!(
            row < self.rows && word < self.words_per_row,
            "no word at row {row}, word {word}"
        );
        let group = row / self.tile_rows * self.steps_per_tile() + word / self.words_per_tile_row;
        let lane = row % self.tile_rows * self.words_per_tile_row + word % self.words_per_tile_row;
        group * self.tile_rows * self.words_per_tile_row + lane
    }
}

/// One matrix-vector product as the machine reads it: whole beats.
#[derive(Clone, Debug, PartialEq)]
pub struct MachineStreams {
    /// Words in tile order, without gaps, least significant bit first; padding words and the rest of the last beat zero.
    pub weights: Vec<u8>,
    /// Activations in column order, cut into steps; see [`ActivationLayout`]. Positions beyond the last column are zero, so
    /// the weights of partial blocks and of padding never count.
    pub activations: Vec<u8>,
}

impl MachineStreams {
    /// Lays a product out for a machine.
    ///
    /// # Errors
    /// [`CodecError::Machine`] or [`CodecError::Arithmetic`] when the machine cannot be built or the product does not
    /// fit it.
    pub fn new(config: &DatapathConfig, matrix: &WeightMatrix, activations: &Activations) -> Result<Self, CodecError> {
        let weights = MachineStreams::weights_of(config, matrix)?;
        MachineStreams::with_weights(config, matrix, activations, weights)
    }

    /// The stream of a matrix's weights, which is the same in every product.
    ///
    /// # Errors
    /// [`CodecError::Machine`] when the machine cannot be built for the format, or the matrix does not fit it.
    pub fn weights_of(config: &DatapathConfig, matrix: &WeightMatrix) -> Result<Vec<u8>, CodecError> {
        config.check(&matrix.format())?;
        check_columns(config, matrix)?;
        Ok(weight_beats(config, matrix))
    }

    /// As [`MachineStreams::new`], with weights from [`MachineStreams::weights_of`] for the same machine and matrix.
    ///
    /// # Errors
    /// As [`MachineStreams::new`].
    pub fn with_weights(
        config: &DatapathConfig,
        matrix: &WeightMatrix,
        activations: &Activations,
        weights: Vec<u8>,
    ) -> Result<Self, CodecError> {
        let format = matrix.format();
        config.check(&format)?;
        check_columns(config, matrix)?;
        if activations.values().len() != matrix.columns() || activations.bits() != config.activation_bits {
            return Err(CodecError::Arithmetic(format!(
                "{} activations of {} bits for a machine of {}-bit activations and a matrix of {} columns",
                activations.values().len(),
                activations.bits(),
                config.activation_bits,
                matrix.columns()
            )));
        }
        Ok(MachineStreams {
            weights,
            activations: activation_beats(config, &format, matrix.columns(), activations),
        })
    }
}

fn check_columns(config: &DatapathConfig, matrix: &WeightMatrix) -> Result<(), CodecError> {
    if matrix.columns() > config.largest_columns as usize {
        return Err(CodecError::Machine(format!(
            "a matrix of {} columns does not fit largest_columns = {}",
            matrix.columns(),
            config.largest_columns
        )));
    }
    Ok(())
}

fn weight_beats(config: &DatapathConfig, matrix: &WeightMatrix) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Ok(()) = walk_weight_beats(config, matrix, |beats| {
        bytes.extend_from_slice(beats);
        Ok::<(), Infallible>(())
    });
    bytes
}

fn activation_beats(
    config: &DatapathConfig,
    format: &WeightFormat,
    columns: usize,
    activations: &Activations,
) -> Vec<u8> {
    let layout = ActivationLayout::new(config, format);
    let steps = TileOrder::new(config, format, 1, columns).steps_per_tile();
    let width = config.activation_bits as usize;
    let mut bytes = vec![0; layout.beats(steps) * config.beat_bits as usize / 8];
    for (column, &value) in activations.values().iter().enumerate() {
        let (step, place) = (
            column / layout.activations_per_step,
            column % layout.activations_per_step,
        );
        let position = layout.first_bit(step) + place * width;
        write_field(&mut bytes, position, width, value as u128 & ((1 << width) - 1));
    }
    bytes
}

/// How the activations of a step lie in beats. No step straddles beats that it does not fill: either a beat holds a whole
/// number of steps, or a step takes a whole number of beats. So the activation buffer writes a beat and reads a step per
/// cycle with nothing but a select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationLayout {
    /// Activations in one step.
    pub activations_per_step: usize,
    /// Steps that start in one beat, at least 1; the rest of the beat is zero.
    pub steps_per_beat: usize,
    /// Beats of one step, at least 1; more than 1 only where `steps_per_beat` is 1.
    pub beats_per_step: usize,
    step_bits: usize,
    beat_bits: usize,
}

impl ActivationLayout {
    /// The layout for a machine and a format.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let beat_bits = config.beat_bits as usize;
        let activations_per_step = config.activations_per_step(format);
        let step_bits = activations_per_step * config.activation_bits as usize;
        ActivationLayout {
            activations_per_step,
            steps_per_beat: (beat_bits / step_bits).max(1),
            beats_per_step: step_bits.div_ceil(beat_bits),
            step_bits,
            beat_bits,
        }
    }

    /// Beats that hold the activations of `steps` steps.
    pub fn beats(&self, steps: usize) -> usize {
        steps.div_ceil(self.steps_per_beat) * self.beats_per_step
    }

    /// Whole steps that have arrived with the first `beats` beats.
    pub fn steps_in(&self, beats: usize) -> usize {
        beats / self.beats_per_step * self.steps_per_beat
    }

    /// Where a step starts in the stream, in bits.
    pub fn first_bit(&self, step: usize) -> usize {
        let beat = step / self.steps_per_beat * self.beats_per_step;
        beat * self.beat_bits + step % self.steps_per_beat * self.step_bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::read_field;
    use crate::{Binary16Matrix, product};
    use proptest::prelude::*;

    proptest! {
        /// Reading the streams as the machine does gives the golden product: the order loses and repeats nothing.
        #[test]
        fn a_plain_walk_over_the_streams_gives_the_product(
            rows in 1_usize..40, columns in 1_usize..40, tile_rows in 1_u32..6, words_per_tile_row in 1_u32..12, seed in any::<u32>()
        ) {
            let value = |index: usize| (index as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 16;
            let weights: Vec<f32> = (0..rows * columns).map(|i| value(i) as f32 / 8192.0 - 4.0).collect();
            let matrix = WeightMatrix::Binary16(Binary16Matrix::from_f32(rows, columns, &weights).unwrap());
            let x: Vec<i32> = (0..columns).map(|i| (value(i + 77) % 256) as i32 - 128).collect();
            let activations = Activations::new(8, 1.0, x).unwrap();
            let config = DatapathConfig {
                beat_bits: 64, lanes: tile_rows * words_per_tile_row, tile_rows,
                ..DatapathConfig::reference(&WeightFormat::Binary16)
            };
            let streams = MachineStreams::new(&config, &matrix, &activations).unwrap();
            let order = TileOrder::new(&config, &WeightFormat::Binary16, rows, columns);
            let mut sums = vec![0_i64; order.tiles() * tile_rows as usize];
            for tile in 0..order.tiles() {
                for step in 0..order.steps_per_tile() {
                    for lane in 0..config.lanes as usize {
                        let group = tile * order.steps_per_tile() + step;
                        let word = read_field(&streams.weights, (group * config.lanes as usize + lane) * 16, 16);
                        let column = step * words_per_tile_row as usize + lane % words_per_tile_row as usize;
                        let layout = ActivationLayout::new(&config, &WeightFormat::Binary16);
                        let place = layout.first_bit(step) / 8 + lane % words_per_tile_row as usize;
                        let x = streams.activations[place] as i8;
                        if column < columns { assert_eq!(i32::from(x), activations.values()[column]); }
                        sums[tile * tile_rows as usize + lane / words_per_tile_row as usize] +=
                            WeightFormat::Binary16.decode_word(word)[0] * i64::from(x);
                    }
                }
            }
            prop_assert_eq!(&sums[..rows], &product(&matrix, &activations).unwrap()[..]);
            prop_assert!(sums[rows..].iter().all(|&sum| sum == 0));
        }
    }
}
