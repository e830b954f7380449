//! The parameters of the datapath: one structure for the simulator and for the Verilog generator.

use crate::error::CodecError;
use crate::product::accumulator_bits;
use crate::weights::WeightFormat;
use serde::{Deserialize, Serialize};

/// Parameters of the datapath. `activation_bits` is part of the question; all others change cycles or wires, and no
/// result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatapathConfig {
    /// Width of one beat of the weight, activation and result streams, in bits.
    pub beat_bits: u32,
    /// Words decoded per cycle.
    pub lanes: u32,
    /// Rows that one group of `lanes` words covers. `lanes / tile_rows` neighbouring words belong to each row.
    pub tile_rows: u32,
    /// Width of an activation in bits, 8 or 16.
    pub activation_bits: u32,
    /// Most columns a matrix may have: the size of the activation buffer, in activations.
    pub largest_columns: u32,
    /// Depth of the FIFO between memory and datapath, in beats.
    pub beat_fifo_beats: u32,
    /// Depth of the FIFO behind the accumulators, in groups of `tile_rows` results.
    pub result_fifo_groups: u32,
    /// Pipeline registers of a decode lane.
    pub decode_stages: u32,
    /// Pipeline registers of the MAC array, its adder tree included.
    pub mac_stages: u32,
}

/// Width of one result on the result stream, in bits.
pub const RESULT_BITS: u32 = 64;

impl DatapathConfig {
    /// The reference machine of the SeedLM paper (section 4.2) for a format: beats of 64 bytes, and as many lanes as one
    /// beat holds words, rounded up to whole tiles of 16 rows. That is 16 lanes and 128 MACs for `paper-4b`,
    /// 16 lanes and 192 MACs for `paper-3b`, 32 lanes and 32 MACs for `fp16`.
    pub fn reference(format: &WeightFormat) -> Self {
        let beat_bits = 512_u32;
        let tile_rows = 16;
        DatapathConfig {
            beat_bits,
            lanes: beat_bits.div_ceil(format.word_bits()).next_multiple_of(tile_rows),
            tile_rows,
            activation_bits: 8,
            largest_columns: 16384,
            beat_fifo_beats: 64,
            result_fifo_groups: 2,
            decode_stages: match format {
                WeightFormat::Binary16 => 1,
                WeightFormat::Block(_) => 7,
            },
            mac_stages: 4,
        }
    }

    /// Words of one row in a group.
    pub fn words_per_tile_row(&self) -> usize {
        (self.lanes / self.tile_rows) as usize
    }

    /// Width of one group of words, in bits.
    pub fn group_bits(&self, format: &WeightFormat) -> usize {
        self.lanes as usize * format.word_bits() as usize
    }

    /// Activations that one group of words needs.
    pub fn activations_per_step(&self, format: &WeightFormat) -> usize {
        self.words_per_tile_row() * format.weights_per_word()
    }

    /// Multipliers: one for each weight of a group.
    pub fn multipliers(&self, format: &WeightFormat) -> usize {
        self.lanes as usize * format.weights_per_word()
    }

    /// Beats that hold the results of one tile.
    pub fn result_beats_per_tile(&self) -> usize {
        self.tile_rows.div_ceil(self.beat_bits / RESULT_BITS) as usize
    }

    /// Checks that a machine with these parameters can be built for the format and never overflows.
    ///
    /// # Errors
    /// [`CodecError::Machine`] names the parameter and the reason.
    pub fn check(&self, format: &WeightFormat) -> Result<(), CodecError> {
        let refuse = |reason: String| Err(CodecError::Machine(reason));
        if self.beat_bits < RESULT_BITS || self.beat_bits > 4096 || !self.beat_bits.is_multiple_of(RESULT_BITS) {
            return refuse(format!(
                "beat_bits is {}, and must be a multiple of 64 from 64 to 4096",
                self.beat_bits
            ));
        }
        for (name, value, most) in [
            ("lanes", self.lanes, 1024),
            ("tile_rows", self.tile_rows, 1024),
            ("largest_columns", self.largest_columns, 1 << 20),
            ("beat_fifo_beats", self.beat_fifo_beats, 1 << 16),
            ("result_fifo_groups", self.result_fifo_groups, 1 << 10),
            ("decode_stages", self.decode_stages, 64),
            ("mac_stages", self.mac_stages, 64),
        ] {
            if value == 0 || value > most {
                return refuse(format!("{name} is {value}, and must be 1 to {most}"));
            }
        }
        if !self.lanes.is_multiple_of(self.tile_rows) {
            return refuse(format!(
                "{} lanes do not divide into tiles of {} rows",
                self.lanes, self.tile_rows
            ));
        }
        if !matches!(self.activation_bits, 8 | 16) {
            return refuse(format!(
                "activation_bits is {}, and must be 8 or 16",
                self.activation_bits
            ));
        }
        let needed = accumulator_bits(format, self.activation_bits, self.largest_columns as usize);
        // What a binary16 matrix needs depends on its values, and is checked with them.
        if needed > RESULT_BITS && *format != WeightFormat::Binary16 {
            return refuse(format!(
                "largest_columns = {}: sums of {} weights and {}-bit activations can need {needed} bits, and results have 64",
                self.largest_columns,
                format.label(),
                self.activation_bits
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_machine_has_the_papers_multipliers() {
        for (name, lanes, multipliers) in [("paper-4b", 16, 128), ("paper-3b", 16, 192), ("fp16", 32, 32)] {
            let format = WeightFormat::named(name).unwrap();
            let config = DatapathConfig::reference(&format);
            config.check(&format).unwrap();
            assert_eq!(
                (config.lanes, config.multipliers(&format)),
                (lanes, multipliers),
                "{name}"
            );
        }
    }

    #[test]
    fn machines_that_cannot_be_built_are_refused_with_the_reason() {
        let format = WeightFormat::named("paper-4b").unwrap();
        type Spoil = fn(&mut DatapathConfig);
        let cases: [(&str, Spoil); 7] = [
            ("beat_bits is 100", |c| c.beat_bits = 100),
            ("lanes is 0", |c| c.lanes = 0),
            ("tile_rows is 0", |c| c.tile_rows = 0),
            ("16 lanes do not divide into tiles of 5 rows", |c| c.tile_rows = 5),
            ("activation_bits is 4", |c| c.activation_bits = 4),
            ("can need 66 bits", |c| {
                (c.activation_bits, c.largest_columns) = (16, 32768)
            }),
            ("mac_stages is 0", |c| c.mac_stages = 0),
        ];
        for (reason, spoil) in cases {
            let mut config = DatapathConfig::reference(&format);
            spoil(&mut config);
            let error = config.check(&format).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
