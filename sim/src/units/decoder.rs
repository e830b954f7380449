//! `seedlm_decoder`: a stream of words in, a stream of integer weights out.

use super::decode_lanes::{DecodeLanes, DecodeLanesInputs, DecodedGroup};
use super::history::RowHistories;
use super::pipeline::Pipeline;
use super::skid::{Skid, SkidInputs};
use super::unpack::{Unpack, UnpackInputs};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;

/// Inputs of a cycle.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecoderInputs<'a> {
    /// Whether a beat of words is offered.
    pub s_axis_tvalid: bool,
    /// The beat, lowest byte first; looked at only while `s_axis_tvalid` is high.
    pub s_axis_tdata: &'a [u8],
    /// Last beat of its stream.
    pub s_axis_tlast: bool,
    /// Whether the next unit takes a group of weights.
    pub m_axis_tready: bool,
}

/// Outputs of a cycle. Payloads are empty (`m_axis_tlast` is false) while `m_axis_tvalid` is low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderOutputs<'a> {
    /// Whether a beat is taken.
    pub s_axis_tready: bool,
    /// Whether a group of weights is offered.
    pub m_axis_tvalid: bool,
    /// Mantissas, lane 0 first, neighbours of a word together. In the Verilog each is sign-extended to whole bytes.
    pub m_axis_tdata: &'a [i64],
    /// One exponent per lane.
    pub m_axis_tuser: &'a [u32],
    /// Last group of its stream.
    pub m_axis_tlast: bool,
}

/// A group and whether it is the last of its stream.
#[derive(Clone, Debug, Default)]
struct TaggedGroup {
    group: DecodedGroup,
    last: bool,
}

/// Unpack, decode lanes and a skid buffer: the lanes stop as a whole while the skid buffer is full.
///
/// Where the format has a history, a stream holds the rows of one tile from their beginning, and its end is their end.
#[derive(Clone, Debug)]
pub struct Decoder {
    unpack: Unpack,
    histories: RowHistories,
    lanes: DecodeLanes,
    last: Pipeline<bool>,
    skid: Skid<TaggedGroup>,
}

impl Decoder {
    /// A decoder after reset.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let stages = config.decode_stages(format);
        Decoder {
            unpack: Unpack::new(
                format.word_bits() as usize,
                config.lanes as usize,
                config.beat_bits as usize,
            ),
            histories: RowHistories::new(config, format),
            lanes: DecodeLanes::new(format, stages),
            last: Pipeline::new(stages, false),
            skid: Skid::default(),
        }
    }

    /// What the ports show in this cycle.
    pub fn outputs(&self) -> DecoderOutputs<'_> {
        let output = self.skid.outputs().m_axis_tdata;
        DecoderOutputs {
            s_axis_tready: self.unpack.outputs().s_axis_tready,
            m_axis_tvalid: output.is_some(),
            m_axis_tdata: output.map_or(&[], |tagged| &tagged.group.mantissas),
            m_axis_tuser: output.map_or(&[], |tagged| &tagged.group.exponents),
            m_axis_tlast: output.is_some_and(|tagged| tagged.last),
        }
    }

    /// Clock edge.
    pub fn clock(&mut self, inputs: DecoderInputs<'_>) {
        let enable = self.skid.outputs().s_axis_tready;
        let group = self.unpack.outputs();
        let decoded = self.lanes.outputs();
        // Each unit is clocked before the one that feeds it, so that it sees outputs as they were in this cycle.
        self.skid.clock(SkidInputs {
            s_axis_tvalid: decoded.out_valid,
            s_axis_tdata: TaggedGroup {
                group: DecodedGroup {
                    mantissas: decoded.out_mantissas.to_vec(),
                    exponents: decoded.out_exponent.to_vec(),
                },
                last: *self.last.last(),
            },
            m_axis_tready: inputs.m_axis_tready,
        });
        if enable {
            let words = if group.m_axis_tvalid {
                self.histories.take(self.unpack.m_axis_tdata(), group.m_axis_tlast)
            } else {
                Vec::new()
            };
            self.lanes.clock(DecodeLanesInputs {
                enable,
                in_valid: group.m_axis_tvalid,
                in_word: &words,
            });
            self.last.shift(group.m_axis_tlast);
        }
        self.unpack.clock(UnpackInputs {
            s_axis_tvalid: inputs.s_axis_tvalid,
            s_axis_tdata: inputs.s_axis_tdata,
            s_axis_tlast: inputs.s_axis_tlast,
            m_axis_tready: enable,
            flush: false,
        });
    }
}
