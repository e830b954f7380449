//! Rows of normal numbers, and what a map makes of them.

use rand::SeedableRng;
use rand::distr::Distribution;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use seedlm_codec::{ChainMap, ChainedCode};
use seedlm_encoder::ChainedEncoder;
use sha2::{Digest, Sha256};
use std::ops::ControlFlow;

/// A generator that depends on a name alone.
pub fn generator(name: &str) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(Sha256::digest(name).into())
}

/// A matrix of normal numbers.
pub struct Sample {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Sample {
    /// The sample of that name.
    pub fn new(name: &str, rows: usize, columns: usize) -> Self {
        let mut random = generator(name);
        let values = (0..rows * columns)
            .map(|_| StandardNormal.sample(&mut random))
            .collect();
        Sample { rows, columns, values }
    }

    /// The relative error of the code with that map and so many stored bits per weight.
    pub fn error(&self, map: &ChainMap, stored_bits: u32) -> f64 {
        let code = ChainedCode::new(stored_bits, map.clone()).expect("a legal number of bits");
        let encoder = ChainedEncoder::new(&code).expect("a window that can be encoded");
        let go_on = |_: usize| ControlFlow::Continue(());
        let encoded = encoder.encode(self.rows, self.columns, &self.values, None, &go_on);
        encoded.expect("finite weights").relative_error()
    }
}
