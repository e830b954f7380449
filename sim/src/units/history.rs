//! `seedlm_history`: the end of what a row has stored so far, for formats whose weights see it.

use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;

/// Inputs of a cycle.
#[derive(Clone, Copy, Debug, Default)]
pub struct HistoryInputs {
    /// Whether a group is taken.
    pub take: bool,
    /// Whether it is the last of its row.
    pub last: bool,
    /// The last bits of the group's last word of this row.
    pub in_end: u32,
}

/// The last bits of one row. Before a row stand zeros.
#[derive(Clone, Copy, Debug, Default)]
pub struct History {
    kept: u32,
}

impl History {
    /// The port `out_history` in this cycle.
    pub fn out_history(&self) -> u32 {
        self.kept
    }

    /// Clock edge.
    pub fn clock(&mut self, inputs: HistoryInputs) {
        if inputs.take {
            self.kept = if inputs.last { 0 } else { inputs.in_end };
        }
    }
}

/// The histories of all rows of a tile; none where the format has no history.
#[derive(Clone, Debug)]
pub struct RowHistories {
    rows: Vec<History>,
    words_per_row: usize,
    word_bits: u32,
    history_bits: u32,
}

impl RowHistories {
    /// Those of a machine after reset.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let rows = match format.history_bits() {
            0 => 0,
            _ => config.tile_rows as usize,
        };
        RowHistories {
            rows: vec![History::default(); rows],
            words_per_row: config.words_per_tile_row(),
            word_bits: format.word_bits(),
            history_bits: format.history_bits(),
        }
    }

    /// The last bits of a word.
    fn end(&self, word: u128) -> u32 {
        (word >> (self.word_bits - self.history_bits)) as u32
    }

    /// Clock edge at which a group of words is taken; `last` says whether it is the last of its rows. Gives what the lanes are
    /// given in this cycle: each word above the end of what its row has stored before it.
    pub fn take(&mut self, mut words: Vec<u128>, last: bool) -> Vec<u128> {
        self.take_in_place(&mut words, last);
        words
    }

    /// As [`RowHistories::take`], with what the lanes are given in the place of the words.
    pub fn take_in_place(&mut self, words: &mut [u128], last: bool) {
        if self.rows.is_empty() {
            return;
        }
        let before = |words: &[u128], lane: usize| match lane % self.words_per_row {
            0 => self.rows[lane / self.words_per_row].out_history(),
            _ => self.end(words[lane - 1]),
        };
        let ends: Vec<u32> = (1..=self.rows.len())
            .map(|row| self.end(words[row * self.words_per_row - 1]))
            .collect();
        // Each word is looked at by the one behind it, so the last comes first.
        for lane in (0..words.len()).rev() {
            words[lane] = u128::from(before(words, lane)) | words[lane] << self.history_bits;
        }
        for (row, in_end) in ends.into_iter().enumerate() {
            self.rows[row].clock(HistoryInputs {
                take: true,
                last,
                in_end,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seedlm_codec::{ChainMap, ChainedCode};

    /// 4 bits are stored per weight and 8 in a window, so the history is a word's highest digit.
    fn histories(lanes: u32, tile_rows: u32) -> RowHistories {
        let map = ChainMap::new(8, vec![vec![0x80, 0x01]]).unwrap();
        let format = WeightFormat::Chained(ChainedCode::new(4, map).unwrap());
        let config = DatapathConfig {
            lanes,
            tile_rows,
            ..DatapathConfig::reference(&format)
        };
        RowHistories::new(&config, &format)
    }

    #[test]
    fn a_row_goes_on_where_its_last_group_ended_and_begins_with_zeros() {
        let mut rows = histories(2, 2);
        let first = rows.take(vec![0x1234_5678, 0xabcd_ef01], false);
        assert_eq!(first, [0x1_2345_6780, 0xa_bcde_f010]);
        assert_eq!(rows.take(vec![2, 3], true), [0x21, 0x3a]);
        assert_eq!(rows.take(vec![2, 3], false), [0x20, 0x30]);
    }

    #[test]
    fn neighbouring_words_of_a_row_follow_each_other() {
        let mut rows = histories(4, 2);
        let words = vec![0x1000_0000, 0x2000_0000, 0x3000_0000, 0x4000_0000];
        rows.take(words.clone(), false);
        let second = [0x1_0000_0002, 0x2_0000_0001, 0x3_0000_0004, 0x4_0000_0003];
        assert_eq!(rows.take(words, false), second);
    }

    #[test]
    fn words_that_stand_for_themselves_stay_as_they_are() {
        let format = WeightFormat::named("paper-4b").unwrap();
        let mut rows = RowHistories::new(&DatapathConfig::reference(&format), &format);
        rows.take(vec![7, 8], false);
        assert_eq!(rows.take(vec![1, 2], false), [1, 2]);
    }
}
