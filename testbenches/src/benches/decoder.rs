//! Drives `seedlm_decoder`.

use crate::bits::{bit, fields};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::{Source, Stimulus};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::units::{Decoder, DecoderInputs};

/// The decoder of a configuration, fed with streams of random words.
pub struct DecoderBench {
    config: DatapathConfig,
    format: WeightFormat,
    unit: Decoder,
    source: Source<(Vec<u8>, bool)>,
    take: bool,
    words: u64,
}

impl DecoderBench {
    /// For a configuration.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        DecoderBench {
            config: config.clone(),
            format: format.clone(),
            unit: Decoder::new(config, format),
            source: Source::default(),
            take: false,
            words: 0,
        }
    }
}

impl Bench for DecoderBench {
    fn module(&self) -> &'static str {
        "seedlm_decoder"
    }

    fn choose(&mut self, stimulus: &mut Stimulus) -> Ports<Vec<u8>> {
        let width = self.config.beat_bits as usize;
        self.source
            .choose(stimulus, |stimulus| Some((stimulus.data(width), stimulus.chance(3))));
        self.take = stimulus.takes();
        let (data, last) = match self.source.offered.clone() {
            Some(beat) => beat,
            None => (stimulus.garbage(width), stimulus.chance(50)),
        };
        vec![
            ("s_axis_tvalid", bit(self.source.is_valid())),
            ("s_axis_tdata", data),
            ("s_axis_tlast", bit(last)),
            ("m_axis_tready", bit(self.take)),
        ]
    }

    fn expected(&self) -> Ports<Option<Vec<u8>>> {
        let outputs = self.unit.outputs();
        let valid = outputs.m_axis_tvalid;
        let field = self.format.mantissa_bits().next_multiple_of(8) as usize;
        let mantissas = outputs.m_axis_tdata.iter().map(|&mantissa| i128::from(mantissa));
        let exponents = outputs.m_axis_tuser.iter().map(|&exponent| i128::from(exponent));
        let exponent_bits = self.format.exponent_bits() as usize;
        let mut ports = vec![
            ("s_axis_tready", Some(bit(outputs.s_axis_tready))),
            ("m_axis_tvalid", Some(bit(valid))),
            ("m_axis_tdata", valid.then(|| fields(mantissas, field))),
            ("m_axis_tlast", valid.then(|| bit(outputs.m_axis_tlast))),
        ];
        if exponent_bits > 0 {
            ports.push(("m_axis_tuser", valid.then(|| fields(exponents, exponent_bits))));
        }
        ports
    }

    fn clock(&mut self) {
        let outputs = self.unit.outputs();
        let ready = outputs.s_axis_tready;
        if outputs.m_axis_tvalid && self.take {
            self.words += u64::from(self.config.lanes);
        }
        let (data, last) = self.source.offered.clone().unwrap_or_default();
        self.unit.clock(DecoderInputs {
            s_axis_tvalid: self.source.is_valid(),
            s_axis_tdata: &data,
            s_axis_tlast: last,
            m_axis_tready: self.take,
        });
        self.source.end_cycle(ready);
    }

    fn reset(&mut self) {
        self.unit = Decoder::new(&self.config, &self.format);
        self.source = Source::default();
    }

    fn checked(&self) -> u64 {
        self.words
    }
}
