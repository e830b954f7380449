//! Finished rows on their way out, a beat at a time.

use super::accumulator::RowSums;
use crate::cause::Cause;
use crate::link::Offer;
use std::collections::VecDeque;

/// One beat of the result stream (`m_axis`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultBeat {
    /// Results, 64 bits each, lowest row first; missing ones of a tile's last beat are zero.
    pub results: Vec<i64>,
    /// Last beat of the matrix (`tlast`).
    pub last: bool,
}

/// A FIFO of tiles of results that are read a beat at a time.
#[derive(Clone, Debug)]
pub struct ResultFifo {
    depth: usize,
    results_per_beat: usize,
    tiles: VecDeque<RowSums>,
    /// Beats of the oldest tile that have left.
    beats_left_behind: usize,
}

impl ResultFifo {
    /// An empty FIFO of `depth` tiles.
    pub fn new(depth: usize, results_per_beat: usize) -> Self {
        ResultFifo {
            depth,
            results_per_beat,
            tiles: VecDeque::new(),
            beats_left_behind: 0,
        }
    }

    /// Whether a tile is taken in this cycle.
    pub fn ready(&self) -> bool {
        self.tiles.len() < self.depth
    }

    /// The next beat.
    pub fn output(&self) -> Offer<ResultBeat> {
        let Some(tile) = self.tiles.front() else {
            return Offer::Empty(Cause::RowsUnfinished);
        };
        let start = self.beats_left_behind * self.results_per_beat;
        let end = tile.sums.len().min(start + self.results_per_beat);
        let mut results = tile.sums[start..end].to_vec();
        results.resize(self.results_per_beat, 0);
        Offer::Valid(ResultBeat {
            results,
            last: tile.last_tile && end == tile.sums.len(),
        })
    }

    /// Clock edge: a tile enters, and the beat leaves if it was taken.
    pub fn clock(&mut self, input: Option<&RowSums>, beat_taken: bool) {
        if beat_taken {
            let tile = self.tiles.front().expect("a beat was taken, so there is a tile");
            self.beats_left_behind += 1;
            if self.beats_left_behind * self.results_per_beat >= tile.sums.len() {
                self.tiles.pop_front();
                self.beats_left_behind = 0;
            }
        }
        self.tiles.extend(input.cloned());
    }
}
