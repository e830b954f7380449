//! Drives `seedlm_mac`.

use crate::bits::{bit, fields};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::Stimulus;
use rand::RngExt;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::units::{MacArray, MacArrayInputs};

/// Inputs of a cycle.
#[derive(Clone, Debug, Default)]
struct Inputs {
    enable: bool,
    valid: bool,
    first: bool,
    last: bool,
    mantissas: Vec<i64>,
    exponents: Vec<u32>,
    activations: Vec<i64>,
}

/// The MAC of one row of a tile, or of two rows that share multipliers.
pub struct MacBench {
    config: DatapathConfig,
    format: WeightFormat,
    unit: MacArray,
    inputs: Inputs,
    passed: u64,
}

impl MacBench {
    /// For a configuration.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        MacBench {
            config: config.clone(),
            format: format.clone(),
            unit: MacArray::new(config, format),
            inputs: Inputs::default(),
            passed: 0,
        }
    }

    /// A number of at most `limit` in magnitude, often the largest ones.
    fn signed(stimulus: &mut Stimulus, limit: i64) -> i64 {
        match stimulus.random.random_range(0..16) {
            0 => limit,
            1 => -limit,
            2 => 0,
            _ => stimulus.random.random_range(-limit..=limit),
        }
    }
}

impl Bench for MacBench {
    fn module(&self) -> &'static str {
        "seedlm_mac"
    }

    fn choose(&mut self, stimulus: &mut Stimulus) -> Ports<Vec<u8>> {
        let mantissa_bits = self.format.mantissa_bits() as usize;
        let exponent_bits = self.format.exponent_bits() as usize;
        let activation_bits = self.config.activation_bits as usize;
        let weights = self.config.activations_per_step(&self.format);
        let rows = self.config.rows_per_mac();
        let words = rows * self.config.words_per_tile_row();
        // The largest exponent of binary16 is 29: 30 would be infinity.
        let largest_exponent = match &self.format {
            WeightFormat::Binary16 => 29,
            WeightFormat::Block(code) => code.largest_exponent(),
            WeightFormat::Chained(_) => 0,
        };
        let largest = self.format.largest_weight() >> largest_exponent;
        let activation_limit = (1 << (activation_bits - 1)) - 1;
        let extreme = stimulus.chance(10);
        self.inputs = Inputs {
            enable: stimulus.takes(),
            valid: stimulus.offers(),
            first: stimulus.chance(30),
            last: stimulus.chance(30),
            mantissas: (0..rows * weights).map(|_| Self::signed(stimulus, largest)).collect(),
            exponents: (0..words)
                .map(|_| stimulus.random.random_range(0..=largest_exponent))
                .collect(),
            // The most negative activation of the width occurs as well.
            activations: (0..weights)
                .map(|_| Self::signed(stimulus, activation_limit) - i64::from(stimulus.chance(5)))
                .map(|activation| activation.max(-activation_limit - 1))
                .collect(),
        };
        if extreme {
            // Either limit, each row for itself.
            for row in self.inputs.mantissas.chunks_mut(weights) {
                row.fill(if stimulus.chance(50) { largest } else { -largest });
            }
            self.inputs.exponents.fill(largest_exponent);
            self.inputs.activations.fill(-activation_limit - 1);
        }
        let wide = |values: &[i64], width| fields(values.iter().map(|&value| i128::from(value)), width);
        let exponents = self.inputs.exponents.iter().map(|&exponent| i128::from(exponent));
        let mut ports = vec![
            ("enable", bit(self.inputs.enable)),
            ("in_valid", bit(self.inputs.valid)),
            ("in_first", bit(self.inputs.first)),
            ("in_last", bit(self.inputs.last)),
            ("in_mantissas", wide(&self.inputs.mantissas, mantissa_bits)),
            ("in_activations", wide(&self.inputs.activations, activation_bits)),
        ];
        if exponent_bits > 0 {
            ports.push(("in_exponents", fields(exponents, exponent_bits)));
        }
        ports
    }

    fn expected(&self) -> Ports<Option<Vec<u8>>> {
        let outputs = self.unit.outputs();
        let valid = outputs.out_valid;
        let width = self.config.sum_bits(&self.format) as usize;
        let sums = || fields(outputs.out_sum.iter().map(|&sum| i128::from(sum)), width);
        vec![
            ("out_valid", Some(bit(valid))),
            ("out_first", valid.then(|| bit(outputs.out_first))),
            ("out_last", valid.then(|| bit(outputs.out_last))),
            ("out_sum", valid.then(sums)),
        ]
    }

    fn clock(&mut self) {
        self.passed += u64::from(self.unit.outputs().out_valid && self.inputs.enable);
        self.unit.clock(MacArrayInputs {
            enable: self.inputs.enable,
            in_valid: self.inputs.valid,
            in_first: self.inputs.first,
            in_last: self.inputs.last,
            in_mantissas: &self.inputs.mantissas,
            in_exponents: &self.inputs.exponents,
            in_activations: &self.inputs.activations,
        });
    }

    fn reset(&mut self) {
        self.unit = MacArray::new(&self.config, &self.format);
    }

    fn checked(&self) -> u64 {
        self.passed
    }
}
