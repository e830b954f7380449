//! The energy of a pass, by where it goes.

use super::{EnergyTable, OperationsPerGroup};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::{DatapathConfig, RESULT_BITS};
use serde::Serialize;

/// What moves through a machine in a pass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Traffic {
    /// Beats of weights.
    pub weight_beats: u64,
    /// Beats of activations.
    pub activation_beats: u64,
    /// Groups of words decoded and multiplied.
    pub groups: u64,
    /// Results.
    pub results: u64,
}

/// Width of an activation in the machines whose operations are counted.
const REFERENCE_ACTIVATION_BITS: u64 = 8;

/// Energy of a pass, in J.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Energy {
    /// Reading DRAM.
    pub dram_j: f64,
    /// The FIFO of weights, the activation buffer and the FIFO of results, written and read.
    pub sram_j: f64,
    /// The part of these two that activations and results take: what every further vector of a batch would take again.
    pub of_activations_j: f64,
    /// Decoding.
    pub decode_j: f64,
    /// Multiplying and adding.
    pub mac_j: f64,
    /// All of it.
    pub total_j: f64,
}

impl Energy {
    /// The energy of this traffic in a machine behind a memory; none if the table does not know the memory.
    ///
    /// What is moved is exact. Operations are those of the reference machine, scaled by the weights of a group, and products by the width of
    /// the activations; adders and registers of wider sums, or of additional stages, are not in it.
    pub fn of(
        traffic: &Traffic,
        (datapath, format): (&DatapathConfig, &WeightFormat),
        operations: &OperationsPerGroup,
        (table, memory): (&EnergyTable, &str),
    ) -> Option<Self> {
        let dram_pj_per_bit = table.dram_pj_per_bit.get(memory)?;
        let beat_bits = f64::from(datapath.beat_bits);
        let dram_bits = (traffic.weight_beats + traffic.activation_beats) as f64 * beat_bits;
        let activation_bits = traffic.activation_beats as f64 * beat_bits;
        let weight_bits = traffic.weight_beats as f64 * beat_bits;
        let result_bits = traffic.results as f64 * f64::from(RESULT_BITS);
        let step_bits = datapath.activations_per_step(format) as f64 * f64::from(datapath.activation_bits);
        let (write, read) = (table.sram.write_pj_per_bit, table.sram.read_pj_per_bit);
        let buffers_of_activations_pj =
            (activation_bits + result_bits) * write + (traffic.groups as f64 * step_bits + result_bits) * read;
        // Counted in the reference machine; another one has more or fewer of the same lanes.
        let reference_groups = traffic.groups as f64 * datapath.multipliers(format) as f64 / operations.weights as f64;
        let dram_j = dram_bits * dram_pj_per_bit * 1e-12;
        let sram_j = (weight_bits * (write + read) + buffers_of_activations_pj) * 1e-12;
        let of_activations_j = (activation_bits * dram_pj_per_bit + buffers_of_activations_pj) * 1e-12;
        let decode_j = reference_groups * table.operations_pj(&operations.decoder) * 1e-12;
        let mut mac = operations.mac;
        mac.multiplier_bit_products =
            mac.multiplier_bit_products * u64::from(datapath.activation_bits) / REFERENCE_ACTIVATION_BITS;
        let mac_j = reference_groups * table.operations_pj(&mac) * 1e-12;
        Some(Energy {
            dram_j,
            sram_j,
            of_activations_j,
            decode_j,
            mac_j,
            total_j: dram_j + sram_j + decode_j + mac_j,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::operation_counts;

    #[test]
    fn a_beat_of_paper_4b_costs_what_is_worked_out_by_hand() {
        let format = WeightFormat::named("paper-4b").unwrap();
        let datapath = DatapathConfig::reference(&format);
        let counts = operation_counts("paper-4b").unwrap();
        let table = EnergyTable::named("45nm").unwrap();
        let traffic = Traffic {
            weight_beats: 1,
            activation_beats: 0,
            groups: 1,
            results: 0,
        };
        let energy = Energy::of(&traffic, (&datapath, &format), counts, (&table, "paper")).unwrap();
        assert!((energy.dram_j - 512.0 * 20.3e-12).abs() < 1e-18);
        // The beat in and out of its FIFO, and the eight activations of a step.
        assert!((energy.sram_j - (2.0 * 512.0 + 64.0) * 0.15625e-12).abs() < 1e-18);
        // 3072 XORs, 7105 gates, 19264 registers and 12128 bits of adders, 768 choices.
        let decode_pj = 10177.0 * 0.00075 + 31392.0 * 0.00375 + 768.0 * 0.00225;
        assert!((energy.decode_j - decode_pj * 1e-12).abs() < 1e-17);
        // 32 gates, 13280 registers and bits of adders, 3856 choices, 128 products of 21 x 8 bits.
        let mac_pj = 32.0 * 0.00075 + 13280.0 * 0.00375 + 3856.0 * 0.00225 + 21504.0 * 0.003125;
        assert!((energy.mac_j - mac_pj * 1e-12).abs() < 1e-17);
        assert!((energy.of_activations_j - 64.0 * 0.15625e-12).abs() < 1e-18);
        let mut wide = datapath.clone();
        (wide.beat_bits, wide.lanes, wide.activation_bits) = (1024, 32, 16);
        let twice = Energy::of(&traffic, (&wide, &format), counts, (&table, "paper")).unwrap();
        assert!((twice.decode_j - 2.0 * energy.decode_j).abs() < 1e-18);
        assert!((twice.mac_j - (2.0 * mac_pj + 2.0 * 67.2) * 1e-12).abs() < 1e-17);
        let parts = energy.dram_j + energy.sram_j + energy.decode_j + energy.mac_j;
        assert!((energy.total_j - parts).abs() < 1e-18);
        assert!(Energy::of(&traffic, (&datapath, &format), counts, (&table, "nowhere")).is_none());
    }
}
