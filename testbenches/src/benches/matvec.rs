//! Drives `seedlm_matvec` with small products of random words, one after the other.

use super::control::{Master, expected_ports, random_address};
use crate::bits::{bit, number};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::{Source, Stimulus};
use rand::RngExt;
use seedlm_codec::WeightFormat;
use seedlm_codec::bits::{read_field, write_field};
use seedlm_codec::machine::registers::{CONTROL_ADDRESS, STEPS_ADDRESS, TILES_ADDRESS};
use seedlm_codec::machine::{ActivationLayout, DatapathConfig};
use seedlm_sim::units::{Matvec, MatvecInputs, MatvecOutputs, MatvecPorts};
use std::collections::VecDeque;

/// A product under way.
#[derive(Clone, Copy, Debug, Default)]
struct Product {
    tiles: usize,
    steps: usize,
}

/// The whole datapath. Weights of the next product may already be on offer while one runs.
pub struct MatvecBench {
    config: DatapathConfig,
    format: WeightFormat,
    unit: Matvec,
    outputs: MatvecOutputs,
    master: Master,
    weights: Source<(Vec<u8>, bool)>,
    activations: Source<Vec<u8>>,
    take: bool,
    /// Products whose weights are on offer or still to come; the first is running or being started.
    products: VecDeque<Product>,
    /// Registers to write for the first product, and those whose answer has not come.
    writes: VecDeque<(u32, u32)>,
    answers_due: u32,
    /// Beats of weights left of the newest product, and of activations of the first.
    weight_beats_left: usize,
    activation_beats_left: usize,
    results: u64,
}

impl MatvecBench {
    /// For a configuration.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let mut unit = Matvec::new(config, format);
        MatvecBench {
            config: config.clone(),
            format: format.clone(),
            outputs: unit.outputs(),
            unit,
            master: Master::default(),
            weights: Source::default(),
            activations: Source::default(),
            take: false,
            products: VecDeque::new(),
            writes: VecDeque::new(),
            answers_due: 0,
            weight_beats_left: 0,
            activation_beats_left: 0,
            results: 0,
        }
    }

    /// Adds a product behind the others.
    fn add_product(&mut self, stimulus: &mut Stimulus) {
        let most = self.config.largest_steps(&self.format).min(20);
        let product = Product {
            tiles: stimulus.random.random_range(1..6),
            steps: stimulus.random.random_range(1..=most),
        };
        let bits = product.tiles * product.steps * self.config.group_bits(&self.format);
        self.weight_beats_left = bits.div_ceil(self.config.beat_bits as usize);
        self.products.push_back(product);
        if self.products.len() == 1 {
            self.start_first();
        }
    }

    fn start_first(&mut self) {
        let Some(product) = self.products.front() else { return };
        let layout = ActivationLayout::new(&self.config, &self.format);
        self.activation_beats_left = layout.beats(product.steps);
        self.writes = VecDeque::from([
            (TILES_ADDRESS, product.tiles as u32),
            (STEPS_ADDRESS, product.steps as u32),
            (CONTROL_ADDRESS, 1),
        ]);
    }

    /// Random words, but none that stands for no number.
    fn beat_of_weights(format: &WeightFormat, width: usize, stimulus: &mut Stimulus) -> Vec<u8> {
        let mut beat = stimulus.data(width);
        if *format == WeightFormat::Binary16 {
            for place in (0..width).step_by(16) {
                if read_field(&beat, place + 10, 5) == 31 {
                    write_field(&mut beat, place, 16, 0);
                }
            }
        }
        beat
    }

    fn choose_streams(&mut self, stimulus: &mut Stimulus) {
        let width = self.config.beat_bits as usize;
        if self.weight_beats_left == 0 && self.weights.offered.is_none() && self.products.len() < 2 {
            self.add_product(stimulus);
        }
        let (format, left) = (&self.format, &mut self.weight_beats_left);
        self.weights.choose(stimulus, |stimulus| {
            let beat = (*left > 0).then(|| (Self::beat_of_weights(format, width, stimulus), *left == 1));
            *left = left.saturating_sub(1);
            beat
        });
        let left = &mut self.activation_beats_left;
        self.activations.choose(stimulus, |stimulus| {
            let beat = (*left > 0).then(|| stimulus.data(width));
            *left = left.saturating_sub(1);
            beat
        });
    }

    /// One write after the other, with reads of anything in between.
    fn choose_registers(&mut self, stimulus: &mut Stimulus) {
        let is_quiet = !self.master.address.is_valid() && !self.master.data.is_valid() && self.answers_due == 0;
        if is_quiet && let Some((address, value)) = self.writes.pop_front() {
            self.master.address.offered = Some(address as u8);
            self.master.data.offered = Some((value, 15));
            self.answers_due = 1;
        }
        if stimulus.chance(20) {
            self.master
                .read
                .choose(stimulus, |stimulus| Some(random_address(stimulus)));
        }
        self.master.drive(stimulus);
    }
}

