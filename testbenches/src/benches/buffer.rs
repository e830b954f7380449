//! Drives the modules that pass beats on as they are: `seedlm_skid`, `seedlm_fifo_weights` and `seedlm_fifo_results`.

use crate::bits::{bit, number};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::{Source, Stimulus};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::units::{Fifo, FifoInputs, Skid, SkidInputs};

/// The unit of the simulator.
enum Unit {
    Skid(Skid<Vec<u8>>),
    /// With its depth.
    Fifo(Fifo<Vec<u8>>, usize),
}

impl Unit {
    fn after_reset(&self) -> Unit {
        match self {
            Unit::Skid(_) => Unit::Skid(Skid::default()),
            Unit::Fifo(_, depth) => Unit::Fifo(Fifo::new(*depth), *depth),
        }
    }

    fn s_axis_tready(&self) -> bool {
        match self {
            Unit::Skid(skid) => skid.outputs().s_axis_tready,
            Unit::Fifo(fifo, _) => fifo.outputs().s_axis_tready,
        }
    }

    fn m_axis_tdata(&self) -> Option<&Vec<u8>> {
        match self {
            Unit::Skid(skid) => skid.outputs().m_axis_tdata,
            Unit::Fifo(fifo, _) => fifo.outputs().m_axis_tdata,
        }
    }
}

/// A skid buffer or a FIFO of some width.
pub struct BufferBench {
    module: &'static str,
    width: usize,
    unit: Unit,
    source: Source<Vec<u8>>,
    take: bool,
    passed: u64,
}

impl BufferBench {
    fn new(module: &'static str, width: usize, unit: Unit) -> Self {
        BufferBench {
            module,
            width,
            unit,
            source: Source::default(),
            take: false,
            passed: 0,
        }
    }

    /// The decoder's register slice.
    pub fn skid(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let mantissa_field = format.mantissa_bits().next_multiple_of(8) as usize;
        let per_lane = format.weights_per_word() * mantissa_field + format.exponent_bits() as usize;
        let width = config.lanes as usize * per_lane + 1;
        BufferBench::new("seedlm_skid", width, Unit::Skid(Skid::default()))
    }

    /// The FIFO of beats of weights, `tlast` on top.
    pub fn weights(config: &DatapathConfig, _: &WeightFormat) -> Self {
        let depth = config.beat_fifo_beats as usize;
        let width = config.beat_bits as usize + 1;
        BufferBench::new("seedlm_fifo_weights", width, Unit::Fifo(Fifo::new(depth), depth))
    }

    /// The FIFO of tiles of results, the mark of the last tile on top.
    pub fn results(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let depth = config.result_fifo_groups as usize;
        let width = config.tile_rows as usize * config.accumulator_bits(format) as usize + 1;
        BufferBench::new("seedlm_fifo_results", width, Unit::Fifo(Fifo::new(depth), depth))
    }
}

impl Bench for BufferBench {
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
        let data = self.unit.m_axis_tdata();
        let mut ports = vec![
            ("s_axis_tready", Some(bit(self.unit.s_axis_tready()))),
            ("m_axis_tvalid", Some(bit(data.is_some()))),
            ("m_axis_tdata", data.cloned()),
        ];
        if let Unit::Fifo(fifo, depth) = &self.unit {
            let level_bits = usize::BITS - (depth + 1).leading_zeros();
            let level = number(u64::from(fifo.outputs().level), level_bits as usize);
            ports.push(("level", Some(level)));
        }
        ports
    }

    fn clock(&mut self) {
        let ready = self.unit.s_axis_tready();
        self.passed += u64::from(self.unit.m_axis_tdata().is_some() && self.take);
        let s_axis_tvalid = self.source.is_valid();
        let s_axis_tdata = self.source.offered.clone().unwrap_or_default();
        let m_axis_tready = self.take;
        match &mut self.unit {
            Unit::Skid(skid) => skid.clock(SkidInputs {
                s_axis_tvalid,
                s_axis_tdata,
                m_axis_tready,
            }),
            Unit::Fifo(fifo, _) => fifo.clock(FifoInputs {
                s_axis_tvalid,
                s_axis_tdata,
                m_axis_tready,
            }),
        }
        self.source.end_cycle(ready);
    }

    fn reset(&mut self) {
        self.unit = self.unit.after_reset();
        self.source = Source::default();
    }

    fn checked(&self) -> u64 {
        self.passed
    }
}
