//! Drives `seedlm_activation_buffer`.

use crate::bits::{bit, fields, number};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::{Source, Stimulus};
use rand::RngExt;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::units::{ActivationBuffer, ActivationBufferInputs};
use std::collections::VecDeque;

/// A matrix on its way through the buffer.
#[derive(Clone, Copy, Debug)]
struct Matrix {
    steps: u32,
    /// Tiles that have still to be read.
    passes_left: u32,
}

/// The activation buffer, read as the sequence reads it, with the next matrices on offer meanwhile.
pub struct ActivationBufferBench {
    config: DatapathConfig,
    format: WeightFormat,
    unit: ActivationBuffer,
    source: Source<Vec<u8>>,
    /// Whether every matrix has as many steps as there can be. They take longer than resets are apart.
    has_all_steps: bool,
    next: Option<Matrix>,
    /// Matrices taken that have not been read to the end.
    unread: VecDeque<Matrix>,
    step: u32,
    read: bool,
    /// Where matrices end in what was read: one entry for each cycle that a read takes, the oldest in front.
    ends: VecDeque<bool>,
    passed: u64,
}

impl ActivationBufferBench {
    /// For a configuration.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        ActivationBufferBench {
            config: config.clone(),
            format: format.clone(),
            unit: ActivationBuffer::new(config, format),
            source: Source::default(),
            has_all_steps: false,
            next: None,
            unread: VecDeque::new(),
            step: 0,
            read: false,
            ends: std::iter::repeat_n(false, config.decode_stages(format) as usize).collect(),
            passed: 0,
        }
    }

    /// For a configuration, with matrices that need every activation there is room for.
    pub fn with_all_steps(config: &DatapathConfig, format: &WeightFormat) -> Self {
        ActivationBufferBench {
            has_all_steps: true,
            ..ActivationBufferBench::new(config, format)
        }
    }

    fn any_matrix(&self, stimulus: &mut Stimulus) -> Matrix {
        let most = self.config.largest_steps(&self.format) as u32;
        let usual = most.min(12);
        Matrix {
            steps: match stimulus.random.random_range(0..12) {
                _ if self.has_all_steps => most,
                0 => most.min(200),
                _ => stimulus.random.random_range(1..=usual),
            },
            passes_left: stimulus.random.random_range(1..4),
        }
    }

    fn is_last_step(&self) -> bool {
        self.unread.front().is_some_and(|matrix| self.step + 1 == matrix.steps)
    }

    /// The inputs of this cycle, but for the beat itself.
    fn inputs(&self) -> ActivationBufferInputs<'static> {
        ActivationBufferInputs {
            next_valid: self.next.is_some(),
            steps: self.next.map_or(0, |matrix| matrix.steps),
            s_axis_tvalid: self.source.is_valid(),
            s_axis_tdata: &[],
            read: self.read,
            read_restart: self.is_last_step(),
            read_next: self.is_last_step() && self.unread.front().is_some_and(|matrix| matrix.passes_left == 1),
            free: self.ends[0],
        }
    }
}

impl Bench for ActivationBufferBench {
    fn module(&self) -> &'static str {
        "seedlm_activation_buffer"
    }

    fn choose(&mut self, stimulus: &mut Stimulus) -> Ports<Vec<u8>> {
        let width = self.config.beat_bits as usize;
        if self.next.is_none() && stimulus.offers() {
            self.next = Some(self.any_matrix(stimulus));
        }
        self.source.choose(stimulus, |stimulus| Some(stimulus.data(width)));
        let loaded = self.unit.outputs().loaded;
        self.read = self.step < loaded && stimulus.takes();
        let garbage = stimulus.garbage(width);
        let inputs = self.inputs();
        vec![
            ("next_valid", bit(inputs.next_valid)),
            ("steps", number(u64::from(inputs.steps), 32)),
            ("s_axis_tvalid", bit(inputs.s_axis_tvalid)),
            ("s_axis_tdata", self.source.offered.clone().unwrap_or(garbage)),
            ("read", bit(inputs.read)),
            ("read_restart", bit(inputs.read_restart)),
            ("read_next", bit(inputs.read_next)),
            ("free", bit(inputs.free)),
        ]
    }

    fn expected(&self) -> Ports<Option<Vec<u8>>> {
        let outputs = self.unit.outputs();
        let activations = outputs.activations.iter().map(|&activation| i128::from(activation));
        let is_there = !outputs.activations.is_empty();
        vec![
            ("next_ready", Some(bit(outputs.next_ready))),
            ("s_axis_tready", Some(bit(outputs.s_axis_tready))),
            ("loaded", Some(number(u64::from(outputs.loaded), 32))),
            (
                "activations",
                is_there.then(|| fields(activations, self.config.activation_bits as usize)),
            ),
        ]
    }

    fn clock(&mut self) {
        let outputs = self.unit.outputs();
        let (ready, takes) = (outputs.s_axis_tready, outputs.next_ready);
        self.passed += u64::from(!outputs.activations.is_empty());
        let inputs = self.inputs();
        let ends = inputs.read && inputs.read_next;
        self.unit.clock(ActivationBufferInputs {
            s_axis_tdata: self.source.offered.as_deref().unwrap_or_default(),
            ..inputs
        });
        self.source.end_cycle(ready);
        self.ends.pop_front();
        self.ends.push_back(ends);
        if self.read {
            let is_last = self.is_last_step();
            let matrix = self
                .unread
                .front_mut()
                .expect("a step that is read belongs to a matrix");
            matrix.passes_left -= u32::from(is_last);
            self.step = if is_last { 0 } else { self.step + 1 };
            if ends {
                self.unread.pop_front();
            }
        }
        if takes && let Some(matrix) = self.next.take() {
            self.unread.push_back(matrix);
        }
    }

    fn reset(&mut self) {
        *self = ActivationBufferBench {
            has_all_steps: self.has_all_steps,
            passed: self.passed,
            ..ActivationBufferBench::new(&self.config, &self.format)
        };
    }

    fn may_reset(&self) -> bool {
        !self.has_all_steps || self.unread.is_empty()
    }

    fn checked(&self) -> u64 {
        self.passed
    }
}
