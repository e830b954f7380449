//! Operations per weight of a machine's decoder and of its MACs, counted from the modules that are printed as Verilog.

use crate::modules::{Parts, lanes};
use crate::netlist::operations::Operations;
use crate::options::Options;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{CodecError, WeightFormat};
use serde::Serialize;

/// What is computed in a cycle in which a group of words passes, and for how many weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperationsPerGroup {
    /// Name of the format.
    pub format: String,
    /// Weights of a group.
    pub weights: u64,
    /// Decode lanes, and the histories of rows.
    pub decoder: Operations,
    /// MACs and accumulators of all rows of a tile.
    pub mac: Operations,
}

/// Counts the operations of a machine.
///
/// # Errors
/// [`CodecError::Machine`] when it cannot be built.
pub fn operations_per_group(config: &DatapathConfig, format: &WeightFormat) -> Result<OperationsPerGroup, CodecError> {
    let options = Options::default();
    let decoder = lanes(config, format, &options)?.operations();
    let parts = Parts::new(config, format, &options);
    let mut rows = parts.mac.operations();
    rows += parts.accumulate.operations() * config.rows_per_mac() as u64;
    Ok(OperationsPerGroup {
        format: format.label(),
        weights: config.multipliers(format) as u64,
        decoder,
        mac: rows * (u64::from(config.tile_rows) / config.rows_per_mac() as u64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipliers_have_the_widths_of_mantissas_and_activations() {
        for name in WeightFormat::names() {
            let format = WeightFormat::named(&name).unwrap();
            let config = DatapathConfig::reference(&format);
            let counted = operations_per_group(&config, &format).unwrap();
            let each = u64::from(format.mantissa_bits() * config.activation_bits);
            assert_eq!(counted.mac.multiplier_bit_products, counted.weights * each, "{name}");
            assert_eq!(
                counted.decoder.multiplier_bit_products, 0,
                "{name}: decoding multiplies nothing"
            );
        }
    }
}
