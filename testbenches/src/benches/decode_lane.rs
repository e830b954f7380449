//! Drives `seedlm_decode_lane`.

use crate::bits::{bit, fields, number};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::Stimulus;
use seedlm_codec::WeightFormat;
use seedlm_codec::bits::read_field;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::units::{DecodeLanes, DecodeLanesInputs};

/// One decode lane.
pub struct DecodeLaneBench {
    format: WeightFormat,
    stages: u32,
    unit: DecodeLanes,
    enable: bool,
    word: Option<u128>,
    passed: u64,
}

impl DecodeLaneBench {
    /// For a configuration.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let stages = config.decode_stages(format);
        DecodeLaneBench {
            format: format.clone(),
            stages,
            unit: DecodeLanes::new(format, stages),
            enable: false,
            word: None,
            passed: 0,
        }
    }
}

impl Bench for DecodeLaneBench {
    fn module(&self) -> &'static str {
        "seedlm_decode_lane"
    }

    fn choose(&mut self, stimulus: &mut Stimulus) -> Ports<Vec<u8>> {
        let width = self.format.lane_bits() as usize;
        self.enable = stimulus.takes();
        self.word = stimulus.offers().then(|| read_field(&stimulus.data(width), 0, width));
        let data = match self.word {
            Some(word) => fields([word as i128], width),
            None => stimulus.garbage(width),
        };
        vec![
            ("enable", bit(self.enable)),
            ("in_valid", bit(self.word.is_some())),
            ("in_word", data),
        ]
    }

    fn expected(&self) -> Ports<Option<Vec<u8>>> {
        let outputs = self.unit.outputs();
        let valid = outputs.out_valid;
        let mantissas = outputs.out_mantissas.iter().map(|&mantissa| i128::from(mantissa));
        let mantissas = valid.then(|| fields(mantissas, self.format.mantissa_bits() as usize));
        let mut ports = vec![("out_valid", Some(bit(valid))), ("out_mantissas", mantissas)];
        let exponent_bits = self.format.exponent_bits() as usize;
        if exponent_bits > 0 {
            let exponent = valid.then(|| number(u64::from(outputs.out_exponent[0]), exponent_bits));
            ports.push(("out_exponent", exponent));
        }
        ports
    }

    fn clock(&mut self) {
        self.passed += u64::from(self.unit.outputs().out_valid && self.enable);
        self.unit.clock(DecodeLanesInputs {
            enable: self.enable,
            in_valid: self.word.is_some(),
            in_word: &[self.word.unwrap_or_default()],
        });
    }

    fn reset(&mut self) {
        self.unit = DecodeLanes::new(&self.format, self.stages);
    }

    fn checked(&self) -> u64 {
        self.passed
    }
}
