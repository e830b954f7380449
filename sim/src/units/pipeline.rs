//! A row of registers that move together.

use std::collections::VecDeque;

/// `stages` registers: each shift moves every content one register on.
#[derive(Clone, Debug)]
pub struct Pipeline<T> {
    registers: VecDeque<T>,
}

impl<T: Clone> Pipeline<T> {
    /// At least one register, all with the same content.
    pub fn new(stages: u32, content: T) -> Self {
        Pipeline {
            registers: (0..stages.max(1)).map(|_| content.clone()).collect(),
        }
    }

    /// Gives every register the same content.
    pub fn fill(&mut self, content: T) {
        self.registers
            .iter_mut()
            .for_each(|register| *register = content.clone());
    }
}

impl<T> Pipeline<T> {
    /// The last register.
    pub fn last(&self) -> &T {
        self.registers.back().expect("a pipeline has at least one register")
    }

    /// Clock edge at which the first register is loaded by `load`. It finds there what the last register held: room to write
    /// to.
    pub fn shift_in_place(&mut self, load: impl FnOnce(&mut T)) {
        self.registers.rotate_right(1);
        load(&mut self.registers[0]);
    }

    /// Clock edge: `input` enters the first register, the content of the last is gone.
    pub fn shift(&mut self, input: T) {
        self.registers.pop_back();
        self.registers.push_front(input);
    }
}
