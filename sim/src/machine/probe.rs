//! The machine's signals, for wave files.

use super::memory::Stream;
use crate::observer::Cycle;
use crate::units::ProbeBits;
use crate::waves::Probe;

/// Shows the ports of reader, memory and accelerator as they are in this cycle.
pub fn show(cycle: &Cycle<'_>, beat_bytes: usize, probe: &mut Probe) {
    let (inputs, outputs) = (cycle.inputs, cycle.outputs);
    probe.unit("burst_reader");
    let request = cycle.request.data();
    probe.link("m_axi_ar", request.is_some(), cycle.memory_ready);
    let first_beat = request.map_or(0, |request| request.address / beat_bytes as u64);
    probe.number("m_axi_araddr_beat", 32, first_beat);
    probe.number(
        "m_axi_arlen_beats",
        16,
        request.map_or(0, |request| request.beats as u64),
    );

    probe.unit("memory");
    let beat = cycle.memory.data().map(|beat| match beat.stream {
        Stream::Weights => &inputs.s_axis_weights_tdata[..],
        Stream::Activations => &inputs.s_axis_activations_tdata[..],
    });
    probe.bit("m_axi_rvalid", beat.is_some());
    probe.bytes("m_axi_rdata", beat, beat_bytes);

    probe.unit("seedlm_matvec");
    let activations_valid = inputs.s_axis_activations_tvalid;
    probe.link(
        "s_axis_activations_t",
        activations_valid,
        outputs.s_axis_activations_tready,
    );
    probe.link(
        "s_axis_weights_t",
        inputs.s_axis_weights_tvalid,
        outputs.s_axis_weights_tready,
    );
    probe.bit(
        "s_axis_weights_tlast",
        inputs.s_axis_weights_tvalid && inputs.s_axis_weights_tlast,
    );
    probe.number("weights_level", 16, u64::from(outputs.weights_level));
    probe.link("m_axis_t", outputs.m_axis_tvalid, inputs.m_axis_tready);
    let results = outputs.m_axis_tvalid.then_some(&outputs.m_axis_tdata[..]);
    probe.bytes("m_axis_tdata", results, beat_bytes);
    probe.bit("m_axis_tlast", outputs.m_axis_tlast);

    probe.unit("probe");
    for (bit, name) in ProbeBits::NAMES.into_iter().enumerate() {
        probe.bit(name, outputs.probe >> bit & 1 == 1);
    }
}
