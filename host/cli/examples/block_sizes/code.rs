//! Block codes by their parameters, and what they make of rows.

use seedlm_codec::{BlockCode, BlockCodeFields, Lfsr};
use seedlm_encoder::{BlockEncoder, Quantizer};
use std::ops::ControlFlow;

/// Block size, latent dimension, bits of a coefficient, bits of the register; exponents have 4 bits.
pub type Parameters = [u32; 4];

/// The parameters for people.
pub fn label([block_size, latent_dimension, coefficient_bits, register_bits]: Parameters) -> String {
    format!("C={block_size} P={latent_dimension} K={register_bits}, coefficients of {coefficient_bits} bits")
}

/// An exact encoder of a code.
pub fn encoder(
    [block_size, latent_dimension, coefficient_bits, register_bits]: Parameters,
) -> anyhow::Result<BlockEncoder> {
    let code = BlockCode::new(BlockCodeFields {
        block_size,
        latent_dimension,
        coefficient_bits,
        exponent_bits: 4,
        lfsr: Lfsr::paper(register_bits)?,
    })?;
    Ok(BlockEncoder::new(&code)?)
}

/// Stored bits for each weight of a whole block.
pub fn bits_per_weight(encoder: &BlockEncoder) -> f64 {
    f64::from(encoder.code().word_bits()) / encoder.code().block_size() as f64
}

/// `(w - w')^2` of all weights of rows of that many.
pub fn squared_errors(encoder: &BlockEncoder, columns: usize, values: &[f32]) -> anyhow::Result<Vec<f64>> {
    let rows = values.len() / columns;
    let go_on = |_| ControlFlow::Continue(());
    let matrix = encoder.encode(rows, columns, values, Quantizer::Exact, &go_on)?.matrix;
    let decoded = (0..rows).flat_map(|row| matrix.row_values(row));
    let pairs = values.iter().zip(decoded);
    Ok(pairs
        .map(|(&weight, decoded)| (f64::from(weight) - f64::from(decoded)).powi(2))
        .collect())
}
