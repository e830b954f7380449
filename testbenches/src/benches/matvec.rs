//! Drives `seedlm_matvec` with small products of random words, one after the other.

use super::control::{Master, WriteData, expected_ports, random_address};
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
    /// Whether the registers for the first product have still to be written.
    is_to_start: bool,
    /// Writes that the channels of addresses and of data have still to offer, each at its own pace.
    write_addresses: VecDeque<u8>,
    write_data: VecDeque<WriteData>,
    /// Writes whose answer has not come.
    answers_due: u32,
    /// Whether one of them is no part of a start.
    is_disturbed: bool,
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
            is_to_start: false,
            write_addresses: VecDeque::new(),
            write_data: VecDeque::new(),
            answers_due: 0,
            is_disturbed: false,
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
        self.is_to_start = true;
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

    fn write(&mut self, address: u32, value: u32, strobe: u8) {
        self.write_addresses.push_back(address as u8);
        self.write_data.push_back((value, strobe));
        self.answers_due += 1;
    }

    /// Writes a register at once, or some of its bytes first and the others then.
    fn write_in_parts(&mut self, address: u32, value: u32, stimulus: &mut Stimulus) {
        let strobe = if stimulus.chance(70) {
            15
        } else {
            stimulus.random.random_range(0..16)
        };
        for strobe in [strobe, 15 ^ strobe] {
            let bytes = (0..4).filter(|byte| strobe >> byte & 1 == 1);
            let mask: u32 = bytes.map(|byte| 0xff << (8 * byte)).sum();
            // Bytes without strobe must not count, whatever they hold.
            let noise: u32 = stimulus.random.random();
            if strobe != 0 {
                self.write(address, value & mask | noise & !mask, strobe);
            }
        }
    }

    /// Starts the first product, disturbs the one that runs, and reads anything in between.
    fn choose_registers(&mut self, stimulus: &mut Stimulus) {
        if self.is_to_start
            && let Some(&product) = self.products.front()
        {
            self.is_to_start = false;
            self.write_in_parts(TILES_ADDRESS, product.tiles as u32, stimulus);
            self.write_in_parts(STEPS_ADDRESS, product.steps as u32, stimulus);
            let (noise, strobe) = (stimulus.random.random::<u32>(), stimulus.random.random_range(0..16));
            self.write(CONTROL_ADDRESS, noise | 1, strobe | 1);
        } else if !self.products.is_empty() && self.answers_due == 0 && stimulus.chance(5) {
            // The start has been answered, so the machine is busy, and refuses to change sizes and to start once more.
            let address = match stimulus.random.random_range(0..8) {
                0 => random_address(stimulus).into(),
                1..4 => CONTROL_ADDRESS,
                4..6 => TILES_ADDRESS,
                _ => STEPS_ADDRESS,
            };
            let (value, strobe) = (stimulus.random.random_range(0..4), stimulus.random.random_range(0..16));
            self.write(address, value, strobe);
            self.is_disturbed = true;
        }
        let (addresses, data) = (&mut self.write_addresses, &mut self.write_data);
        self.master.address.choose(stimulus, |_| addresses.pop_front());
        self.master.data.choose(stimulus, |_| data.pop_front());
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
        // The product must not end before the machine has dealt with what disturbs it: that would count for the next one.
        self.take = stimulus.takes() && !(self.is_disturbed && self.outputs.m_axis_tlast);
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
            self.answers_due -= 1;
            self.is_disturbed &= self.answers_due > 0;
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
