//! Drives `seedlm_sequence`.

use crate::bits::{bit, number};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::Stimulus;
use rand::RngExt;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::units::{Sequence, SequenceInputs};

/// The sequence, with tiles whose results leave some time after they have been issued.
pub struct SequenceBench {
    result_fifo_groups: u32,
    unit: Sequence,
    inputs: SequenceInputs,
    /// Steps of the matrix that runs.
    steps: u32,
    /// Whether it has been taken just now.
    is_new: bool,
    tiles_in_flight: u32,
    passed: u64,
}

impl SequenceBench {
    /// For a configuration.
    pub fn new(config: &DatapathConfig, _: &WeightFormat) -> Self {
        SequenceBench {
            result_fifo_groups: config.result_fifo_groups,
            unit: Sequence::new(config.result_fifo_groups),
            inputs: SequenceInputs::default(),
            steps: 0,
            is_new: false,
            tiles_in_flight: 0,
            passed: 0,
        }
    }
}

impl Bench for SequenceBench {
    fn module(&self) -> &'static str {
        "seedlm_sequence"
    }

    fn choose(&mut self, stimulus: &mut Stimulus) -> Ports<Vec<u8>> {
        let outputs = self.unit.outputs(self.inputs.loaded);
        // A matrix is offered while another runs, or one's tiles are under way.
        if !self.inputs.next_valid && stimulus.chance(30) {
            self.inputs.next_valid = true;
            self.inputs.tiles = stimulus.random.random_range(1..8);
            self.inputs.steps = stimulus.random.random_range(1..6);
        }
        if self.is_new {
            // All ones: the activations of a matrix are all there.
            self.inputs.loaded = if stimulus.chance(30) { u32::MAX } else { 0 };
            self.is_new = false;
        } else if outputs.running && self.inputs.loaded < self.steps && stimulus.offers() {
            self.inputs.loaded += 1;
        }
        self.inputs.group_valid = stimulus.offers();
        self.inputs.tile_left = self.tiles_in_flight > 0 && stimulus.takes();
        let inputs = &self.inputs;
        vec![
            ("next_valid", bit(inputs.next_valid)),
            ("tiles", number(u64::from(inputs.tiles), 32)),
            ("steps", number(u64::from(inputs.steps), 32)),
            ("loaded", number(u64::from(inputs.loaded), 32)),
            ("group_valid", bit(inputs.group_valid)),
            ("tile_left", bit(inputs.tile_left)),
        ]
    }

    fn expected(&self) -> Ports<Option<Vec<u8>>> {
        let outputs = self.unit.outputs(self.inputs.loaded);
        let while_running = |value: bool| outputs.running.then(|| bit(value));
        vec![
            ("running", Some(bit(outputs.running))),
            ("next_ready", Some(bit(outputs.next_ready))),
            ("group_ready", Some(bit(outputs.group_ready))),
            ("step_loaded", Some(bit(self.unit.step_loaded(self.inputs.loaded)))),
            ("first", while_running(outputs.first)),
            ("last", while_running(outputs.last)),
            ("last_tile", while_running(outputs.last_tile)),
            ("flush", while_running(outputs.flush)),
        ]
    }

    fn clock(&mut self) {
        let outputs = self.unit.outputs(self.inputs.loaded);
        let issued = self.inputs.group_valid && outputs.group_ready;
        self.passed += u64::from(issued);
        self.tiles_in_flight += u32::from(issued && outputs.last);
        self.tiles_in_flight -= u32::from(self.inputs.tile_left);
        self.unit.clock(self.inputs);
        if self.inputs.next_valid && outputs.next_ready {
            (self.inputs.next_valid, self.is_new, self.steps) = (false, true, self.inputs.steps);
        }
    }

    fn reset(&mut self) {
        self.unit = Sequence::new(self.result_fifo_groups);
        self.inputs = SequenceInputs::default();
        self.is_new = false;
        self.tiles_in_flight = 0;
    }

    fn checked(&self) -> u64 {
        self.passed
    }
}
