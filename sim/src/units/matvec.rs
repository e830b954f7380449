//! `seedlm_matvec`: the whole accelerator, weights and activations in, results out.

use super::accumulator::{Accumulator, AccumulatorInputs};
use super::activation_buffer::{ActivationBuffer, ActivationBufferInputs};
use super::control::{Control, ControlInputs};
use super::decode_lanes::{DecodeLanes, DecodeLanesInputs};
use super::fifo::{Fifo, FifoInputs};
use super::history::RowHistories;
use super::mac_array::{MacArray, MacArrayInputs};
use super::matvec_ports::{MatvecInputs, MatvecOutputs, MatvecPorts, ProbeBits};
use super::pipeline::Pipeline;
use super::sequence::{Sequence, SequenceInputs};
use super::unpack::{Unpack, UnpackInputs};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::{DatapathConfig, RESULT_BITS};

/// A beat of weights in its FIFO.
#[derive(Clone, Debug, Default)]
struct WeightBeat {
    data: Vec<u8>,
    last: bool,
}

/// The finished sums of a tile.
#[derive(Clone, Debug, Default)]
struct TileSums {
    sums: Vec<i64>,
    last_tile: bool,
}

/// Where a group stands in its matrix. It travels beside the decode lanes.
#[derive(Clone, Copy, Debug, Default)]
struct Tag {
    first: bool,
    last: bool,
    last_tile: bool,
}

/// What the outputs of the result FIFO and the beat counter make of a cycle.
struct ResultBeat<'a> {
    tile: &'a TileSums,
    last_of_tile: bool,
}

/// The accelerator. Once a group has left the unpack unit nothing stalls it.
#[derive(Clone, Debug)]
pub struct Matvec {
    results_per_beat: usize,
    result_beats_per_tile: usize,
    control: Control,
    weights: Fifo<WeightBeat>,
    unpack: Unpack,
    sequence: Sequence,
    activations: ActivationBuffer,
    histories: RowHistories,
    /// What the lanes are given; kept so that it needs no new memory in every cycle.
    words: Vec<u128>,
    lanes: DecodeLanes,
    tags: Pipeline<Tag>,
    mac: MacArray,
    accumulator: Accumulator,
    last_tiles: Pipeline<bool>,
    results: Fifo<TileSums>,
    beat_index: usize,
}

impl Matvec {
    /// An accelerator after reset. The configuration must pass its own check.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let decode_stages = config.decode_stages(format);
        Matvec {
            results_per_beat: (config.beat_bits / RESULT_BITS) as usize,
            result_beats_per_tile: config.result_beats_per_tile(),
            control: Control::new(config, format),
            weights: Fifo::new(config.beat_fifo_beats as usize),
            unpack: Unpack::new(
                format.word_bits() as usize,
                config.lanes as usize,
                config.beat_bits as usize,
            ),
            sequence: Sequence::new(config.result_fifo_groups),
            activations: ActivationBuffer::new(config, format),
            histories: RowHistories::new(config, format),
            words: Vec::new(),
            lanes: DecodeLanes::new(format, decode_stages),
            tags: Pipeline::new(decode_stages, Tag::default()),
            mac: MacArray::new(config, format),
            accumulator: Accumulator::new(config.tile_rows as usize, config.accumulator_bits(format)),
            last_tiles: Pipeline::new(config.mac_stages(format) + 1, false),
            results: Fifo::new(config.result_fifo_groups as usize),
            beat_index: 0,
        }
    }

    /// The beat of results that is offered.
    fn result_beat(&self) -> Option<ResultBeat<'_>> {
        self.results.outputs().m_axis_tdata.map(|tile| ResultBeat {
            tile,
            last_of_tile: self.beat_index + 1 == self.result_beats_per_tile,
        })
    }

    fn probe(&self) -> ProbeBits {
        let loaded = self.activations.outputs().loaded;
        let sequence = self.sequence.outputs(loaded);
        let unpack = self.unpack.outputs();
        ProbeBits {
            weights_fifo_valid: self.weights.outputs().m_axis_tvalid,
            unpack_takes_beat: unpack.s_axis_tready,
            group_valid: unpack.m_axis_tvalid,
            running: sequence.running,
            step_loaded: self.sequence.step_loaded(loaded),
            group_ready: sequence.group_ready,
            decoded_valid: self.lanes.outputs().out_valid,
            sums_valid: self.mac.outputs().out_valid,
        }
    }
}

impl MatvecPorts for Matvec {
    fn outputs(&mut self) -> MatvecOutputs {
        let control = self.control.outputs();
        let probe = self.probe();
        let mut outputs = MatvecOutputs {
            s_axil: control.s_axil,
            s_axis_weights_tready: self.weights.outputs().s_axis_tready,
            s_axis_activations_tready: self.activations.outputs().s_axis_tready,
            m_axis_tvalid: false,
            m_axis_tdata: Vec::new(),
            m_axis_tlast: false,
            weights_level: self.weights.outputs().level,
            probe: probe.into(),
        };
        if let Some(ResultBeat { tile, last_of_tile }) = self.result_beat() {
            outputs.m_axis_tvalid = true;
            outputs.m_axis_tlast = last_of_tile && tile.last_tile;
            let results = tile.sums.iter().skip(self.beat_index * self.results_per_beat);
            let results = results.take(self.results_per_beat);
            outputs.m_axis_tdata = results.flat_map(|sum| sum.to_le_bytes()).collect();
            // A tile's last beat may have room for more results than are left.
            outputs.m_axis_tdata.resize(8 * self.results_per_beat, 0);
        }
        outputs
    }

