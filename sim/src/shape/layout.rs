//! How much there is to read and to do in products of some shapes: exact, and without any weights.

use super::ModelShape;
use crate::energy::Traffic;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::{ActivationLayout, DatapathConfig, TileOrder};

/// A machine and the format of the weights that it reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout<'a> {
    datapath: &'a DatapathConfig,
    format: &'a WeightFormat,
}

impl<'a> Layout<'a> {
    /// The layout of a format's weights for a machine.
    pub fn new(datapath: &'a DatapathConfig, format: &'a WeightFormat) -> Self {
        Layout { datapath, format }
    }

    /// Tiles of a matrix.
    pub fn tiles(&self, rows: usize) -> u64 {
        self.order(rows, 1).tiles() as u64
    }

    /// Groups of words of a matrix.
    pub fn groups(&self, rows: usize, columns: usize) -> u64 {
        self.order(rows, columns).groups() as u64
    }

    /// Beats of the weights of a matrix.
    pub fn weight_beats(&self, rows: usize, columns: usize) -> u64 {
        let bits = self.groups(rows, columns) * self.datapath.group_bits(self.format) as u64;
        bits.div_ceil(u64::from(self.datapath.beat_bits))
    }

    /// Beats of the activations of a matrix.
    pub fn activation_beats(&self, columns: usize) -> u64 {
        let steps = self.order(1, columns).steps_per_tile();
        ActivationLayout::new(self.datapath, self.format).beats(steps) as u64
    }

    /// Beats of a product: weights and activations.
    pub fn beats(&self, rows: usize, columns: usize) -> u64 {
        self.weight_beats(rows, columns) + self.activation_beats(columns)
    }

    /// What a token of a model moves.
    pub fn traffic(&self, shape: &ModelShape) -> Traffic {
        let mut traffic = Traffic {
            weight_beats: 0,
            activation_beats: 0,
            groups: 0,
            results: 0,
        };
        for matrix in &shape.matrices {
            let count = matrix.count as u64;
            traffic.weight_beats += count * self.weight_beats(matrix.rows, matrix.columns);
            traffic.activation_beats += count * self.activation_beats(matrix.columns);
            traffic.groups += count * self.groups(matrix.rows, matrix.columns);
            traffic.results += count * matrix.rows as u64;
        }
        traffic
    }

    fn order(&self, rows: usize, columns: usize) -> TileOrder {
        TileOrder::new(self.datapath, self.format, rows, columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::ShapeMatrix;
    use proptest::prelude::*;
    use seedlm_codec::Activations;
    use seedlm_codec::machine::MachineStreams;

    proptest! {
        /// The streams of real matrices are the oracle.
        #[test]
        fn traffic_is_that_of_the_streams(
            name in prop::sample::select(WeightFormat::names()), rows in 1_usize..70, columns in 1_usize..300, count in 1_usize..4
        ) {
            let format = WeightFormat::named(&name).unwrap();
            let datapath = DatapathConfig::reference(&format);
            let matrix = crate::workload::random_matrix(&format, rows, columns, 7).unwrap();
            let activations = Activations::new(datapath.activation_bits, 1.0, vec![1; columns]).unwrap();
            let streams = MachineStreams::new(&datapath, &matrix, &activations).unwrap();
            let beats = |bytes: &[u8]| (count * bytes.len() * 8 / datapath.beat_bits as usize) as u64;
            let shape = ModelShape {
                name: "one".into(),
                source: String::new(),
                matrices: vec![ShapeMatrix { name: "w".into(), rows, columns, count }],
            };
            let layout = Layout::new(&datapath, &format);
            let traffic = layout.traffic(&shape);
            prop_assert_eq!(traffic.weight_beats, beats(&streams.weights));
            prop_assert_eq!(traffic.activation_beats, beats(&streams.activations));
            prop_assert_eq!(traffic.results, (count * rows) as u64);
            prop_assert_eq!(count as u64 * layout.beats(rows, columns), traffic.weight_beats + traffic.activation_beats);
            let group_bits = datapath.group_bits(&format) as u64;
            let bits = traffic.groups / count as u64 * group_bits;
            prop_assert_eq!(bits.div_ceil(datapath.beat_bits.into()) * count as u64, traffic.weight_beats);
            prop_assert!(layout.tiles(rows) as usize * datapath.tile_rows as usize >= rows);
        }
    }
}
