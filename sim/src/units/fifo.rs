//! `seedlm_fifo`: a memory with an output register behind it.

use std::collections::VecDeque;

/// Inputs of a cycle.
#[derive(Clone, Debug, Default)]
pub struct FifoInputs<T> {
    /// Whether data are offered.
    pub s_axis_tvalid: bool,
    /// The data; looked at only while `s_axis_tvalid` is high.
    pub s_axis_tdata: T,
    /// Whether the next unit takes data.
    pub m_axis_tready: bool,
}

/// Outputs of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FifoOutputs<'a, T> {
    /// Whether data are taken.
    pub s_axis_tready: bool,
    /// Whether data are offered.
    pub m_axis_tvalid: bool,
    /// The data; `None` while `m_axis_tvalid` is low.
    pub m_axis_tdata: Option<&'a T>,
    /// Entries held, 0 to `depth + 1`.
    pub level: u32,
}

/// A FIFO of `depth` entries in memory and one in the output register. Data pass in two cycles.
#[derive(Clone, Debug)]
pub struct Fifo<T> {
    depth: usize,
    memory: VecDeque<T>,
    output: Option<T>,
}

impl<T> Fifo<T> {
    /// An empty FIFO whose memory has `depth` entries, at least 1.
    pub fn new(depth: usize) -> Self {
        Fifo {
            depth,
            memory: VecDeque::with_capacity(depth),
            output: None,
        }
    }

    /// What the ports show in this cycle.
    pub fn outputs(&self) -> FifoOutputs<'_, T> {
        FifoOutputs {
            s_axis_tready: self.memory.len() != self.depth,
            m_axis_tvalid: self.output.is_some(),
            m_axis_tdata: self.output.as_ref(),
            level: (self.memory.len() + usize::from(self.output.is_some())) as u32,
        }
    }

    /// Clock edge.
    pub fn clock(&mut self, inputs: FifoInputs<T>) {
        let push = inputs.s_axis_tvalid && self.memory.len() != self.depth;
        if self.output.is_none() || inputs.m_axis_tready {
            // What is pushed at this edge cannot be read before the next.
            self.output = self.memory.pop_front();
        }
        if push {
            self.memory.push_back(inputs.s_axis_tdata);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clock(fifo: &mut Fifo<u32>, input: Option<u32>, m_axis_tready: bool) {
        fifo.clock(FifoInputs {
            s_axis_tvalid: input.is_some(),
            s_axis_tdata: input.unwrap_or_default(),
            m_axis_tready,
        });
    }

    #[test]
    fn data_pass_in_two_cycles_one_in_every_cycle() {
        // With a depth of 1 the entry is free only in every second cycle; 2 are enough.
        let mut fifo = Fifo::new(2);
        for value in 0..10_u32 {
            assert!(fifo.outputs().s_axis_tready);
            assert_eq!(fifo.outputs().m_axis_tdata.copied(), value.checked_sub(2));
            clock(&mut fifo, Some(value), true);
        }
    }

    #[test]
    fn it_holds_one_more_than_its_depth() {
        let mut fifo = Fifo::new(3);
        for value in 0..6 {
            clock(&mut fifo, Some(value), false);
        }
        assert_eq!((fifo.outputs().level, fifo.outputs().s_axis_tready), (4, false));
        assert_eq!(fifo.outputs().m_axis_tdata, Some(&0));
        clock(&mut fifo, None, true);
        assert_eq!((fifo.outputs().level, fifo.outputs().s_axis_tready), (3, true));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_repeated_or_reordered(
            depth in 1_usize..6, cycles in prop::collection::vec(any::<(bool, bool)>(), 1..300)
        ) {
            let mut fifo = Fifo::new(depth);
            let (mut next, mut expected) = (0, 0);
            for (offered, m_axis_tready) in cycles.into_iter().chain([(false, true); 9]) {
                let outputs = fifo.outputs();
                prop_assert_eq!(outputs.level, next - expected);
                if m_axis_tready && let Some(&data) = outputs.m_axis_tdata {
                    prop_assert_eq!(data, expected);
                    expected += 1;
                }
                let accepted = offered && outputs.s_axis_tready;
                clock(&mut fifo, offered.then_some(next), m_axis_tready);
                next += u32::from(accepted);
            }
            prop_assert_eq!(next, expected);
        }
    }
}
