//! A row of registers that moves as one.

use crate::cause::Cause;
use crate::link::Offer;
use std::collections::VecDeque;

/// `stages` registers with one common enable: all move when the last is empty or being taken.
#[derive(Clone, Debug)]
pub struct Pipeline<T> {
    stages: VecDeque<Offer<T>>,
}

impl<T> Pipeline<T> {
    /// An empty pipeline of at least one stage.
    pub fn new(stages: u32) -> Self {
        Pipeline {
            stages: (0..stages.max(1)).map(|_| Offer::Empty(Cause::PipelineFill)).collect(),
        }
    }

    /// Starts a matrix: what the bubbles of the last one were there for no longer counts.
    pub fn start(&mut self) {
        for stage in &mut self.stages {
            assert!(!stage.is_valid(), "data of the last matrix are left");
            *stage = Offer::Empty(Cause::PipelineFill);
        }
    }

    /// The last register.
    pub fn output(&self) -> &Offer<T> {
        self.stages.back().expect("a pipeline has at least one stage")
    }

    /// Whether the pipeline moves, and so takes input, in this cycle.
    pub fn ready(&self, next_ready: bool) -> bool {
        next_ready || !self.output().is_valid()
    }

    /// Clock edge: when it moves, `input` enters (a bubble with its cause, if there is no data).
    pub fn clock(&mut self, input: Offer<T>, next_ready: bool) {
        if self.ready(next_ready) {
            self.stages.pop_back();
            self.stages.push_front(input);
        }
    }
}
