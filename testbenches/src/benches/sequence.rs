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
        let is_running = self.unit.outputs(self.inputs.loaded).running;
        let is_idle = !is_running && self.tiles_in_flight == 0;
        self.inputs.start = is_idle && stimulus.chance(30);
        if self.inputs.start {
            self.inputs.tiles = stimulus.random.random_range(1..8);
            self.inputs.steps = stimulus.random.random_range(1..6);
        }
        if is_idle {
            self.inputs.loaded = 0;
        } else if self.inputs.loaded < self.inputs.steps && stimulus.offers() {
            self.inputs.loaded += 1;
        }
        self.inputs.group_valid = stimulus.offers();
        self.inputs.tile_left = self.tiles_in_flight > 0 && stimulus.takes();
        let inputs = &self.inputs;
        vec![
            ("start", bit(inputs.start)),
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
        let issued = self.inputs.group_valid && outputs.group_ready && !self.inputs.start;
        self.passed += u64::from(issued);
        self.tiles_in_flight += u32::from(issued && outputs.last);
        self.tiles_in_flight -= u32::from(self.inputs.tile_left);
        self.unit.clock(self.inputs);
    }

    fn reset(&mut self) {
        self.unit = Sequence::new(self.result_fifo_groups);
        self.inputs = SequenceInputs::default();
        self.tiles_in_flight = 0;
    }

    fn checked(&self) -> u64 {
        self.passed
    }
}
