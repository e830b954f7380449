//! Drives `seedlm_activation_buffer`.

use crate::bits::{bit, fields, number};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::{Source, Stimulus};
use rand::RngExt;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::units::{ActivationBuffer, ActivationBufferInputs};

/// Where the bench is in a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Start,
    Running,
    /// The last reads are on their way out.
    Drain(u32),
}

/// The activation buffer, read as the sequence reads it.
pub struct ActivationBufferBench {
    config: DatapathConfig,
    format: WeightFormat,
    unit: ActivationBuffer,
    source: Source<Vec<u8>>,
    phase: Phase,
    /// Whether every product has as many steps as there can be. They take longer than resets are apart.
    has_all_steps: bool,
    steps: u32,
    step: u32,
    passes_left: u32,
    read: bool,
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
            phase: Phase::Idle,
            has_all_steps: false,
            steps: 0,
            step: 0,
            passes_left: 0,
            read: false,
            passed: 0,
        }
    }

    /// For a configuration, with products that read every activation there is room for.
    pub fn with_all_steps(config: &DatapathConfig, format: &WeightFormat) -> Self {
        ActivationBufferBench {
            has_all_steps: true,
            ..ActivationBufferBench::new(config, format)
        }
    }

    fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    fn is_last_step(&self) -> bool {
        self.step + 1 == self.steps
    }
}

impl Bench for ActivationBufferBench {
    fn module(&self) -> &'static str {
        "seedlm_activation_buffer"
    }

    fn choose(&mut self, stimulus: &mut Stimulus) -> Ports<Vec<u8>> {
        let width = self.config.beat_bits as usize;
        if self.phase == Phase::Idle && stimulus.offers() {
            self.phase = Phase::Start;
            let most = self.config.largest_steps(&self.format) as u32;
            let usual = most.min(12);
            self.steps = match stimulus.random.random_range(0..12) {
                _ if self.has_all_steps => most,
                0 => most.min(200),
                _ => stimulus.random.random_range(1..=usual),
            };
            self.passes_left = stimulus.random.random_range(1..4);
        }
        self.source.choose(stimulus, |stimulus| Some(stimulus.data(width)));
        let loaded = self.unit.outputs().loaded;
        self.read = self.is_running() && self.step < loaded && stimulus.takes();
        let data = self.source.offered.clone();
        vec![
            ("start", bit(self.phase == Phase::Start)),
            ("running", bit(self.is_running())),
            ("steps", number(u64::from(self.steps), 32)),
            ("s_axis_tvalid", bit(data.is_some())),
            ("s_axis_tdata", data.unwrap_or_else(|| stimulus.garbage(width))),
            ("read", bit(self.read)),
            ("read_restart", bit(self.is_last_step())),
        ]
    }

    fn expected(&self) -> Ports<Option<Vec<u8>>> {
        let outputs = self.unit.outputs();
        let ready = self.unit.s_axis_tready(self.is_running(), self.steps);
        let activations = outputs.activations.iter().map(|&activation| i128::from(activation));
        let is_there = !outputs.activations.is_empty();
        // Until the first start the count means nothing to anybody, and is zero.
        vec![
            ("s_axis_tready", Some(bit(ready))),
            ("loaded", Some(number(u64::from(outputs.loaded), 32))),
            (
                "activations",
                is_there.then(|| fields(activations, self.config.activation_bits as usize)),
            ),
        ]
    }

    fn clock(&mut self) {
        let ready = self.unit.s_axis_tready(self.is_running(), self.steps);
        self.passed += u64::from(!self.unit.outputs().activations.is_empty());
        self.unit.clock(ActivationBufferInputs {
            start: self.phase == Phase::Start,
            running: self.is_running(),
            steps: self.steps,
            s_axis_tvalid: self.source.is_valid(),
            s_axis_tdata: self.source.offered.as_deref().unwrap_or_default(),
            read: self.read,
            read_restart: self.is_last_step(),
        });
        self.source.end_cycle(ready);
        self.phase = match self.phase {
            Phase::Start => {
                self.step = 0;
                Phase::Running
            }
            // The buffer is started anew only when all that was read has come out, as the end of a product ensures.
            Phase::Drain(0) => Phase::Idle,
            Phase::Drain(cycles) => Phase::Drain(cycles - 1),
            phase => phase,
        };
        if self.read {
            self.passes_left -= u32::from(self.is_last_step());
            self.step = if self.is_last_step() { 0 } else { self.step + 1 };
            if self.passes_left == 0 {
                self.phase = Phase::Drain(self.config.decode_stages(&self.format));
            }
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
        !self.has_all_steps || !self.is_running()
    }

    fn checked(&self) -> u64 {
        self.passed
    }
}
