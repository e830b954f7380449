//! `seedlm_activation_buffer`: the activations of a matrix, written a beat, read a step at a time.

use super::pipeline::Pipeline;
use seedlm_codec::WeightFormat;
use seedlm_codec::bits::{read_field, sign_extend};
use seedlm_codec::machine::{ActivationLayout, DatapathConfig};

/// Inputs of a cycle.
#[derive(Clone, Copy, Debug, Default)]
pub struct ActivationBufferInputs<'a> {
    /// One cycle before a matrix: what is held is forgotten.
    pub start: bool,
    /// Whether a matrix runs.
    pub running: bool,
    /// Steps of a tile of the matrix, 1 to the most that fit.
    pub steps: u32,
    /// Whether a beat is offered.
    pub s_axis_tvalid: bool,
    /// The beat, lowest byte first; looked at only while `s_axis_tvalid` is high.
    pub s_axis_tdata: &'a [u8],
    /// Whether the next step is read. It must be there.
    pub read: bool,
    /// With `read`: the step after this one is step 0.
    pub read_restart: bool,
}

/// Outputs of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivationBufferOutputs<'a> {
    /// Steps whose activations are all there.
    pub loaded: u32,
    /// The activations of the step read as many cycles ago as decode lanes have stages, in column order; empty when none
    /// was read then.
    pub activations: &'a [i64],
}

/// The activation memory.
#[derive(Clone, Debug)]
pub struct ActivationBuffer {
    layout: ActivationLayout,
    activation_bits: usize,
    beat_bits: usize,
    /// The activations of all steps, one step after the other.
    memory: Vec<i64>,
    loaded: u32,
    /// Beats of the step at the write pointer that are there.
    bank: usize,
    next_step: usize,
    read: Pipeline<Option<usize>>,
}

impl ActivationBuffer {
    /// An empty buffer for the machine's `largest_columns`.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let layout = ActivationLayout::new(config, format);
        let steps = config.largest_steps(format).next_multiple_of(layout.steps_per_beat);
        ActivationBuffer {
            activation_bits: config.activation_bits as usize,
            beat_bits: config.beat_bits as usize,
            memory: vec![0; steps * layout.activations_per_step],
            loaded: 0,
            bank: 0,
            next_step: 0,
            read: Pipeline::new(config.decode_stages(format), None),
            layout,
        }
    }

    /// Whether a beat is taken in this cycle. It depends on inputs that come straight from registers of the sequence.
    pub fn s_axis_tready(&self, running: bool, steps: u32) -> bool {
        running && self.loaded < steps
    }

    /// What the other ports show in this cycle.
    pub fn outputs(&self) -> ActivationBufferOutputs<'_> {
        let per_step = self.layout.activations_per_step;
        ActivationBufferOutputs {
            loaded: self.loaded,
            activations: match self.read.last() {
                Some(step) => &self.memory[step * per_step..][..per_step],
                None => &[],
            },
        }
    }

    /// Clock edge.
    pub fn clock(&mut self, inputs: ActivationBufferInputs<'_>) {
        self.read.shift(inputs.read.then_some(self.next_step));
        let accepted = inputs.s_axis_tvalid && self.s_axis_tready(inputs.running, inputs.steps);
        if inputs.start {
            (self.loaded, self.bank, self.next_step) = (0, 0, 0);
            return;
        }
        if inputs.read {
            self.next_step = if inputs.read_restart { 0 } else { self.next_step + 1 };
        }
        if accepted {
            self.store(inputs.s_axis_tdata);
        }
    }

    fn store(&mut self, beat: &[u8]) {
        let width = self.activation_bits;
        let per_step = self.layout.activations_per_step;
        let read = |position| sign_extend(read_field(beat, position, width), width as u32) as i64;
        // No activation straddles beats: their widths divide a beat's.
        let per_beat = self.beat_bits / width;
        if self.layout.beats_per_step > 1 {
            let first = self.bank * per_beat;
            let step = &mut self.memory[self.loaded as usize * per_step..][..per_step];
            for (place, activation) in step[first..].iter_mut().take(per_beat).enumerate() {
                *activation = read(place * width);
            }
        } else {
            let steps = self.memory[self.loaded as usize * per_step..].chunks_exact_mut(per_step);
            for (slot, step) in steps.take(self.layout.steps_per_beat).enumerate() {
                for (place, activation) in step.iter_mut().enumerate() {
                    *activation = read((slot * per_step + place) * width);
                }
            }
        }
        self.bank += 1;
        if self.bank == self.layout.beats_per_step {
            self.bank = 0;
            self.loaded += self.layout.steps_per_beat as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(lanes: u32) -> (ActivationBuffer, u32) {
        let format = WeightFormat::named("paper-4b").unwrap();
        let config = DatapathConfig {
            beat_bits: 128,
            lanes,
            tile_rows: 1,
            largest_columns: 256,
            ..DatapathConfig::reference(&format)
        };
        (ActivationBuffer::new(&config, &format), config.decode_stages(&format))
    }

    /// Loads all activations, reads two rounds of steps, and returns what was read.
    fn round_trip(lanes: u32, steps: u32) -> (Vec<i64>, u32) {
        let (mut buffer, stages) = buffer(lanes);
        let idle = ActivationBufferInputs {
            running: true,
            steps,
            ..ActivationBufferInputs::default()
        };
        buffer.clock(ActivationBufferInputs { start: true, ..idle });
        let mut beats = 0;
        while buffer.s_axis_tready(true, steps) {
            let bytes: Vec<u8> = (0..16).map(|byte| (16 * beats + byte) as u8).collect();
            buffer.clock(ActivationBufferInputs {
                s_axis_tvalid: true,
                s_axis_tdata: &bytes,
                ..idle
            });
            beats += 1;
        }
        let mut activations = Vec::new();
        for cycle in 0..2 * steps + stages {
            assert_eq!(buffer.outputs().activations.is_empty(), cycle < stages);
            activations.extend(buffer.outputs().activations);
            buffer.clock(ActivationBufferInputs {
                read: cycle < 2 * steps,
                read_restart: cycle % steps == steps - 1,
                ..idle
            });
        }
        (activations, beats)
    }

    #[test]
    fn several_steps_in_a_beat_and_several_beats_in_a_step() {
        // 8 activations a step, two steps a beat; and 40 a step, three beats, the last one half used.
        for (lanes, steps, beats, step_bytes, used) in [(1, 5, 3, 8, 8), (5, 3, 9, 48, 40)] {
            let (read, loaded) = round_trip(lanes, steps);
            let round: Vec<i64> = (0..steps)
                .flat_map(|step| (step * step_bytes..).take(used).map(|byte| i64::from(byte as u8 as i8)))
                .collect();
            assert_eq!(loaded, beats);
            assert_eq!(read, [&round[..], &round[..]].concat());
        }
    }
}
