//! Drives `seedlm_matvec` with small products of random words, as close behind each other as they come.

use super::control::{Master, WriteData, expected_ports, random_address};
use crate::bits::{bit, number};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::{Source, Stimulus};
use rand::RngExt;
use seedlm_codec::WeightFormat;
use seedlm_codec::bits::{read_field, write_field};
use seedlm_codec::machine::registers::{CONTROL_ADDRESS, STEPS_ADDRESS, TILES_ADDRESS};
use seedlm_codec::machine::{ActivationLayout, DatapathConfig};
use seedlm_sim::units::{Matvec, MatvecInputs, MatvecOutputs, MatvecPorts, RESPONSE_OKAY};
use std::collections::VecDeque;

/// A product of which something is still to come.
#[derive(Clone, Copy, Debug, Default)]
struct Product {
    tiles: usize,
    steps: usize,
    /// Whether it has the size of the one before: then its size is not written.
    is_again: bool,
}

/// Products that are on offer or under way at the most: one that runs, one that waits, one that is refused, and weights of one
/// more.
const MOST_PRODUCTS: usize = 4;

/// How far the start of a product is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Nothing has been written.
    Due,
    /// Its size has been written. While another start waits, that is refused.
    Size,
    /// The start itself has been written. It is refused only where no size was written before.
    Itself,
}

/// The whole datapath. Products are started at any time, whether one runs or not, and their weights and activations are on
/// offer before.
pub struct MatvecBench {
    config: DatapathConfig,
    format: WeightFormat,
    unit: Matvec,
    outputs: MatvecOutputs,
    master: Master,
    weights: Source<(Vec<u8>, bool)>,
    activations: Source<Vec<u8>>,
    take: bool,
    newest: Product,
    /// Products whose results have not all left.
    unfinished: usize,
    /// Products to be started, the next one in front.
    to_start: VecDeque<Product>,
    start: Start,
    /// Whether one of the writes to be answered has been refused.
    is_refused: bool,
    /// Whether they are no part of a start.
    is_aside: bool,
    /// Writes that the channels of addresses and of data have still to offer, each at its own pace.
    write_addresses: VecDeque<u8>,
    write_data: VecDeque<WriteData>,
    /// Writes whose answer has not come.
    answers_due: u32,
    /// Beats of weights left of each product.
    weight_beats_left: VecDeque<usize>,
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
            newest: Product::default(),
            unfinished: 0,
            to_start: VecDeque::new(),
            start: Start::Due,
            is_refused: false,
            is_aside: false,
            write_addresses: VecDeque::new(),
            write_data: VecDeque::new(),
            answers_due: 0,
            weight_beats_left: VecDeque::new(),
            activation_beats_left: 0,
            results: 0,
        }
    }

    /// Adds a product behind the others.
    fn add_product(&mut self, stimulus: &mut Stimulus) {
        let most = self.config.largest_steps(&self.format).min(20);
        let is_again = self.newest.tiles > 0 && stimulus.chance(30);
        if !is_again {
            self.newest.tiles = stimulus.random.random_range(1..6);
            self.newest.steps = stimulus.random.random_range(1..=most);
        }
        self.newest.is_again = is_again;
        let bits = self.newest.tiles * self.newest.steps * self.config.group_bits(&self.format);
        self.weight_beats_left
            .push_back(bits.div_ceil(self.config.beat_bits as usize));
        let layout = ActivationLayout::new(&self.config, &self.format);
        self.activation_beats_left += layout.beats(self.newest.steps);
        self.to_start.push_back(self.newest);
        self.unfinished += 1;
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
        if self.unfinished < MOST_PRODUCTS && stimulus.offers() {
            self.add_product(stimulus);
        }
        let (format, queue) = (&self.format, &mut self.weight_beats_left);
        self.weights.choose(stimulus, |stimulus| {
            let left = queue.front_mut()?;
            *left -= 1;
            let is_last = *left == 0;
            if is_last {
                queue.pop_front();
            }
            Some((Self::beat_of_weights(format, width, stimulus), is_last))
        });
        let left = &mut self.activation_beats_left;
        self.activations.choose(stimulus, |stimulus| {
            let beat = (*left > 0).then(|| stimulus.data(width));
            *left = left.saturating_sub(1);
            beat
        });
    }

    /// Goes on with a start when all that was written has been answered.
    fn answered(&mut self) {
        let refused = std::mem::take(&mut self.is_refused);
        if std::mem::take(&mut self.is_aside) {
            return;
        }
        let Some(product) = self.to_start.front() else { return };
        match self.start {
            Start::Itself if !refused => {
                self.to_start.pop_front();
                self.start = Start::Due;
            }
            Start::Itself => {
                assert!(
                    product.is_again,
                    "after the size has been taken there is room for a start"
                );
                self.start = Start::Due;
            }
            Start::Size if refused => self.start = Start::Due,
            _ => {}
        }
    }

    /// The next writes of a start: the size, then, when that has been taken, the start itself.
    fn write_start(&mut self, product: Product, stimulus: &mut Stimulus) {
        if self.start == Start::Due && !product.is_again {
            self.write_in_parts(TILES_ADDRESS, product.tiles as u32, stimulus);
            self.write_in_parts(STEPS_ADDRESS, product.steps as u32, stimulus);
            self.start = Start::Size;
        } else {
            let (noise, strobe) = (stimulus.random.random::<u32>(), stimulus.random.random_range(0..16));
            self.write(CONTROL_ADDRESS, noise | 1, strobe | 1);
            self.start = Start::Itself;
        }
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

    /// Starts the next product, writes what changes nothing, and reads anything in between.
    fn choose_registers(&mut self, stimulus: &mut Stimulus) {
        if self.answers_due == 0 {
            self.answered();
            if stimulus.chance(5) {
                let address = random_address(stimulus);
                let is_size = [TILES_ADDRESS, STEPS_ADDRESS].contains(&u32::from(address & !3));
                // No start, and no size: the product to be started may take that of the one before.
                let (value, strobe) = (
                    stimulus.random.random::<u32>() & !1,
                    stimulus.random.random_range(0..16),
                );
                self.write(u32::from(address), value, if is_size { 0 } else { strobe });
                // Its answer is none to a start.
                self.is_aside = true;
            } else if let Some(&product) = self.to_start.front()
                && stimulus.offers()
            {
                self.write_start(product, stimulus);
            }
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
            self.answers_due -= 1;
            self.is_refused |= outputs.s_axil.bresp != RESPONSE_OKAY;
        }
        if outputs.m_axis_tvalid && self.take {
            self.results += outputs.m_axis_tdata.len() as u64 / 8;
            self.unfinished -= usize::from(outputs.m_axis_tlast);
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