    fn clock(&mut self, inputs: &MatvecInputs) {
        let control = self.control.outputs();
        let activations = self.activations.outputs();
        let (loaded, load_ready) = (activations.loaded, activations.next_ready);
        let sequence = self.sequence.outputs(loaded);
        let group = self.unpack.outputs();
        let issue = group.m_axis_tvalid && sequence.group_ready;
        let taken = self.result_beat().filter(|_| inputs.m_axis_tready);
        let beat_taken = taken.is_some();
        let tile_left = taken.as_ref().is_some_and(|beat| beat.last_of_tile);
        let results_done = tile_left && taken.is_some_and(|beat| beat.tile.last_tile);
        let tag = *self.tags.last();
        let matrix_decoded = self.lanes.outputs().out_valid && tag.last && tag.last_tile;

        // Each unit is clocked before the one that feeds it, so that it sees outputs as they were in this cycle.
        self.clock_sums(tile_left);
        if tile_left {
            self.beat_index = 0;
        } else if beat_taken {
            self.beat_index += 1;
        }
        self.activations.clock(ActivationBufferInputs {
            next_valid: control.load_valid,
            steps: control.steps,
            s_axis_tvalid: inputs.s_axis_activations_tvalid,
            s_axis_tdata: &inputs.s_axis_activations_tdata,
            read: issue,
            read_restart: sequence.last,
            read_next: sequence.flush,
            free: matrix_decoded,
        });
        if issue {
            self.unpack.copy_group(&mut self.words);
            self.histories.take_in_place(&mut self.words, sequence.last);
        }
        self.lanes.clock(DecodeLanesInputs {
            enable: true,
            in_valid: issue,
            in_word: &self.words,
        });
        self.tags.shift(Tag {
            first: sequence.first,
            last: sequence.last,
            last_tile: sequence.last_tile,
        });
        let beat = self.weights.outputs().m_axis_tdata;
        self.unpack.clock(UnpackInputs {
            s_axis_tvalid: beat.is_some(),
            s_axis_tdata: beat.map_or(&[], |beat| &beat.data),
            s_axis_tlast: beat.is_some_and(|beat| beat.last),
            m_axis_tready: sequence.group_ready,
            flush: sequence.flush,
        });
        self.clock_weights(inputs, group.s_axis_tready);
        self.sequence.clock(SequenceInputs {
            next_valid: control.run_valid,
            tiles: control.tiles,
            steps: control.steps,
            loaded,
            group_valid: group.m_axis_tvalid,
            tile_left,
        });
        self.control.clock(ControlInputs {
            s_axil: inputs.s_axil,
            run_ready: sequence.next_ready,
            load_ready,
            results_done,
        });
    }
}

impl Matvec {
    /// Clock edge of everything behind the decode lanes.
    fn clock_sums(&mut self, tile_left: bool) {
        let sums = self.accumulator.outputs();
        let finished = if sums.out_valid {
            TileSums {
                sums: sums.out_sum.to_vec(),
                last_tile: *self.last_tiles.last(),
            }
        } else {
            TileSums::default()
        };
        self.results.clock(FifoInputs {
            s_axis_tvalid: sums.out_valid,
            s_axis_tdata: finished,
            m_axis_tready: tile_left,
        });
        let partial = self.mac.outputs();
        self.accumulator.clock(AccumulatorInputs {
            enable: true,
            in_valid: partial.out_valid,
            in_first: partial.out_first,
            in_last: partial.out_last,
            in_sum: partial.out_sum,
        });
        let decoded = self.lanes.outputs();
        let tag = *self.tags.last();
        self.last_tiles.shift(tag.last_tile);
        self.mac.clock(MacArrayInputs {
            enable: true,
            in_valid: decoded.out_valid,
            in_first: tag.first,
            in_last: tag.last,
            in_mantissas: decoded.out_mantissas,
            in_exponents: decoded.out_exponent,
            in_activations: self.activations.outputs().activations,
        });
    }

    /// Clock edge of the FIFO of weights.
    fn clock_weights(&mut self, inputs: &MatvecInputs, m_axis_tready: bool) {
        let s_axis_tdata = if inputs.s_axis_weights_tvalid {
            WeightBeat {
                data: inputs.s_axis_weights_tdata.clone(),
                last: inputs.s_axis_weights_tlast,
            }
        } else {
            WeightBeat::default()
        };
        self.weights.clock(FifoInputs {
            s_axis_tvalid: inputs.s_axis_weights_tvalid,
            s_axis_tdata,
            m_axis_tready,
        });
    }
}
