//! How large the regions of an image are, and where each of them starts.

use super::region::{Region, RegionKind};
use crate::machine::{ActivationLayout, DatapathConfig};
use crate::weights::WeightFormat;

/// Bytes of a row's scale: one binary32 number.
pub(super) const SCALE_BYTES: u64 = 4;

/// Sizes in beats of what belongs to a matrix; `None` where they cannot be counted. The machine must have been checked, and
/// `columns` must fit it.
pub(super) struct Sizes<'a> {
    pub machine: &'a DatapathConfig,
    pub format: &'a WeightFormat,
}

impl Sizes<'_> {
    /// Tiles of a matrix.
    pub fn tiles(&self, rows: usize) -> u64 {
        rows.div_ceil(self.machine.tile_rows as usize) as u64
    }

    /// Steps of a tile.
    pub fn steps(&self, columns: usize) -> u64 {
        let words = self.format.words_per_row(columns);
        words.div_ceil(self.machine.words_per_tile_row()) as u64
    }

    /// Beats of the weight stream.
    pub fn weight_beats(&self, rows: usize, columns: usize) -> Option<u64> {
        let groups = self.tiles(rows).checked_mul(self.steps(columns))?;
        let bits = groups.checked_mul(self.machine.group_bits(self.format) as u64)?;
        Some(bits.div_ceil(self.machine.beat_bits.into()))
    }

    /// Beats of the scales of all rows.
    pub fn scale_beats(&self, rows: usize) -> Option<u64> {
        let bytes = (rows as u64).checked_mul(SCALE_BYTES)?;
        Some(bytes.div_ceil(u64::from(self.machine.beat_bits) / 8))
    }

    /// Beats of the activation stream.
    pub fn activation_beats(&self, columns: usize) -> u64 {
        let layout = ActivationLayout::new(self.machine, self.format);
        layout.beats(self.steps(columns) as usize) as u64
    }

    /// Beats of the result stream.
    pub fn result_beats(&self, rows: usize) -> Option<u64> {
        let beats_per_tile = self.machine.result_beats_per_tile() as u64;
        self.tiles(rows).checked_mul(beats_per_tile)
    }
}

/// Puts regions one behind the other, each at the next aligned address.
pub(super) struct Placement {
    beat_bytes: u64,
    alignment_bytes: u64,
    /// The regions so far.
    pub regions: Vec<Region>,
    /// The first address behind the last of them.
    pub end: u64,
}

impl Placement {
    /// Nothing is placed; the first address is 0.
    pub fn new(beat_bytes: u64, alignment_bytes: u64) -> Self {
        Placement {
            beat_bytes,
            alignment_bytes,
            regions: Vec::new(),
            end: 0,
        }
    }

    /// Places a region of so many beats; `None` where an address would not fit 64 bits.
    pub fn add(&mut self, kind: RegionKind, [rows, columns]: [usize; 2], beats: Option<u64>) -> Option<&mut Region> {
        let beats = beats?;
        let address = self.end.checked_next_multiple_of(self.alignment_bytes)?;
        let bytes = beats.checked_mul(self.beat_bytes)?;
        self.end = address.checked_add(bytes)?;
        self.regions.push(Region {
            kind,
            tensor: None,
            address,
            bytes,
            beats,
            rows,
            columns,
            tiles: None,
            steps: None,
            format: None,
            rotation: None,
            crc32: None,
        });
        self.regions.last_mut()
    }
}
