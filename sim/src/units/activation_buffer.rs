//! `seedlm_activation_buffer`: the activations of two matrices, written a beat, read a step at a time.

use super::field::signed_field;
use super::pipeline::Pipeline;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::{ActivationLayout, DatapathConfig};

/// Inputs of a cycle.
#[derive(Clone, Copy, Debug, Default)]
pub struct ActivationBufferInputs<'a> {
    /// Whether a matrix is offered whose activations come next.
    pub next_valid: bool,
    /// Steps of a tile of it, 1 to the most that fit.
    pub steps: u32,
    /// Whether a beat is offered.
    pub s_axis_tvalid: bool,
    /// The beat, lowest byte first; looked at only while `s_axis_tvalid` is high.
    pub s_axis_tdata: &'a [u8],
    /// Whether the next step is read. It must be there.
    pub read: bool,
    /// With `read`: the step after this one is step 0.
    pub read_restart: bool,
    /// With `read_restart`: that step 0 is the next matrix's.
    pub read_next: bool,
    /// Whether the last step of the oldest matrix stands at the output: its half is free then.
    pub free: bool,
}

/// Outputs of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivationBufferOutputs<'a> {
    /// Whether a matrix is taken: when the activations of the one before it are there, and a half is free.
    pub next_ready: bool,
    /// Whether a beat is taken.
    pub s_axis_tready: bool,
    /// Steps of the matrix that is read whose activations are there; all ones when all of them are.
    pub loaded: u32,
    /// The activations of the step read as many cycles ago as decode lanes have stages, in column order; empty when none
    /// was read then.
    pub activations: &'a [i64],
}

