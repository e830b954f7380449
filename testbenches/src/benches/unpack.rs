//! Drives `seedlm_unpack`.

use crate::bits::{bit, fields};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::{Source, Stimulus};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::units::{Unpack, UnpackInputs};

/// The gearbox of a configuration.
pub struct UnpackBench {
    word_bits: usize,
    lanes: usize,
    beat_bits: usize,
    unit: Unpack,
    /// Beats, and whether they end their stream.
    source: Source<(Vec<u8>, bool)>,
    take: bool,
    flush: bool,
    passed: u64,
}

impl UnpackBench {
    /// For a configuration.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let (word_bits, lanes, beat_bits) = (
            format.word_bits() as usize,
            config.lanes as usize,
            config.beat_bits as usize,
        );
        UnpackBench {
            word_bits,
            lanes,
            beat_bits,
            unit: Unpack::new(word_bits, lanes, beat_bits),
            source: Source::default(),
            take: false,
            flush: false,
            passed: 0,
        }
    }
}

impl Bench for UnpackBench {
    fn module(&self) -> &'static str {
        "seedlm_unpack"
    }

    fn choose(&mut self, stimulus: &mut Stimulus) -> Ports<Vec<u8>> {
        let width = self.beat_bits;
        self.source
            .choose(stimulus, |stimulus| Some((stimulus.data(width), stimulus.chance(10))));
        self.take = stimulus.takes();
        self.flush = stimulus.chance(4);
        let (data, last) = match self.source.offered.clone() {
            Some(beat) => beat,
            None => (stimulus.garbage(width), stimulus.chance(50)),
        };
        vec![
            ("s_axis_tvalid", bit(self.source.is_valid())),
            ("s_axis_tdata", data),
            ("s_axis_tlast", bit(last)),
            ("flush", bit(self.flush)),
            ("m_axis_tready", bit(self.take)),
        ]
    }

    fn expected(&self) -> Ports<Option<Vec<u8>>> {
        let outputs = self.unit.outputs();
        let valid = outputs.m_axis_tvalid;
        let words = valid.then(|| self.unit.m_axis_tdata());
        vec![
            ("s_axis_tready", Some(bit(outputs.s_axis_tready))),
            ("m_axis_tvalid", Some(bit(valid))),
            (
                "m_axis_tdata",
                words.map(|words| fields(words.into_iter().map(|word| word as i128), self.word_bits)),
            ),
            ("m_axis_tlast", valid.then(|| bit(outputs.m_axis_tlast))),
        ]
    }

    fn clock(&mut self) {
        let outputs = self.unit.outputs();
        self.passed += u64::from(outputs.m_axis_tvalid && self.take);
        let (data, last) = self.source.offered.clone().unwrap_or_default();
        self.unit.clock(UnpackInputs {
            s_axis_tvalid: self.source.is_valid(),
            s_axis_tdata: &data,
            s_axis_tlast: last,
            m_axis_tready: self.take,
            flush: self.flush,
        });
        self.source.end_cycle(outputs.s_axis_tready);
    }

    fn reset(&mut self) {
        self.unit = Unpack::new(self.word_bits, self.lanes, self.beat_bits);
        self.source = Source::default();
    }

    fn checked(&self) -> u64 {
        self.passed
    }
}
