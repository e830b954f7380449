//! The three limits of a machine that reads compressed weights, decodes them and multiplies.

use serde::{Deserialize, Serialize};

/// What limits a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Reading the weights.
    Memory,
    /// Decoding them.
    Decoder,
    /// Multiplying them with all activations of the batch.
    Macs,
}

impl Limit {
    /// Its name in a table.
    pub fn label(self) -> &'static str {
        match self {
            Limit::Memory => "memory",
            Limit::Decoder => "decoder",
            Limit::Macs => "MACs",
        }
    }
}

/// What each part of a machine can do at best.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roofs {
    /// Bits read per weight: padding included, and scales where the machine needs them; scales of rows are the host's.
    pub read_bits_per_weight: f64,
    /// Weights decoded per second, in 1e9.
    pub decoder_gweights_per_s: f64,
    /// Products per second, in 1e9.
    pub mac_gproducts_per_s: f64,
}

impl Roofs {
    /// Weights that a memory of so many 1e9 bytes per second delivers per second, in 1e9.
    pub fn memory_gweights_per_s(&self, gb_per_s: f64) -> f64 {
        gb_per_s * 8.0 / self.read_bits_per_weight
    }

    /// Weights used per second with a batch, each multiplied once for every member, in 1e9; and which roof that is.
    pub fn attainable(&self, gb_per_s: f64, batch: u32) -> (f64, Limit) {
        let limits = [
            (self.memory_gweights_per_s(gb_per_s), Limit::Memory),
            (self.decoder_gweights_per_s, Limit::Decoder),
            (self.mac_gproducts_per_s / f64::from(batch), Limit::Macs),
        ];
        // Of equal ones the first: a machine whose lanes just keep up with its memory is limited by the memory.
        limits
            .into_iter()
            .reduce(|least, other| {
                if other.0 < least.0 * (1.0 - 1e-12) {
                    other
                } else {
                    least
                }
            })
            .expect("there are three")
    }

    /// The bandwidth from which the memory no longer limits a batch, in 1e9 bytes per second.
    pub fn memory_bound_below_gb_per_s(&self, batch: u32) -> f64 {
        let rest = self
            .decoder_gweights_per_s
            .min(self.mac_gproducts_per_s / f64::from(batch));
        rest * self.read_bits_per_weight / 8.0
    }

    /// The least batch that the MACs limit at a bandwidth.
    pub fn mac_bound_from_batch(&self, gb_per_s: f64) -> u32 {
        let others = self.memory_gweights_per_s(gb_per_s).min(self.decoder_gweights_per_s);
        let batch = (self.mac_gproducts_per_s / others).floor().max(0.0) as u32;
        (batch.saturating_sub(1)..)
            .find(|&batch| batch > 0 && self.attainable(gb_per_s, batch).1 == Limit::Macs)
            .expect("a large enough batch is limited by its products")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn roofs() -> impl Strategy<Value = Roofs> {
        (1.0_f64..32.0, 0.1_f64..1000.0, 0.1_f64..1000.0).prop_map(|(read_bits_per_weight, decoder, mac)| Roofs {
            read_bits_per_weight,
            decoder_gweights_per_s: decoder,
            mac_gproducts_per_s: mac,
        })
    }

    proptest! {
        #[test]
        fn nothing_is_above_a_roof_and_one_is_reached(roofs in roofs(), bandwidth in 0.1_f64..2000.0, batch in 1_u32..1000) {
            let (attained, limit) = roofs.attainable(bandwidth, batch);
            let (memory, decoder) = (roofs.memory_gweights_per_s(bandwidth), roofs.decoder_gweights_per_s);
            let macs = roofs.mac_gproducts_per_s / f64::from(batch);
            for roof in [memory, decoder, macs] {
                prop_assert!(attained <= roof * (1.0 + 1e-9));
            }
            let reached = match limit { Limit::Memory => memory, Limit::Decoder => decoder, Limit::Macs => macs };
            prop_assert_eq!(attained, reached);
            // More bandwidth never slows anything down, and a larger batch never reads faster.
            prop_assert!(roofs.attainable(bandwidth * 2.0, batch).0 >= attained);
            prop_assert!(roofs.attainable(bandwidth, batch + 1).0 <= attained);
        }

        #[test]
        fn limits_change_where_it_is_said(roofs in roofs(), bandwidth in 0.1_f64..2000.0, batch in 1_u32..1000) {
            let edge = roofs.memory_bound_below_gb_per_s(batch);
            prop_assert_eq!(roofs.attainable(edge * 0.999, batch).1, Limit::Memory);
            prop_assert!(roofs.attainable(edge * 1.001, batch).1 != Limit::Memory);
            let from = roofs.mac_bound_from_batch(bandwidth);
            prop_assert_eq!(roofs.attainable(bandwidth, from).1, Limit::Macs);
            prop_assert!(from == 1 || roofs.attainable(bandwidth, from - 1).1 != Limit::Macs);
        }
    }
}
