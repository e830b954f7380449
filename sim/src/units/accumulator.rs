//! Sums up rows over the steps of a tile.

use super::mac_array::PartialSums;
use crate::cause::Cause;
use crate::link::Offer;

/// The finished sums of a tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSums {
    /// Results, row 0 of the tile first.
    pub sums: Vec<i64>,
    /// Last tile of its matrix.
    pub last_tile: bool,
}

/// One accumulator per row of the tile, and a register for finished sums, so that the next tile can start at once.
#[derive(Clone, Debug)]
pub struct Accumulator {
    sums: Vec<i64>,
    finished: Offer<RowSums>,
}

impl Accumulator {
    /// Accumulators for `tile_rows` rows.
    pub fn new(tile_rows: usize) -> Self {
        Accumulator {
            sums: vec![0; tile_rows],
            finished: Offer::Empty(Cause::RowsUnfinished),
        }
    }

    /// Finished sums.
    pub fn output(&self) -> &Offer<RowSums> {
        &self.finished
    }

    /// Whether partial sums are taken in this cycle.
    pub fn ready(&self, next_ready: bool) -> bool {
        next_ready || !self.finished.is_valid()
    }

    /// Clock edge.
    pub fn clock(&mut self, input: &Offer<PartialSums>, next_ready: bool) {
        if !self.ready(next_ready) {
            return;
        }
        self.finished = Offer::Empty(Cause::RowsUnfinished);
        if let Offer::Valid(partial) = input {
            for (sum, &add) in self.sums.iter_mut().zip(&partial.sums) {
                *sum = if partial.tag.first_step { add } else { *sum + add };
            }
            if partial.tag.last_step {
                self.finished = Offer::Valid(RowSums {
                    sums: self.sums.clone(),
                    last_tile: partial.tag.last_tile,
                });
            }
        }
    }
}
