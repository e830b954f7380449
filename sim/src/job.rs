//! One matrix-vector product, laid out for the machine.

use rayon::prelude::*;
use seedlm_codec::machine::{ActivationLayout, DatapathConfig, MachineStreams, TileOrder};
use seedlm_codec::{Activations, CodecError, WeightFormat, WeightMatrix, check_product, product_of_row};

/// Where the streams of a product lie in memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamAddresses {
    /// The first byte of the activations.
    pub activations: u64,
    /// The first byte of the weights.
    pub weights: u64,
}

/// A product to run: its streams as they lie in memory, and the golden result it is held against.
#[derive(Clone, Debug)]
pub struct Job {
    /// Name of the matrix.
    pub name: String,
    /// Rows of the matrix: results.
    pub rows: usize,
    /// Columns of the matrix: activations.
    pub columns: usize,
    /// Weight and activation beats.
    pub streams: MachineStreams,
    /// Where they lie; `None` behind the product before, activations first.
    pub addresses: Option<StreamAddresses>,
    /// Where each word goes.
    pub order: TileOrder,
    /// Where each activation lies.
    pub activation_layout: ActivationLayout,
    /// The golden product.
    pub expected: Vec<i64>,
    /// What the rows that fill up the last tile give: the product of a row of zero bits, which need not be zero.
    pub expected_of_padding: i64,
    /// Bytes of one beat.
    pub beat_bytes: usize,
}

impl Job {
    /// Lays a product out.
    ///
    /// # Errors
    /// When the machine cannot be built for the format or the product does not fit it.
    pub fn new(
        name: &str,
        config: &DatapathConfig,
        matrix: &WeightMatrix,
        activations: &Activations,
    ) -> Result<Self, CodecError> {
        let streams = MachineStreams::new(config, matrix, activations)?;
        let expected = golden_product(matrix, activations)?;
        Ok(Job::with_streams(name, config, matrix, activations, streams, expected))
    }

    /// As [`Job::new`], for a caller that has the streams and the golden product already.
    pub fn with_streams(
        name: &str,
        config: &DatapathConfig,
        matrix: &WeightMatrix,
        activations: &Activations,
        streams: MachineStreams,
        expected: Vec<i64>,
    ) -> Self {
        let format: WeightFormat = matrix.format();
        Job {
            name: name.to_string(),
            rows: matrix.rows(),
            columns: matrix.columns(),
            streams,
            addresses: None,
            order: TileOrder::new(config, &format, matrix.rows(), matrix.columns()),
            activation_layout: ActivationLayout::new(config, &format),
            expected,
            expected_of_padding: padding_product(&format, activations),
            beat_bytes: config.beat_bits as usize / 8,
        }
    }

    /// Beats of activations.
    pub fn activation_beats(&self) -> usize {
        self.streams.activations.len() / self.beat_bytes
    }

    /// Beats of weights.
    pub fn weight_beats(&self) -> usize {
        self.streams.weights.len() / self.beat_bytes
    }

    /// Weights of the matrix.
    pub fn weights(&self) -> u64 {
        self.rows as u64 * self.columns as u64
    }
}

/// The golden product, the rows shared out among the cores: in large matrices it takes longer than the simulation.
fn golden_product(matrix: &WeightMatrix, activations: &Activations) -> Result<Vec<i64>, CodecError> {
    check_product(matrix, activations)?;
    let rows = (0..matrix.rows()).into_par_iter();
    Ok(rows.map(|row| product_of_row(matrix, activations, row)).collect())
}

/// The product of a row of zero bits. Every history in such a row is zero, so all its words decode to the same weights.
fn padding_product(format: &WeightFormat, activations: &Activations) -> i64 {
    let weights = format.decode_word(0);
    let values = activations.values().iter().zip(weights.iter().cycle());
    values.map(|(&activation, weight)| i64::from(activation) * weight).sum()
}
