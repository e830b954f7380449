//! The ports of `seedlm_matvec`, and whatever has them: the model, or the Verilog.

use super::axi_lite::{AxiLiteInputs, AxiLiteOutputs};

/// Inputs of a cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatvecInputs {
    /// `s_axil_*`: the registers.
    pub s_axil: AxiLiteInputs,
    /// Whether a beat of weights is offered.
    pub s_axis_weights_tvalid: bool,
    /// The beat, lowest byte first; looked at only while `s_axis_weights_tvalid` is high.
    pub s_axis_weights_tdata: Vec<u8>,
    /// Last beat of weights of its matrix.
    pub s_axis_weights_tlast: bool,
    /// Whether a beat of activations is offered.
    pub s_axis_activations_tvalid: bool,
    /// The beat, lowest byte first; looked at only while `s_axis_activations_tvalid` is high.
    pub s_axis_activations_tdata: Vec<u8>,
    /// Whether a beat of results is taken.
    pub m_axis_tready: bool,
}

/// Outputs of a cycle. `m_axis_tdata` is empty and `m_axis_tlast` false while `m_axis_tvalid` is low, so that outputs can be
/// compared as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatvecOutputs {
    /// `s_axil_*`: the registers.
    pub s_axil: AxiLiteOutputs,
    /// Whether a beat of weights is taken.
    pub s_axis_weights_tready: bool,
    /// Whether a beat of activations is taken.
    pub s_axis_activations_tready: bool,
    /// Whether a beat of results is offered.
    pub m_axis_tvalid: bool,
    /// The beat, lowest byte first: 64-bit results, row by row.
    pub m_axis_tdata: Vec<u8>,
    /// Last beat of results of its matrix.
    pub m_axis_tlast: bool,
    /// Beats of weights in their FIFO.
    pub weights_level: u32,
    /// What goes on inside, see [`ProbeBits`].
    pub probe: u8,
}

/// `seedlm_matvec` as its ports show it, after reset.
pub trait MatvecPorts {
    /// What the ports show in this cycle. All outputs come from registers, so they are known before the cycle's inputs.
    fn outputs(&mut self) -> MatvecOutputs;

    /// Clock edge: the end of a cycle with these inputs.
    fn clock(&mut self, inputs: &MatvecInputs);
}

/// The output `probe`, bit by bit from the lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeBits {
    /// Bit 0: the FIFO of weights offers a beat.
    pub weights_fifo_valid: bool,
    /// Bit 1: the unpack unit takes a beat.
    pub unpack_takes_beat: bool,
    /// Bit 2: the unpack unit offers a group.
    pub group_valid: bool,
    /// Bit 3: groups of a matrix are still to go.
    pub running: bool,
    /// Bit 4: the activations of the next step are there.
    pub step_loaded: bool,
    /// Bit 5: a group may go.
    pub group_ready: bool,
    /// Bit 6: weights stand at the end of the decode lanes.
    pub decoded_valid: bool,
    /// Bit 7: partial sums stand at the end of the MAC array.
    pub sums_valid: bool,
}

impl ProbeBits {
    /// Names of the bits, from the lowest.
    pub const NAMES: [&'static str; 8] = [
        "weights_fifo_valid",
        "unpack_takes_beat",
        "group_valid",
        "running",
        "step_loaded",
        "group_ready",
        "decoded_valid",
        "sums_valid",
    ];

    /// Whether a group leaves the unpack unit in this cycle.
    pub fn issue(&self) -> bool {
        self.group_valid && self.group_ready
    }
}

impl From<u8> for ProbeBits {
    fn from(bits: u8) -> Self {
        let bit = |index: u32| bits >> index & 1 == 1;
        ProbeBits {
            weights_fifo_valid: bit(0),
            unpack_takes_beat: bit(1),
            group_valid: bit(2),
            running: bit(3),
            step_loaded: bit(4),
            group_ready: bit(5),
            decoded_valid: bit(6),
            sums_valid: bit(7),
        }
    }
}

impl From<ProbeBits> for u8 {
    fn from(probe: ProbeBits) -> Self {
        let bits = [
            probe.weights_fifo_valid,
            probe.unpack_takes_beat,
            probe.group_valid,
            probe.running,
            probe.step_loaded,
            probe.group_ready,
            probe.decoded_valid,
            probe.sums_valid,
        ];
        bits.into_iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(bit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probe_bits_keep_their_places() {
        for bits in 0..=255_u8 {
            assert_eq!(u8::from(ProbeBits::from(bits)), bits);
        }
    }
}
