//! Drives `seedlm_fifo_weights` and `seedlm_fifo_results`.

use crate::bits::{bit, number};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::{Source, Stimulus};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::units::{Fifo, FifoInputs};

/// A FIFO of some width and depth.
pub struct FifoBench {
    module: &'static str,
    width: usize,
    depth: usize,
    unit: Fifo<Vec<u8>>,
    source: Source<Vec<u8>>,
    take: bool,
    passed: u64,
}

impl FifoBench {
    fn new(module: &'static str, width: usize, depth: usize) -> Self {
        FifoBench {
            module,
            width,
            depth,
            unit: Fifo::new(depth),
            source: Source::default(),
            take: false,
            passed: 0,
        }
    }

    /// The FIFO of beats of weights, `tlast` on top.
    pub fn weights(config: &DatapathConfig, _: &WeightFormat) -> Self {
        FifoBench::new(
            "seedlm_fifo_weights",
            config.beat_bits as usize + 1,
            config.beat_fifo_beats as usize,
        )
    }

    /// The FIFO of tiles of results, the mark of the last tile on top.
    pub fn results(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let tile_bits = config.tile_rows as usize * config.accumulator_bits(format) as usize;
        FifoBench::new("seedlm_fifo_results", tile_bits + 1, config.result_fifo_groups as usize)
    }
}

impl Bench for FifoBench {
    fn module(&self) -> &'static str {
        self.module
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
        let level_bits = usize::BITS - (self.depth + 1).leading_zeros();
        vec![
            ("s_axis_tready", Some(bit(outputs.s_axis_tready))),
            ("m_axis_tvalid", Some(bit(outputs.m_axis_tvalid))),
            ("m_axis_tdata", outputs.m_axis_tdata.cloned()),
            ("level", Some(number(u64::from(outputs.level), level_bits as usize))),
        ]
    }

    fn clock(&mut self) {
        let outputs = self.unit.outputs();
        let ready = outputs.s_axis_tready;
        self.passed += u64::from(outputs.m_axis_tvalid && self.take);
        self.unit.clock(FifoInputs {
            s_axis_tvalid: self.source.is_valid(),
            s_axis_tdata: self.source.offered.clone().unwrap_or_default(),
            m_axis_tready: self.take,
        });
        self.source.end_cycle(ready);
    }

    fn reset(&mut self) {
        self.unit = Fifo::new(self.depth);
        self.source = Source::default();
    }

    fn checked(&self) -> u64 {
        self.passed
    }
}
