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
    /// Whether groups of words may straddle beats. Without it a beat must hold a whole number of groups; it then costs no
    /// more than two registers.
    pub gearbox: bool,
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
    /// Pipeline registers of a decode lane beyond the fewest, at its end, for synthesis to balance.
    pub extra_decode_stages: u32,
    /// Pipeline registers of the MAC array beyond the fewest, at its end.
    pub extra_mac_stages: u32,
    /// Whether two rows share each multiplier, for chips whose multipliers take 25 x 18 bits; see
    /// [`PackedProducts`](super::PackedProducts). Needs words without exponents, tiles of an even number of rows and narrow
    /// weights. It is written down only where it is true.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pack_products: bool,
}

/// Width of one result on the result stream, in bits.
pub const RESULT_BITS: u32 = 64;

impl DatapathConfig {
    /// The reference machine of the SeedLM paper (section 4.2) for a format: beats of 64 bytes, and as many lanes as one
    /// beat holds words, rounded up to whole tiles of 16 rows. That is 16 lanes and 128 MACs for `paper-4b`,
    /// 16 lanes and 192 MACs for `paper-3b`, 32 lanes and 32 MACs for `fp16`.
    pub fn reference(format: &WeightFormat) -> Self {
        let mut machine = DatapathConfig {
            beat_bits: 512,
            gearbox: true,
            lanes: 0,
            tile_rows: 16,
            activation_bits: 8,
            largest_columns: 16384,
            beat_fifo_beats: 64,
            // A tile's results are on their way for 17 cycles; four tiles hide that from rows of 64 weights on.
            result_fifo_groups: 4,
            extra_decode_stages: 0,
            extra_mac_stages: 0,
            pack_products: false,
        };
        machine.keep_up_with_beats(format);
        machine
    }

