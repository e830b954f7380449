//! A format in the report.

use super::Roofs;
use crate::energy::{Energy, EnergyTable, Operations};
use crate::machine::SystemConfig;
use crate::shape::{Estimate, ModelShape};
use serde::{Deserialize, Serialize};

/// Where a format's figures come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Simulated cycle by cycle in some rows of each shape, and extrapolated to all.
    Simulated,
    /// Worked out from its sizes: there is no machine for it here.
    Model,
}

impl Origin {
    /// Its name in a table.
    pub fn label(self) -> &'static str {
        match self {
            Origin::Simulated => "simulated",
            Origin::Model => "model",
        }
    }
}

/// One format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FormatLine {
    /// Name of the format.
    pub format: String,
    /// Where the figures come from.
    pub origin: Origin,
    /// Its limits.
    pub roofs: Roofs,
    /// Multipliers of its machine: as many as decode lanes give weights in a cycle.
    pub multipliers: usize,
    /// Tokens per second with a batch of one: extrapolated from a simulation; for a model what the roofs allow.
    pub tokens_per_second: f64,
    /// Energy of a token with a batch of one, in J, where it is known.
    pub energy_j: Option<EnergyParts>,
}

/// Energy of a token, by what a batch shares, in J.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnergyParts {
    /// Once for a batch: reading and decoding weights.
    pub shared_j: f64,
    /// For each member: reading and buffering activations, results, MACs.
    pub each_j: f64,
    /// The part of decoding in the shared energy.
    pub decode_j: f64,
}

impl EnergyParts {
    /// Energy of a token in a batch.
    pub fn per_token_j(&self, batch: u32) -> f64 {
        self.shared_j / f64::from(batch) + self.each_j
    }
}

impl From<Energy> for EnergyParts {
    fn from(energy: Energy) -> Self {
        EnergyParts {
            shared_j: energy.dram_j + energy.sram_j - energy.of_activations_j + energy.decode_j,
            each_j: energy.of_activations_j + energy.mac_j,
            decode_j: energy.decode_j,
        }
    }
}

impl FormatLine {
    /// A format that has been simulated.
    pub fn simulated(estimate: &Estimate, system: &SystemConfig) -> Self {
        let gproducts_per_s = estimate.multipliers as f64 * system.clock_mhz / 1e3;
        FormatLine {
            format: estimate.format.clone(),
            origin: Origin::Simulated,
            roofs: Roofs {
                read_bits_per_weight: estimate.read_bits_per_weight,
                decoder_gweights_per_s: gproducts_per_s,
                mac_gproducts_per_s: gproducts_per_s,
            },
            multipliers: estimate.multipliers,
            tokens_per_second: estimate.tokens_per_second,
            energy_j: estimate.energy.map(EnergyParts::from),
        }
    }

    /// The formats that are compared with everywhere and have no machine here, on one like the others: int8, whose scales per row
    /// the host applies as it does for the codes, and 4-bit integers with a 16-bit scale for each 128 weights, unpacked by a subtraction and multiplied by their scale after each group.
    pub fn models(shape: &ModelShape, system: &SystemConfig, table: &EnergyTable) -> Vec<Self> {
        let model = |format: &str, bits: f64, decoder: Operations, mac: Operations| {
            let weights_per_cycle = (f64::from(system.datapath.beat_bits) / bits).ceil();
            let gproducts_per_s = weights_per_cycle * system.clock_mhz / 1e3;
            let roofs = Roofs {
                read_bits_per_weight: bits,
                decoder_gweights_per_s: gproducts_per_s,
                mac_gproducts_per_s: gproducts_per_s,
            };
            let weights = shape.weights() as f64;
            let energy_j = table.dram_pj_per_bit.get(system.memory.name()).map(|dram_pj_per_bit| {
                let buffer_pj_per_bit = table.sram.read_pj_per_bit + table.sram.write_pj_per_bit;
                let decode_j = weights * table.operations_pj(&decoder) * 1e-12;
                EnergyParts {
                    shared_j: weights * bits * (dram_pj_per_bit + buffer_pj_per_bit) * 1e-12 + decode_j,
                    each_j: weights * table.operations_pj(&mac) * 1e-12,
                    decode_j,
                }
            });
            let (gweights_per_s, _) = roofs.attainable(system.refresh_limited_gb_per_s(), 1);
            FormatLine {
                format: format.into(),
                origin: Origin::Model,
                roofs,
                multipliers: weights_per_cycle as usize,
                tokens_per_second: gweights_per_s * 1e9 / weights,
                energy_j,
            }
        };
        let activation_bits = u64::from(system.datapath.activation_bits);
        // Products are added in pairs to a sum of 32 bits: an adder of about 32 bits, and registers for product and sum, for each.
        let multiply = |weight_bits: u64, adder_bits: u64| Operations {
            multiplier_bit_products: weight_bits * activation_bits,
            adder_bits,
            register_bits: weight_bits + activation_bits + adder_bits,
            ..Operations::default()
        };
        let unpack = Operations {
            adder_bits: 4,
            register_bits: 4,
            ..Operations::default()
        };
        // One product of a 32-bit sum with a 16-bit scale for 128 weights.
        let mut scaled = multiply(4, 32);
        scaled.multiplier_bit_products += 32 * 16 / 128;
        vec![
            model("int8", 8.0, Operations::default(), multiply(8, 32)),
            model("int4-g128", 4.0 + 16.0 / 128.0, unpack, scaled),
        ]
    }
}
