//! Drives `seedlm_accumulate`.

use crate::bits::{bit, fields};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::Stimulus;
use rand::RngExt;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::units::{Accumulator, AccumulatorInputs};

/// Inputs of a cycle.
#[derive(Clone, Copy, Debug, Default)]
struct Inputs {
    enable: bool,
    valid: bool,
    first: bool,
    last: bool,
    sum: i64,
}

/// The accumulator of one row.
pub struct AccumulateBench {
    sum_bits: u32,
    accumulator_bits: u32,
    unit: Accumulator,
    inputs: Inputs,
    /// The sum is not reset: after a reset a tile must start with its first step.
    is_fresh: bool,
    passed: u64,
}

impl AccumulateBench {
    /// For a configuration.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let bits = config.accumulator_bits(format);
        AccumulateBench {
            sum_bits: config.sum_bits(format),
            accumulator_bits: bits,
            unit: Accumulator::new(1, bits),
            inputs: Inputs::default(),
            is_fresh: true,
            passed: 0,
        }
    }
}

impl Bench for AccumulateBench {
    fn module(&self) -> &'static str {
        "seedlm_accumulate"
    }

    fn choose(&mut self, stimulus: &mut Stimulus) -> Ports<Vec<u8>> {
        let sum = stimulus.random.random::<i64>() >> (64 - self.sum_bits);
        self.inputs = Inputs {
            enable: stimulus.takes(),
            valid: stimulus.offers(),
            first: self.is_fresh || stimulus.chance(15),
            last: stimulus.chance(15),
            sum,
        };
        vec![
            ("enable", bit(self.inputs.enable)),
            ("in_valid", bit(self.inputs.valid)),
            ("in_first", bit(self.inputs.first)),
            ("in_last", bit(self.inputs.last)),
            ("in_sum", fields([i128::from(sum)], self.sum_bits as usize)),
        ]
    }

    fn expected(&self) -> Ports<Option<Vec<u8>>> {
        let outputs = self.unit.outputs();
        let sum = fields([i128::from(outputs.out_sum[0])], self.accumulator_bits as usize);
        vec![
            ("out_valid", Some(bit(outputs.out_valid))),
            ("out_sum", outputs.out_valid.then_some(sum)),
        ]
    }

    fn clock(&mut self) {
        self.passed += u64::from(self.unit.outputs().out_valid && self.inputs.enable);
        self.is_fresh &= !(self.inputs.enable && self.inputs.valid);
        self.unit.clock(AccumulatorInputs {
            enable: self.inputs.enable,
            in_valid: self.inputs.valid,
            in_first: self.inputs.first,
            in_last: self.inputs.last,
            in_sum: &[self.inputs.sum],
        });
    }

    fn reset(&mut self) {
        self.is_fresh = true;
        self.unit = Accumulator::new(1, self.accumulator_bits);
    }

    fn checked(&self) -> u64 {
        self.passed
    }
}
