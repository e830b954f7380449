//! The machine's signals, for wave files.

use super::Machine;
use crate::units::{Beat, Stream};
use crate::waves::Probe;
use seedlm_codec::machine::RESULT_BITS;

impl Machine {
    /// Shows the signals at the links, as they are in this cycle.
    pub(super) fn probe(&self, result_ready: bool, probe: &mut Probe) {
        let ready = self.readiness();
        let request = self.reader.output();
        let beat = self.fifo.output();
        let group = self.unpack.output(&beat, self.activations.steps_loaded());
        let result = self.results.output();

        probe.unit("burst_reader");
        probe.link("m_axi_ar", request.is_valid(), self.memory.ready());
        probe.number(
            "m_axi_araddr_beat",
            32,
            request.data().map_or(0, |request| request.first_beat as u64),
        );
        probe.number(
            "m_axi_arlen_beats",
            16,
            request.data().map_or(0, |request| request.beats as u64),
        );
        probe.unit("memory");
        probe.bit("m_axi_rvalid", self.memory.output().is_valid());
        probe.bytes(
            "m_axi_rdata",
            self.memory.output().data().map(|beat| &beat.bytes[..]),
            self.beat_bytes(),
        );
        probe.unit("beat_fifo");
        probe.number("level_beats", 16, self.fifo.level() as u64);
        let is_activation = |beat: &&Beat| beat.stream == Stream::Activations;
        probe.bit("head_is_activation", beat.data().is_some_and(is_activation));
        // Without a beat the FIFO's reader is ready when it would take weights.
        let beat_ready = self.takes_beat(&beat) || self.unpack.ready();
        probe.link("m_axis", beat.is_valid(), beat_ready);
        probe.unit("unpack");
        probe.number("fill_bits", 16, self.unpack.fill_bits() as u64);
        probe.link("m_axis", group.is_valid(), ready.lanes);
        probe.number("step", 24, group.data().map_or(0, |group| group.tag.step as u64));
        probe.bit("last_step", group.data().is_some_and(|group| group.tag.last_step));
        probe.number(
            "word_of_lane_0",
            64,
            group.data().map_or(0, |group| group.words[0] as u64),
        );
        probe.unit("decode_lanes");
        probe.link("m_axis", self.lanes.output().is_valid(), ready.mac);
        probe.number(
            "weight_0",
            64,
            self.lanes.output().data().map_or(0, |group| group.weights[0] as u64),
        );
        probe.unit("mac_array");
        probe.link("m_axis", self.mac.output().is_valid(), ready.accumulator);
        probe.number(
            "partial_sum_of_row_0",
            64,
            self.mac.output().data().map_or(0, |sums| sums.sums[0] as u64),
        );
        probe.unit("accumulator");
        probe.link("m_axis", self.accumulator.output().is_valid(), ready.results);
        probe.unit("result_fifo");
        probe.link("m_axis", result.is_valid(), result_ready);
        let results = result
            .data()
            .map(|beat| beat.results.iter().flat_map(|result| result.to_le_bytes()).collect());
        probe.bytes(
            "m_axis_tdata",
            results.as_ref().map(|bytes: &Vec<u8>| &bytes[..]),
            self.beat_bytes(),
        );
        probe.bit("m_axis_tlast", result.data().is_some_and(|beat| beat.last));
    }

    fn beat_bytes(&self) -> usize {
        self.results_per_beat * RESULT_BITS as usize / 8
    }
}
