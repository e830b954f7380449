//! The activations of the current matrix: written a beat, read a step at a time.

use super::memory::{Beat, Stream};
use crate::link::Offer;
use seedlm_codec::bits::{read_field, sign_extend};
use seedlm_codec::machine::ActivationLayout;

/// The activation memory. It always takes a beat.
#[derive(Clone, Debug)]
pub struct ActivationBuffer {
    activation_bits: u32,
    layout: Option<ActivationLayout>,
    beats: usize,
    bytes: Vec<u8>,
}

impl ActivationBuffer {
    /// An empty buffer for activations of `activation_bits` bits.
    pub fn new(activation_bits: u32) -> Self {
        ActivationBuffer {
            activation_bits,
            layout: None,
            beats: 0,
            bytes: Vec::new(),
        }
    }

    /// Forgets the last matrix.
    pub fn start(&mut self, layout: ActivationLayout) {
        self.layout = Some(layout);
        self.beats = 0;
        self.bytes.clear();
    }

    /// Steps whose activations are all there.
    pub fn steps_loaded(&self) -> usize {
        self.layout.as_ref().map_or(0, |layout| layout.steps_in(self.beats))
    }

    /// The activations of a step that is there.
    pub fn read(&self, step: usize) -> Vec<i64> {
        let layout = self.layout.as_ref().expect("a matrix has been started");
        let width = self.activation_bits as usize;
        (0..layout.activations_per_step)
            .map(|place| {
                let field = read_field(&self.bytes, layout.first_bit(step) + place * width, width);
                sign_extend(field, self.activation_bits) as i64
            })
            .collect()
    }

    /// Clock edge: what the beat FIFO shows; a beat of activations is taken.
    pub fn clock(&mut self, input: &Offer<&Beat>) {
        if let Offer::Valid(beat) = input
            && beat.stream == Stream::Activations
        {
            self.bytes.extend(&beat.bytes);
            self.beats += 1;
        }
    }
}
