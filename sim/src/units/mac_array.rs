//! Weights times activations, summed over each row of the tile.

use super::activation_buffer::ActivationBuffer;
use super::decode_lanes::WeightGroup;
use super::pipeline::Pipeline;
use super::unpack::GroupTag;
use crate::link::Offer;

/// One partial sum for each row of the tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialSums {
    /// Exact sums, row 0 of the tile first.
    pub sums: Vec<i64>,
    /// Where the group stands.
    pub tag: GroupTag,
}

/// The multipliers and the adder tree of each row.
#[derive(Clone, Debug)]
pub struct MacArray {
    weights_per_row: usize,
    pipeline: Pipeline<PartialSums>,
}

impl MacArray {
    /// An empty array; `weights_per_row` weights of a group belong to each row of the tile.
    pub fn new(weights_per_row: usize, stages: u32) -> Self {
        MacArray {
            weights_per_row,
            pipeline: Pipeline::new(stages),
        }
    }

    /// The sums at the end of the pipeline.
    pub fn output(&self) -> &Offer<PartialSums> {
        self.pipeline.output()
    }

    /// Starts a matrix.
    pub fn start(&mut self) {
        self.pipeline.start();
    }

    /// Whether a group is taken in this cycle.
    pub fn ready(&self, next_ready: bool) -> bool {
        self.pipeline.ready(next_ready)
    }

    /// Clock edge. The activations of the group's step are read as it enters.
    pub fn clock(&mut self, input: &Offer<WeightGroup>, activations: &ActivationBuffer, next_ready: bool) {
        if !self.ready(next_ready) {
            return;
        }
        let input = match input {
            Offer::Empty(cause) => Offer::Empty(*cause),
            Offer::Valid(group) => {
                let x = activations.read(group.tag.step);
                let dot = |row: &[i64]| row.iter().zip(&x).map(|(w, x)| w * x).sum();
                Offer::Valid(PartialSums {
                    sums: group.weights.chunks(self.weights_per_row).map(dot).collect(),
                    tag: group.tag,
                })
            }
        };
        self.pipeline.clock(input, next_ready);
    }
}
