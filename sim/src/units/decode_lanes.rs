//! Words in, integer weights out: all lanes, every cycle.

use super::pipeline::Pipeline;
use super::unpack::{GroupTag, WordGroup};
use crate::link::Offer;
use seedlm_codec::WeightFormat;

/// The integer weights of one group, lane 0 first, neighbours of a word together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightGroup {
    /// The exact integers `m * 2^e`.
    pub weights: Vec<i64>,
    /// Where the group stands.
    pub tag: GroupTag,
}

/// The decode lanes. What the stages compute between them is the golden decoder's; only their number is visible.
#[derive(Clone, Debug)]
pub struct DecodeLanes {
    format: WeightFormat,
    pipeline: Pipeline<WeightGroup>,
}

impl DecodeLanes {
    /// Empty lanes with `stages` pipeline registers.
    pub fn new(format: &WeightFormat, stages: u32) -> Self {
        DecodeLanes {
            format: format.clone(),
            pipeline: Pipeline::new(stages),
        }
    }

    /// The weights at the end of the pipeline.
    pub fn output(&self) -> &Offer<WeightGroup> {
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

    /// Clock edge.
    pub fn clock(&mut self, input: Offer<WordGroup>, next_ready: bool) {
        if !self.ready(next_ready) {
            return;
        }
        let input = match input {
            Offer::Empty(cause) => Offer::Empty(cause),
            Offer::Valid(group) => Offer::Valid(WeightGroup {
                weights: group
                    .words
                    .iter()
                    .flat_map(|&word| self.format.decode_word(word))
                    .collect(),
                tag: group.tag,
            }),
        };
        self.pipeline.clock(input, next_ready);
    }
}
