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

/// Energy of a pass, in J.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Energy {
    /// Reading DRAM.
    pub dram_j: f64,
    /// The FIFO of weights, the activation buffer and the FIFO of results, written and read.
    pub sram_j: f64,
    /// Decoding.
    pub decode_j: f64,
    /// Multiplying and adding.
    pub mac_j: f64,
    /// All of it.
    pub total_j: f64,
}

impl Energy {
    /// The energy of this traffic in a machine behind a memory; none if the table does not know the memory.
    pub fn of(
        traffic: &Traffic,
        (datapath, format): (&DatapathConfig, &WeightFormat),
        operations: &OperationsPerGroup,
        (table, memory): (&EnergyTable, &str),
    ) -> Option<Self> {
        let dram_pj_per_bit = table.dram_pj_per_bit.get(memory)?;
        let beat_bits = f64::from(datapath.beat_bits);
        let dram_bits = (traffic.weight_beats + traffic.activation_beats) as f64 * beat_bits;
        let written_bits = dram_bits + traffic.results as f64 * f64::from(RESULT_BITS);
        let step_bits = datapath.activations_per_step(format) as f64 * f64::from(datapath.activation_bits);
        let read_bits = traffic.weight_beats as f64 * beat_bits
            + traffic.groups as f64 * step_bits
            + traffic.results as f64 * f64::from(RESULT_BITS);
        // Counted in the reference machine; another one has more or fewer of the same lanes.
        let reference_groups = traffic.groups as f64 * datapath.multipliers(format) as f64 / operations.weights as f64;
        let dram_j = dram_bits * dram_pj_per_bit * 1e-12;
        let sram_j = (written_bits * table.sram.write_pj_per_bit + read_bits * table.sram.read_pj_per_bit) * 1e-12;
        let decode_j = reference_groups * table.operations_pj(&operations.decoder) * 1e-12;
        let mac_j = reference_groups * table.operations_pj(&operations.mac) * 1e-12;
        Some(Energy {
            dram_j,
            sram_j,
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
        let parts = energy.dram_j + energy.sram_j + energy.decode_j + energy.mac_j;
        assert!((energy.total_j - parts).abs() < 1e-18);
        assert!(Energy::of(&traffic, (&datapath, &format), counts, (&table, "nowhere")).is_none());
    }
}
