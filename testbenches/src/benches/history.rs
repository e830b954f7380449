//! Drives `seedlm_history`.

use crate::bits::{bit, number};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::Stimulus;
use rand::RngExt;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::units::{History, HistoryInputs};

/// The history of one row.
pub struct HistoryBench {
    width: usize,
    unit: History,
    inputs: HistoryInputs,
    taken: u64,
}

impl HistoryBench {
    /// For a configuration.
    pub fn new(_: &DatapathConfig, format: &WeightFormat) -> Self {
        HistoryBench {
            width: format.history_bits() as usize,
            unit: History::default(),
            inputs: HistoryInputs::default(),
            taken: 0,
        }
    }
}

impl Bench for HistoryBench {
    fn module(&self) -> &'static str {
        "seedlm_history"
    }

    fn choose(&mut self, stimulus: &mut Stimulus) -> Ports<Vec<u8>> {
        self.inputs = HistoryInputs {
            take: stimulus.offers() && stimulus.takes(),
            last: stimulus.chance(20),
            in_end: stimulus.random.random::<u32>() >> (32 - self.width),
        };
        vec![
            ("take", bit(self.inputs.take)),
            ("last", bit(self.inputs.last)),
            ("in_end", number(u64::from(self.inputs.in_end), self.width)),
        ]
    }

    fn expected(&self) -> Ports<Option<Vec<u8>>> {
        let history = number(u64::from(self.unit.out_history()), self.width);
        vec![("out_history", Some(history))]
    }

    fn clock(&mut self) {
        self.taken += u64::from(self.inputs.take);
        self.unit.clock(self.inputs);
    }

    fn reset(&mut self) {
        self.unit = History::default();
    }

    fn checked(&self) -> u64 {
        self.taken
    }
}
