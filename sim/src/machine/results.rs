//! Holds the results that leave the machine against the golden product.

use super::MachineError;
use crate::job::Job;

/// The results of one product, as they arrive.
pub struct ResultCheck {
    tile_rows: usize,
    /// Rows of a tile, those that fill up its last beat included.
    places_per_tile: usize,
    places_seen: usize,
    results: Vec<i64>,
}

impl ResultCheck {
    /// No results yet.
    pub fn new(job: &Job, tile_rows: usize, results_per_beat: usize) -> Self {
        ResultCheck {
            tile_rows,
            places_per_tile: tile_rows.next_multiple_of(results_per_beat),
            places_seen: 0,
            results: Vec::with_capacity(job.rows),
        }
    }

    /// Takes a beat that left in a cycle of the run. A tile takes whole beats: what only fills up its last one must be zero,
    /// and rows beyond the matrix must be those of zero bits.
    ///
    /// # Errors
    /// [`MachineError::Wrong`], and [`MachineError::Ports`] for a beat after the last one.
    pub fn take(&mut self, job: &Job, beat: &[u8], cycle: u64) -> Result<(), MachineError> {
        if self.places_seen >= job.order.tiles() * self.places_per_tile {
            return Err(MachineError::Ports {
                name: job.name.clone(),
                cycle,
                reason: "m_axis offers a beat after that of the last results, which had m_axis_tlast 0".into(),
            });
        }
        for bytes in beat.chunks_exact(8) {
            let got = i64::from_le_bytes(bytes.try_into().expect("chunks of 8 bytes"));
            let row_of_tile = self.places_seen % self.places_per_tile;
            let row = self.places_seen / self.places_per_tile * self.tile_rows + row_of_tile;
            let is_row = row_of_tile < self.tile_rows && row < job.rows;
            let expected = match is_row {
                true => job.expected[row],
                false if row_of_tile < self.tile_rows => job.expected_of_padding,
                false => 0,
            };
            if got != expected {
                return Err(MachineError::Wrong {
                    name: job.name.clone(),
                    row,
                    cycle,
                    expected,
                    got,
                });
            }
            if is_row {
                self.results.push(got);
            }
            self.places_seen += 1;
        }
        Ok(())
    }

    /// The results, one per row.
    ///
    /// # Errors
    /// [`MachineError::Missing`] when the machine called a beat the last one too early.
    pub fn finish(self, job: &Job) -> Result<Vec<i64>, MachineError> {
        if self.results.len() != job.rows {
            return Err(MachineError::Missing {
                name: job.name.clone(),
                expected: job.rows,
                got: self.results.len(),
            });
        }
        Ok(self.results)
    }
}