    /// Gives the machine as many lanes as keep up with one beat per cycle: as one beat holds words, rounded up to whole tiles.
    pub fn keep_up_with_beats(&mut self, format: &WeightFormat) {
        let lanes = self.beat_bits.div_ceil(format.word_bits());
        // A tile that cannot be built is refused by `check`.
        self.lanes = lanes.checked_next_multiple_of(self.tile_rows).unwrap_or(lanes);
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

    /// Products of a cycle: one for each weight of a group. They are as many multipliers, or half of them with
    /// `pack_products`.
    pub fn multipliers(&self, format: &WeightFormat) -> usize {
        self.lanes as usize * format.weights_per_word()
    }

    /// Pipeline registers of a decode lane, from word to mantissas.
    pub fn decode_stages(&self, format: &WeightFormat) -> u32 {
        fewest_decode_stages(format) + self.extra_decode_stages
    }

    /// Pipeline registers of the MAC array, its adder tree included, from mantissas to partial sums.
    pub fn mac_stages(&self, format: &WeightFormat) -> u32 {
        fewest_mac_stages(format, self.lanes / self.tile_rows) + self.extra_mac_stages
    }

    /// Width of a row's accumulator in bits, sign included: no sum over `largest_columns` weights overflows it.
    ///
    /// For binary16 it may be cut to [`RESULT_BITS`]; sums that need more are refused with the matrix's values.
    pub fn accumulator_bits(&self, format: &WeightFormat) -> u32 {
        accumulator_bits(format, self.activation_bits, self.largest_columns as usize).min(RESULT_BITS)
    }

    /// Width of a MAC's sum in bits, sign included: no sum over the weights of a row in one step overflows it, or none that a
    /// result could hold.
    pub fn sum_bits(&self, format: &WeightFormat) -> u32 {
        accumulator_bits(format, self.activation_bits, self.activations_per_step(format)).min(RESULT_BITS)
    }

    /// Most steps a tile can have: those of a row of `largest_columns`.
    pub fn largest_steps(&self, format: &WeightFormat) -> usize {
        (self.largest_columns as usize).div_ceil(self.activations_per_step(format))
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
        ] {
            if value == 0 || value > most {
                return refuse(format!("{name} is {value}, and must be 1 to {most}"));
            }
        }
        for (name, value) in [
            ("extra_decode_stages", self.extra_decode_stages),
            ("extra_mac_stages", self.extra_mac_stages),
        ] {
            if value > 64 {
                return refuse(format!("{name} is {value}, and must be 0 to 64"));
            }
        }
        if !self.lanes.is_multiple_of(self.tile_rows) {
            return refuse(format!(
                "{} lanes do not divide into tiles of {} rows",
                self.lanes, self.tile_rows
            ));
        }
        let group_bits = self.group_bits(format);
        if !self.gearbox && !(self.beat_bits as usize).is_multiple_of(group_bits) {
            return refuse(format!(
                "a beat of {} bits is no whole number of groups of {} words of {} bits: this needs gearbox = true",
                self.beat_bits,
                self.lanes,
                format.word_bits()
            ));
        }
        if !matches!(self.activation_bits, 8 | 16) {
            return refuse(format!(
                "activation_bits is {}, and must be 8 or 16",
                self.activation_bits
            ));
        }
        if let Some(reason) = self.packing_refusal(format) {
            return refuse(reason);
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

/// Levels of a tree that adds `terms` terms in pairs.
fn tree_levels(terms: u32) -> u32 {
    terms.next_power_of_two().trailing_zeros()
}

/// Pipeline registers that a decode lane needs when no stage holds more than one addition.
///
/// A block's mantissas are sums of products of one constant `T`, made of the coefficients, with chunks of `P` bits of the
/// register's sequence: a tree for `T`, one for each product, one over each half of the chunks of a weight, the addition of
/// what the edges of the windows contribute there, and that of the halves. `docs/architecture.md` has the derivation.
fn fewest_decode_stages(format: &WeightFormat) -> u32 {
    let code = match format {
        WeightFormat::Binary16 => return 1,
        // The fields are added one by one: an adder takes the XORs of one field in for nothing, but not those of two.
        WeightFormat::Chained(code) => return (code.map().fields().len() as u32 - 1).max(1),
        WeightFormat::Block(code) => code,
    };
    let (latent, length) = (code.latent_dimension() as u32, code.lfsr().length());
    let product_levels = tree_levels(latent).max(1);
    let inner_bits = (length + 1).saturating_sub(latent);
    let chunks = inner_bits / latent;
    let above = length + latent - 1 - if chunks > 0 { latent - 1 + chunks * latent } else { 0 };
    // With the middle of the windows' range, which is subtracted.
    let high_edges = product_levels + tree_levels(above + 1);
    if chunks == 0 {
        return high_edges;
    }
    let half = chunks.div_ceil(2).next_power_of_two().min(chunks);
    let chunk_levels = |count: u32| 2 * product_levels + tree_levels(count);
    let low = match latent - 1 {
        0 => chunk_levels(half),
        edges => chunk_levels(half).max(product_levels + tree_levels(edges)) + 1,
    };
    let high = match chunks - half {
        0 => high_edges,
        rest => chunk_levels(rest).max(high_edges) + 1,
    };
    low.max(high) + 1
}

/// Pipeline registers that a MAC needs when no stage holds more than a multiplication, an addition or a shift: the products,
/// the tree over a word, the shift by the exponent, the tree over the words of a row. Where there is no exponent that stage is
/// a register; rows that share multipliers join their weights in it, ahead of the products.
fn fewest_mac_stages(format: &WeightFormat, words: u32) -> u32 {
    1 + tree_levels(format.weights_per_word() as u32) + 1 + tree_levels(words)
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
        let cases: [(&str, Spoil); 8] = [
            ("beat_bits is 100", |c| c.beat_bits = 100),
            ("lanes is 0", |c| c.lanes = 0),
            ("tile_rows is 0", |c| c.tile_rows = 0),
            ("16 lanes do not divide into tiles of 5 rows", |c| c.tile_rows = 5),
            ("activation_bits is 4", |c| c.activation_bits = 4),
            ("can need 66 bits", |c| {
                (c.activation_bits, c.largest_columns) = (16, 32768)
            }),
            ("extra_mac_stages is 65", |c| c.extra_mac_stages = 65),
            ("this needs gearbox = true", |c| {
                (c.gearbox, c.beat_bits, c.lanes) = (false, 576, 16)
            }),
        ];
        for (reason, spoil) in cases {
            let mut config = DatapathConfig::reference(&format);
            spoil(&mut config);
            let error = config.check(&format).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