/// The activation memory: two halves, which matrices use in turn.
#[derive(Clone, Debug)]
pub struct ActivationBuffer {
    layout: ActivationLayout,
    activation_bits: usize,
    beat_bits: usize,
    /// The activations of all steps, one step after the other, in two halves.
    memory: Vec<i64>,
    half_steps: usize,
    /// Steps that are there of the matrix taken last, and how many it has.
    loaded: u32,
    load_steps: u32,
    /// Matrices taken whose last step has not been read.
    unread: u32,
    /// Matrices taken whose half is not free.
    held: u32,
    write_half: usize,
    read_half: usize,
    /// The step behind those that are there, in the whole memory.
    write_step: usize,
    /// Beats of that step that are there.
    bank: usize,
    /// The next step to be read, in the whole memory.
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
            memory: vec![0; 2 * steps * layout.activations_per_step],
            half_steps: steps,
            loaded: 0,
            load_steps: 0,
            unread: 0,
            held: 0,
            write_half: 0,
            read_half: 0,
            write_step: 0,
            bank: 0,
            next_step: 0,
            read: Pipeline::new(config.decode_stages(format), None),
            layout,
        }
    }

    /// What the ports show in this cycle.
    pub fn outputs(&self) -> ActivationBufferOutputs<'_> {
        let per_step = self.layout.activations_per_step;
        let s_axis_tready = self.loaded < self.load_steps;
        ActivationBufferOutputs {
            next_ready: !s_axis_tready && self.held < 2,
            s_axis_tready,
            loaded: match self.unread {
                0 => 0,
                1 => self.loaded,
                _ => u32::MAX,
            },
            activations: match self.read.last() {
                Some(step) => &self.memory[step * per_step..][..per_step],
                None => &[],
            },
        }
    }

    /// Clock edge.
    pub fn clock(&mut self, inputs: ActivationBufferInputs<'_>) {
        let outputs = self.outputs();
        let accepted = inputs.s_axis_tvalid && outputs.s_axis_tready;
        let starts = inputs.next_valid && outputs.next_ready;
        let ends = inputs.read && inputs.read_next;
        self.read.shift(inputs.read.then_some(self.next_step));
        if inputs.read {
            self.read_half ^= usize::from(ends);
            self.next_step = match inputs.read_restart {
                true => self.read_half * self.half_steps,
                false => self.next_step + 1,
            };
        }
        self.unread = self.unread + u32::from(starts) - u32::from(ends);
        self.held = self.held + u32::from(starts) - u32::from(inputs.free);
        if starts {
            (self.loaded, self.load_steps) = (0, inputs.steps);
            self.write_step = self.write_half * self.half_steps;
            self.write_half ^= 1;
        }
        if accepted {
            self.store(inputs.s_axis_tdata);
        }
    }

    fn store(&mut self, beat: &[u8]) {
        let width = self.activation_bits;
        let per_step = self.layout.activations_per_step;
        let read = |position| signed_field(beat, position, width);
        // No activation straddles beats: their widths divide a beat's.
        let per_beat = self.beat_bits / width;
        if self.layout.beats_per_step > 1 {
            let first = self.bank * per_beat;
            let step = &mut self.memory[self.write_step * per_step..][..per_step];
            for (place, activation) in step[first..].iter_mut().take(per_beat).enumerate() {
                *activation = read(place * width);
            }
        } else {
            let steps = self.memory[self.write_step * per_step..].chunks_exact_mut(per_step);
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
            self.write_step += self.layout.steps_per_beat;
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

    /// Loads the activations of a matrix, which are the bytes from `first` on; how many beats there are.
    fn load(buffer: &mut ActivationBuffer, steps: u32, first: usize) -> usize {
        assert!(buffer.outputs().next_ready && !buffer.outputs().s_axis_tready);
        buffer.clock(ActivationBufferInputs {
            next_valid: true,
            steps,
            ..ActivationBufferInputs::default()
        });
        let mut beats = 0;
        while buffer.outputs().s_axis_tready {
            assert!(!buffer.outputs().next_ready);
            let bytes: Vec<u8> = (0..16).map(|byte| (first + 16 * beats + byte) as u8).collect();
            buffer.clock(ActivationBufferInputs {
                s_axis_tvalid: true,
                s_axis_tdata: &bytes,
                ..ActivationBufferInputs::default()
            });
            beats += 1;
        }
        beats
    }

    /// Reads two rounds of all steps, of which the second ends the matrix, and frees its half.
    fn read(buffer: &mut ActivationBuffer, steps: u32, stages: u32) -> Vec<i64> {
        let mut activations = Vec::new();
        for cycle in 0..2 * steps + stages {
            assert_eq!(buffer.outputs().activations.is_empty(), cycle < stages);
            activations.extend(buffer.outputs().activations);
            let restart = cycle % steps == steps - 1;
            buffer.clock(ActivationBufferInputs {
                read: cycle < 2 * steps,
                read_restart: restart,
                read_next: restart && cycle == 2 * steps - 1,
                free: cycle == 2 * steps + stages - 1,
                ..ActivationBufferInputs::default()
            });
        }
        activations
    }

    /// Two rounds of a matrix's steps, from the bytes as they are loaded.
    fn expected(steps: u32, first: usize, step_bytes: usize, used: usize) -> Vec<i64> {
        let round: Vec<i64> = (0..steps as usize)
            .flat_map(|step| {
                (first + step * step_bytes..)
                    .take(used)
                    .map(|byte| i64::from(byte as u8 as i8))
            })
            .collect();
        [&round[..], &round[..]].concat()
    }

    #[test]
    fn several_steps_in_a_beat_and_several_beats_in_a_step() {
        // 8 activations a step, two steps a beat; and 40 a step, three beats, the last one half used.
        for (lanes, steps, beats, step_bytes, used) in [(1, 5, 3, 8, 8), (5, 3, 9, 48, 40)] {
            let (mut buffer, stages) = buffer(lanes);
            assert_eq!(buffer.outputs().loaded, 0);
            assert_eq!(load(&mut buffer, steps, 0), beats);
            assert!((steps..u32::MAX).contains(&buffer.outputs().loaded));
            let activations = read(&mut buffer, steps, stages);
            assert_eq!(activations, expected(steps, 0, step_bytes, used));
            assert_eq!(buffer.outputs().loaded, 0);
        }
    }

    /// While one matrix is read the next one is loaded; a third waits until the first one's half is free.
    #[test]
    fn two_matrices_are_held_and_used_in_turn() {
        let (mut buffer, stages) = buffer(1);
        load(&mut buffer, 5, 0);
        for round in 0..4 {
            load(&mut buffer, 7, 100 * (round + 1));
            assert_eq!(buffer.outputs().loaded, u32::MAX);
            assert!(!buffer.outputs().next_ready, "both halves are taken");
            let steps = if round == 0 { 5 } else { 7 };
            let activations = read(&mut buffer, steps, stages);
            assert_eq!(activations, expected(steps, 100 * round, 8, 8), "matrix {round}");
            assert_eq!(buffer.outputs().loaded, 8);
        }
    }
}
