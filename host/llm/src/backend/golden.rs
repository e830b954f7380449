//! The golden model as a machine: every weight decoded anew in every product. Slow, and the measure of all others.

use super::integer::{IntegerMachine, MachineError};
use seedlm_codec::{Activations, WeightMatrix, product};

/// The golden integer product of coded matrices.
pub struct GoldenMachine {
    matrices: Vec<WeightMatrix>,
}

impl GoldenMachine {
    /// A machine with these matrices, numbered in their order.
    pub fn new(matrices: Vec<WeightMatrix>) -> Self {
        GoldenMachine { matrices }
    }
}

impl IntegerMachine for GoldenMachine {
    fn products(&mut self, matrices: &[usize], activations: &Activations) -> Result<Vec<Vec<i64>>, MachineError> {
        let products = matrices
            .iter()
            .map(|&number| product(&self.matrices[number], activations));
        Ok(products.collect::<Result<_, _>>()?)
    }
}