impl Bench for MatvecBench {
    fn module(&self) -> &'static str {
        "seedlm_matvec"
    }

    fn choose(&mut self, stimulus: &mut Stimulus) -> Ports<Vec<u8>> {
        self.choose_streams(stimulus);
        self.choose_registers(stimulus);
        self.take = stimulus.takes();
        let width = self.config.beat_bits as usize;
        let (weights, last) = match self.weights.offered.clone() {
            Some(beat) => beat,
            None => (stimulus.garbage(width), stimulus.chance(50)),
        };
        let activations = self.activations.offered.clone();
        let mut ports = self.master.ports(true);
        ports.extend([
            ("s_axis_weights_tvalid", bit(self.weights.is_valid())),
            ("s_axis_weights_tdata", weights),
            ("s_axis_weights_tlast", bit(last)),
            ("s_axis_activations_tvalid", bit(activations.is_some())),
            (
                "s_axis_activations_tdata",
                activations.unwrap_or_else(|| stimulus.garbage(width)),
            ),
            ("m_axis_tready", bit(self.take)),
        ]);
        ports
    }

    fn expected(&self) -> Ports<Option<Vec<u8>>> {
        let outputs = &self.outputs;
        let level_bits = u32::BITS - (self.config.beat_fifo_beats + 1).leading_zeros();
        let valid = outputs.m_axis_tvalid;
        let mut ports = expected_ports(&outputs.s_axil);
        ports.extend([
            ("s_axis_weights_tready", Some(bit(outputs.s_axis_weights_tready))),
            (
                "s_axis_activations_tready",
                Some(bit(outputs.s_axis_activations_tready)),
            ),
            ("m_axis_tvalid", Some(bit(valid))),
            ("m_axis_tdata", valid.then(|| outputs.m_axis_tdata.clone())),
            ("m_axis_tlast", valid.then(|| bit(outputs.m_axis_tlast))),
            (
                "weights_level",
                Some(number(u64::from(outputs.weights_level), level_bits as usize)),
            ),
            ("probe", Some(vec![outputs.probe])),
        ]);
        ports
    }

    fn clock(&mut self) {
        let outputs = self.outputs.clone();
        let (weights, last) = self.weights.offered.clone().unwrap_or_default();
        self.unit.clock(&MatvecInputs {
            s_axil: self.master.inputs,
            s_axis_weights_tvalid: self.weights.is_valid(),
            s_axis_weights_tdata: weights,
            s_axis_weights_tlast: last,
            s_axis_activations_tvalid: self.activations.is_valid(),
            s_axis_activations_tdata: self.activations.offered.clone().unwrap_or_default(),
            m_axis_tready: self.take,
        });
        if outputs.s_axil.bvalid && self.master.inputs.bready {
            self.answers_due = 0;
        }
        if outputs.m_axis_tvalid && self.take {
            self.results += outputs.m_axis_tdata.len() as u64 / 8;
            if outputs.m_axis_tlast {
                self.products.pop_front();
                self.start_first();
            }
        }
        self.master.end_cycle(&outputs.s_axil);
        self.weights.end_cycle(outputs.s_axis_weights_tready);
        self.activations.end_cycle(outputs.s_axis_activations_tready);
        self.outputs = self.unit.outputs();
    }

    fn reset(&mut self) {
        let results = self.results;
        *self = MatvecBench::new(&self.config, &self.format);
        self.results = results;
    }

    fn checked(&self) -> u64 {
        self.results
    }
}
