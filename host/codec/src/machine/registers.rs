//! The constant registers by which software recognises a machine.

use super::DatapathConfig;
use crate::weights::WeightFormat;

/// What the register `ID` reads: "SEED" in ASCII.
pub const MACHINE_ID: u32 = 0x5345_4544;

/// Version of the register map; it changes when an old driver would misread a new machine.
pub const REGISTER_MAP_VERSION: u32 = 2;

/// Byte address of the first register that is not constant: `CONTROL`.
pub const CONTROL_ADDRESS: u32 = 0x40;
/// Byte address of `STATUS`: [`STATUS_BUSY`], [`STATUS_DONE`], [`STATUS_FULL`], and products under way.
pub const STATUS_ADDRESS: u32 = 0x44;
/// Byte address of `TILES`: tiles of the next matrix.
pub const TILES_ADDRESS: u32 = 0x48;
/// Byte address of `STEPS`: steps of a tile of the next matrix.
pub const STEPS_ADDRESS: u32 = 0x4c;
/// Byte address of `CYCLES`: cycles since the start that found the machine idle, to the last result.
pub const CYCLES_ADDRESS: u32 = 0x50;

/// Bit of `STATUS`: products are under way.
pub const STATUS_BUSY: u32 = 1;
/// Bit of `STATUS`: a product has ended since the last start.
pub const STATUS_DONE: u32 = 1 << 1;
/// Bit of `STATUS`: a start waits, so no other one is taken.
pub const STATUS_FULL: u32 = 1 << 2;
/// Lowest bit of the field of `STATUS` that counts products under way.
pub const STATUS_UNDER_WAY_BIT: u32 = 16;

/// One constant register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConstantRegister {
    /// Its name in the register map.
    pub name: &'static str,
    /// Its byte address, a multiple of 4.
    pub address: u32,
    /// What it reads.
    pub value: u32,
}

/// The constant registers of a machine, in the order of their addresses, which start at 0 and leave no gap.
///
/// Fields that have no meaning for a format (those of the LFSR for binary16) are 0.
pub fn constant_registers(config: &DatapathConfig, format: &WeightFormat) -> Vec<ConstantRegister> {
    let (latent_dimension, coefficient_bits, length, taps) = match format {
        WeightFormat::Binary16 => (0, 0, 0, 0),
        WeightFormat::Block(code) => (
            code.latent_dimension() as u32,
            code.coefficient_bits(),
            code.lfsr().length(),
            code.lfsr().taps().iter().fold(0, |mask, tap| mask | 1 << tap),
        ),
        // No latent dimension: that tells the chained code from the block code.
        WeightFormat::Chained(code) => (0, code.bits_per_weight(), code.map().length(), code.map().fingerprint()),
    };
    let code = format.weights_per_word() as u32
        | latent_dimension << 8
        | length << 16
        | format.exponent_bits() << 24
        | coefficient_bits << 28;
    let values = [
        ("ID", MACHINE_ID),
        ("VERSION", REGISTER_MAP_VERSION),
        ("CODE", code),
        ("TAPS", taps),
        ("BEAT_BITS", config.beat_bits),
        ("LANES", config.lanes | config.tile_rows << 16),
        ("ACTIVATION_BITS", config.activation_bits),
        ("LARGEST_STEPS", config.largest_steps(format) as u32),
        ("BEAT_FIFO_BEATS", config.beat_fifo_beats),
        ("RESULT_FIFO_GROUPS", config.result_fifo_groups),
        ("STAGES", config.decode_stages(format) | config.mac_stages(format) << 8),
    ];
    (0..)
        .step_by(4)
        .zip(values)
        .map(|(address, (name, value))| ConstantRegister { name, address, value })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_machine_reads_as_documented() {
        let format = WeightFormat::named("paper-4b").unwrap();
        let registers = constant_registers(&DatapathConfig::reference(&format), &format);
        let values: Vec<u32> = registers.iter().map(|register| register.value).collect();
        // C = 8, P = 3, K = 16, 4 bits of exponent, 4 bits per coefficient; taps 0, 1, 3, 12; 7 and 5 stages.
        assert_eq!(
            values,
            [
                0x5345_4544,
                2,
                0x4410_0308,
                0x100b,
                512,
                0x0010_0010,
                8,
                2048,
                64,
                4,
                0x0507
            ]
        );
        assert_eq!(registers.last().unwrap().address, 0x28);
        assert!(registers.last().unwrap().address < CONTROL_ADDRESS);
    }
}
