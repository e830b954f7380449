//! All products on the host, in binary32 and a fixed order: the same on every computer, bit for bit.

use super::integer::{IntegerLayers, IntegerMachine, MachineError};
use crate::error::LlmError;
use crate::language_model::LanguageModel;
use crate::vectors::products_of_rows;
use rayon::prelude::*;
use seedlm_codec::Activations;
use seedlm_instructions::Instructions;
use seedlm_model::Model;

/// The matrices of a plain model, none of them on a machine.
pub(crate) type HostLayers = IntegerLayers<NoMachine>;

/// Reads all matrices of a plain model.
///
/// # Errors
/// As [`IntegerLayers::new`].
pub(crate) fn host_layers(language: &LanguageModel, model: &Model) -> Result<HostLayers, LlmError> {
    // Without a machine no activation is ever rounded to so many bits.
    IntegerLayers::new(language, model, Vec::new(), NoMachine, 8)
}

/// No matrix is on it.
pub(crate) struct NoMachine;

impl IntegerMachine for NoMachine {
    fn products(&mut self, matrices: &[usize], _: &Activations) -> Result<Vec<Vec<i64>>, MachineError> {
        Err(format!("matrices {matrices:?} are on no machine").into())
    }
}

/// Rows that a thread takes at a time: with those of usual models they stay in its cache while all vectors go by.
const ROWS_AT_A_TIME: usize = 32;

/// The products of a matrix, row by row, with `tokens` vectors: for each vector one value per row.
pub(crate) fn host_products(instructions: Instructions, weights: &[f32], inputs: &[f32], tokens: usize) -> Vec<f32> {
    let columns = inputs.len() / tokens;
    let rows = weights.len() / columns;
    let blocks = weights.par_chunks(ROWS_AT_A_TIME * columns).map(|block| {
        let mut products = vec![0.0; tokens * (block.len() / columns)];
        products_of_rows(instructions, block, columns, inputs, &mut products);
        products
    });
    let blocks: Vec<Vec<f32>> = blocks.collect();
    let mut products = Vec::with_capacity(tokens * rows);
    for token in 0..tokens {
        for block in &blocks {
            let rows = block.len() / tokens;
            products.extend_from_slice(&block[token * rows..][..rows]);
        }
    }
    products
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::dot;

    #[test]
    fn blocks_of_rows_are_put_together_vector_by_vector() {
        let (rows, columns, tokens) = (2 * ROWS_AT_A_TIME + 5, 19, 3);
        let weights: Vec<f32> = (0..rows * columns)
            .map(|index| ((index * 7) % 23) as f32 - 11.0)
            .collect();
        let inputs: Vec<f32> = (0..tokens * columns)
            .map(|index| ((index * 5) % 17) as f32 * 0.25)
            .collect();
        let found = host_products(Instructions::Scalar, &weights, &inputs, tokens);
        let vectors = inputs.chunks(columns);
        let expected = vectors.flat_map(|vector| weights.chunks(columns).map(move |row| dot(row, vector)));
        assert_eq!(found, expected.collect::<Vec<f32>>());
    }
}
