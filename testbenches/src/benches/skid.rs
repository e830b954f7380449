//! Drives `seedlm_skid`.

use crate::bits::bit;
use crate::lockstep::{Bench, Ports};
use crate::stimulus::{Source, Stimulus};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::units::{Skid, SkidInputs};

/// A skid buffer as wide as the decoder's.
pub struct SkidBench {
    width: usize,
    unit: Skid<Vec<u8>>,
    source: Source<Vec<u8>>,
    take: bool,
    passed: u64,
}

impl SkidBench {
    /// For the decoder of a configuration.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let mantissa_field = format.mantissa_bits().next_multiple_of(8) as usize;
        let per_lane = format.weights_per_word() * mantissa_field + format.exponent_bits() as usize;
        SkidBench {
            width: config.lanes as usize * per_lane + 1,
            unit: Skid::default(),
            source: Source::default(),
            take: false,
            passed: 0,
        }
    }
}

impl Bench for SkidBench {
    fn module(&self) -> &'static str {
        "seedlm_skid"
    }

    fn choose(&mut self, stimulus: &mut Stimulus) -> Ports<Vec<u8>> {
        let width = self.width;
        self.source.choose(stimulus, |stimulus| Some(stimulus.data(width)));
        self.take = stimulus.takes();
        let data = self.source.offered.clone();
        vec![
            ("s_axis_tvalid", bit(data.is_some())),
            ("s_axis_tdata", data.unwrap_or_else(|| stimulus.garbage(width))),
            ("m_axis_tready", bit(self.take)),
        ]
    }

    fn expected(&self) -> Ports<Option<Vec<u8>>> {
        let outputs = self.unit.outputs();
        vec![
            ("s_axis_tready", Some(bit(outputs.s_axis_tready))),
            ("m_axis_tvalid", Some(bit(outputs.m_axis_tvalid))),
            ("m_axis_tdata", outputs.m_axis_tdata.cloned()),
        ]
    }

    fn clock(&mut self) {
        let outputs = self.unit.outputs();
        let ready = outputs.s_axis_tready;
        self.passed += u64::from(outputs.m_axis_tvalid && self.take);
        self.unit.clock(SkidInputs {
            s_axis_tvalid: self.source.is_valid(),
            s_axis_tdata: self.source.offered.clone().unwrap_or_default(),
            m_axis_tready: self.take,
        });
        self.source.end_cycle(ready);
    }

    fn reset(&mut self) {
        self.unit = Skid::default();
        self.source = Source::default();
    }

    fn checked(&self) -> u64 {
        self.passed
    }
}
